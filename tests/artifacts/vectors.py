"""The frozen vectors of ``spec/vectors/``: made of designed runs and their certified trajectories.

``spec/vectors.md`` says what they mean to a port and what may change in them.
"""

import contextlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, POLICIES, Convention, Hyperparameters

from ..faults.catalogue import CHANGES, combine
from ..faults.port import VariantPort
from ..faults.variant import Variant
from ..oracle.end_to_end import Known, Shown, trajectories
from ..ports import wire
from ..ports.protocol import Observation, PortError
from ..ports.scenario import Group, Scenario, Set, Step, Vector, drive, single
from ..ports.wire import requests
from ..scenarios.strong import STRONG, wave

_ZEROS = re.compile(r"(0x[01](?:\.[0-9a-f]*[1-9a-f])?)\.?0*p")

SCHEMA = "asgd-vectors/1"
COMMAND = "python -m asgd.tests.artifacts vectors"

_PLAIN = Hyperparameters(lr=0.5, lambd=0.0, alpha=0.0, t0=1e6, weight_decay=0.0, maximize=False)
_DEFAULT = Hyperparameters(
    lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False
)
_PENALTY = _PLAIN._replace(weight_decay=0.25)
_OTHER = STRONG._replace(lr=0.125, lambd=2.0, alpha=0.5, t0=1.0, weight_decay=0.0)
_THETA: Vector = (1.0, -0.75, 3.0)


def _run(hyper: Hyperparameters, steps: int = 4, theta: Vector = _THETA) -> Scenario:
    return single(hyper, (theta,), tuple((wave(t, len(theta)),) for t in range(steps)))


def _impulses(hyper: Hyperparameters) -> Scenario:
    steps = 6
    units = [tuple(float(i == j) for i in range(steps)) for j in range(steps)]
    return single(hyper, ((0.0,) * steps,), tuple((unit,) for unit in units))


def _skips() -> Scenario:
    patterns = ((), (0, 1), (2, 3))
    steps = (
        Step(tuple(None if t in gone else wave(t + i, 2) for i, gone in enumerate(patterns)))
        for t in range(6)
    )
    return Scenario((Group(STRONG, (_THETA[:2],) * 3),), tuple(steps))


def _groups() -> Scenario:
    steps = tuple(Step((wave(t, 2), wave(t + 1, 2))) for t in range(5))
    return Scenario((Group(STRONG, (_THETA[:2],)), Group(_OTHER, (_THETA[:2],))), steps)


def _changed(**changes: float) -> Scenario:
    events: list[Step | Set] = [Step((wave(t, 2),)) for t in range(7)]
    events.insert(4, Set(0, changes))
    return Scenario((Group(STRONG, (_THETA[:2],)),), tuple(events))


UNSAID = "changed-t0"


def cases() -> dict[str, tuple[str, Scenario]]:
    """Slug of each case, with what failing it means, and its scenario."""
    window = "the averaging window (E4, E5) opens at another step, or has another divisor"
    return {
        "update": (
            "the bare update theta - lr grad is wrong (E3), or the average before its window",
            _run(_PLAIN),
        ),
        "penalty": ("weight_decay theta is not added to the gradient (E1)", _run(_PENALTY)),
        "ascent": (
            "maximize does not turn the sign of the gradient (E1)",
            _run(_PLAIN._replace(maximize=True)),
        ),
        "ascent-penalty": (
            "under maximize the sign of the penalty is turned too, which it must not be (E1)",
            _run(_PENALTY._replace(maximize=True)),
        ),
        "decay": (
            "the decay lambd theta is missing from the update, or unscaled by eta (E3)",
            _run(_PLAIN._replace(lambd=0.25)),
        ),
        "step-size": (
            "the step size is not lr / (1 + lambd lr t)^alpha (E2), or t is another one",
            _impulses(_PLAIN._replace(lambd=0.5, alpha=0.75)),
        ),
        "step-size-square": (
            "alpha is not used as the exponent (E2)",
            _impulses(_PLAIN._replace(lr=2.0, lambd=0.25, alpha=2.0)),
        ),
        "window-0": (f"{window}; with t0 = 0", _run(_PLAIN._replace(t0=0.0), 6)),
        "window-1": (f"{window}; with t0 = 1", _run(_PLAIN._replace(t0=1.0), 6)),
        "window-3": (f"{window}; with t0 = 3", _run(_PLAIN._replace(t0=3.0), 7)),
        "window-between": (
            f"{window}; t0 = 2.5 lies between two steps",
            _run(_PLAIN._replace(t0=2.5), 7),
        ),
        "window-never": (
            "t0 = inf is refused or averages: it means never",
            _run(_PLAIN._replace(t0=math.inf)),
        ),
        "everything": (
            "all parts together go wrong, where each alone may be right (E6)",
            _run(STRONG, 8),
        ),
        "defaults": (
            "the default hyperparameters, whose decay is small beside one rounding of theta",
            _run(_DEFAULT, 6),
        ),
        "skip": (
            "a parameter without gradient must be left alone, and its steps not counted (E6)",
            _skips(),
        ),
        "groups": ("each group has its own hyperparameters (E6)", _groups()),
        "changed-lr": (
            "a changed lr takes effect at another step than it must (E6)",
            _changed(lr=0.125),
        ),
        "changed-decay": (
            "a changed lambd and weight_decay take effect at other steps than they must (E6)",
            _changed(lambd=2.0, weight_decay=0.0),
        ),
        "changed-t0": (
            "a changed t0 takes effect at another step than it must (E6)",
            _changed(t0=5.0),
        ),
        "nine": (
            "arrays of nine elements: the tail of a loop by eight or four is wrong",
            _run(STRONG, 2, tuple(0.5 + j for j in range(9))),
        ),
        "wide": (
            "large and small numbers side by side",
            _run(STRONG, 3, (2.0**40, 2.0**-40, -(2.0**-100))),
        ),
    }


# Files.


def documents() -> dict[str, str]:
    """Text of each file, by its name."""
    return {f"{name}.json": _text(document(rule)) for name, rule in CONVENTIONS.items()}


def document(rule: Convention) -> dict[str, Any]:
    """All cases of one convention, in both dtypes."""
    return {
        "schema": SCHEMA,
        "convention": rule.name,
        "summary": rule.summary,
        "policy": "native",
        "generated_by": COMMAND,
        "cases": [
            case(slug, comment, scenario, rule, dtype)
            for dtype in formats
            for slug, (comment, scenario) in cases().items()
            # No document says what becomes of a sum that is not a mean when t0 changes.
            if not (rule.divisor == "t-t0" and slug == UNSAID)
        ],
    }


def case(
    slug: str, comment: str, scenario: Scenario, rule: Convention, dtype: str
) -> dict[str, Any]:
    """One case: what to open, and after each step what must be seen."""
    arithmetic = Arithmetic(formats[dtype], POLICIES["native"])
    start, *events = requests(scenario, dtype)
    known = list(trajectories(scenario, rule, arithmetic))
    rest = iter(known)
    entries = [e if e["op"] == "set" else {**e, **_expected(next(rest), dtype)} for e in events]
    exposed = [
        ident for ident, trace in faulty(scenario, rule, dtype) if differs(known, trace, dtype)
    ]
    return {
        "id": f"{rule.name}/{dtype}/{slug}",
        "comment": comment,
        "exposes": exposed,
        "dtype": dtype,
        "groups": start["groups"],
        "events": entries,
    }


def _expected(shown: Sequence[Shown], dtype: str) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key in ("eta", "theta", "mu", "average"):
        pairs = [_pairs(getattr(s, key), dtype) for s in shown]
        out[key] = [None if p is None else p[0] for p in pairs]
        out[f"{key}_bound"] = [None if p is None else p[1] for p in pairs]
    return out


def _pairs(known: Known | list[Known] | None, dtype: str) -> tuple[Any, Any] | None:
    if known is None:
        return None
    if isinstance(known, list):
        pairs = [_pair(k, dtype) for k in known]
        return [value for value, _ in pairs], [bound for _, bound in pairs]
    return _pair(known, dtype)


def _pair(known: Known, dtype: str) -> tuple[str, str]:
    value, bound = known.rounded(formats[dtype])
    return wire.number(value), wire.number(_short(bound))


def _short(bound: float) -> float:
    """``bound`` rounded up to 12 bits: nobody needs more of it."""
    fraction, exponent = math.frexp(bound)
    return math.ldexp(math.ceil(fraction * 4096) / 4096, exponent)


def _text(content: Mapping[str, Any]) -> str:
    """JSON with one line an event: small, and a difference of versions can be read."""
    head = {k: v for k, v in content.items() if k != "cases"}
    lines = [json.dumps(head, indent=1)[:-2] + ',\n "cases": [']
    for i, entry in enumerate(content["cases"]):
        outer = {k: v for k, v in entry.items() if k != "events"}
        events = ",\n".join(f"   {_compact(event)}" for event in entry["events"])
        comma = "," if i + 1 < len(content["cases"]) else ""
        lines.append(f'  {_compact(outer)[:-1]},"events":[\n{events}]}}{comma}')
    return "\n".join([*lines, " ]", "}"]) + "\n"


def _compact(content: Any) -> str:
    # Zeros at the end of a hexadecimal number are a third of the files.
    return _ZEROS.sub(r"\1p", json.dumps(content, separators=(",", ":")))


# What a case exposes.


def faulty(scenario: Scenario, rule: Convention, dtype: str) -> Iterator[tuple[str, Any]]:
    """Known faults, by id, with what a port that has them shows in ``scenario``."""
    for quantity in ("eta", "mu"):
        yield f"{quantity}-float32-stored", _narrow(scenario, rule, dtype, quantity)
    for ident in CHANGES:
        variant = combine(Variant.of(rule), ident)
        if variant is None:
            continue
        # A rule that has no value for an infinite t0 cannot be shown by it.
        with contextlib.suppress(PortError):
            yield ident, drive(VariantPort(variant), scenario, dtype)


def differs(known: Sequence[Sequence[Shown]], trace: Sequence[Observation], dtype: str) -> bool:
    """Whether theta or an average of ``trace`` is beyond the bounds."""
    for shown, seen in zip(known, trace, strict=True):
        for i, entry in enumerate(shown):
            for want, got in ((entry.theta, seen.theta[i]), (entry.average, seen.average[i])):
                if want is None or got is None:
                    continue
                for number, x in zip(want, got, strict=True):
                    value, bound = number.rounded(formats[dtype])
                    if not abs(x - value) <= bound:
                        return True
    return False


def _narrow(scenario: Scenario, rule: Convention, dtype: str, quantity: str) -> list[Observation]:
    """A port that keeps eta or mu in float32: the exact ones, rounded; all else in the dtype."""
    kind = np.dtype(dtype).type
    arithmetic = Arithmetic(formats[dtype], POLICIES["native"])
    hypers = [g.hyper for g in scenario.groups for _ in g.params]
    owner = [i for i, g in enumerate(scenario.groups) for _ in g.params]
    thetas = [np.array(p, dtype) for p in scenario.params]
    means = [p.copy() for p in thetas]
    known = trajectories(scenario, rule, arithmetic)
    seen = []
    for event in scenario.events:
        if isinstance(event, Set):
            changes: dict[str, Any] = dict(event.changes)
            hypers = [
                h._replace(**changes) if o == event.group else h
                for h, o in zip(hypers, owner, strict=True)
            ]
        if not isinstance(event, Step):
            continue
        for i, (shown, grad) in enumerate(zip(next(known), event.grads, strict=True)):
            if grad is None or shown.eta is None or shown.mu is None:
                continue
            h = hypers[i]
            scalars = {"eta": shown.eta, "mu": shown.mu}
            eta, mu = (
                kind(k.rounded(formats["float32" if name == quantity else dtype])[0])
                for name, k in scalars.items()
            )
            total = np.array(grad, dtype) * (-1 if h.maximize else 1)
            total = total + kind(h.weight_decay) * thetas[i] + kind(h.lambd) * thetas[i]
            thetas[i] = thetas[i] - eta * total
            means[i] = means[i] + mu * (thetas[i] - means[i])
        nothing = (None,) * len(thetas)
        rows = [tuple(tuple(x.tolist()) for x in rows) for rows in (thetas, means)]
        seen.append(Observation(rows[0], rows[1], nothing, nothing))
    return seen


# Checking and writing.


def stale(folder: Path) -> list[str]:
    """Names of the files in ``folder`` that are not what this version writes."""
    wanted = documents()
    present = {path.name for path in folder.glob("*.json")}
    changed = [
        name
        for name, text in wanted.items()
        if name not in present or (folder / name).read_text(encoding="utf-8") != text
    ]
    return sorted([*changed, *(present - set(wanted))])


def write(folder: Path) -> list[Path]:
    """Write all files into ``folder``."""
    paths = []
    for name, text in documents().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
