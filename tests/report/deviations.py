"""A deviation as the report states it: what is wrong, where it shows, and what is read out."""

from collections.abc import Mapping
from typing import Any

from asgd.reference.rounding import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import EQUATIONS, EquationName, policy

from ..diagnosis import in_words
from ..diagnosis.impulse_response import Readout
from ..faults.catalogue import CHANGES
from ..laws.outcome import Failure
from ..ports.scenario import PausedScenario, Scenario, Set, Step
from ..verify import result as results
from ..verify.result import DtypeResult
from . import model
from .numbers import expected, finite, number
from .reproduction import exchange
from .series import Rung, ladder
from .statements import should

_ANY = model.Interval("-inf", "inf", "-inf", "inf")


def deviation(one: results.Deviation, found: DtypeResult) -> model.Deviation:
    """The report's entry of a deviation."""
    waiver = found.waiver(one)
    does = one.does
    if not does and one.equation == "step_size" and found.readout and found.readout.guess:
        does = f"eta = {found.readout.guess}"
    # A rule breaks its equation, whichever law found it.
    meant = should(one.equation, "" if one.id in CHANGES else one.law)
    fix = f"Fix: {one.fix}{'' if one.fix.endswith('?') else '.'}" if one.fix else ""
    parts = [f"Computed instead: {does}." if does else "", fix]
    return model.Deviation(
        id=one.id,
        equation=EQUATIONS[one.equation].id,
        dtype=found.dtype,  # type: ignore[arg-type] # one of DTYPES
        law=one.home,
        title=one.title,
        does=does,
        should=meant,
        fix=one.fix,
        explanation=" ".join(part for part in parts if part),
        evidence=_evidence(one, found),
        coincides_with=one.coincides,
        waived=waiver is not None,
        waiver=waiver.reason if waiver else None,
    )


def _evidence(one: results.Deviation, found: DtypeResult) -> model.Evidence:
    scenario = one.failure.scenario
    changes, skips, steps = [], [], 0
    for event in scenario.events:
        if isinstance(event, Step):
            steps += 1
            gone = [i for i, grad in enumerate(event.grads) if grad is None]
            if steps <= one.failure.judgement.call:
                skips += [model.Skip(steps, i) for i in gone]
        elif isinstance(event, Set) and steps < one.failure.judgement.call:
            changes.append(model.Change(steps + 1, event.group, _numbers(event.changes)))
    sizes = [len(p) for p in scenario.params]
    at = one.failure.judgement.parameter
    return model.Evidence(
        first_divergence=divergence(one.failure, one.equation, one.dtype, found.policy),
        groups=tuple(
            model.Group(
                _numbers({k: v for k, v in g.hyper._asdict().items() if k != "maximize"}),
                g.hyper.maximize,
            )
            for g in scenario.groups
        ),
        changes=tuple(changes),
        pause=_pause(scenario) if one.law == "resume" else None,
        parameters=len(sizes),
        elements=sizes[at] if at < len(sizes) else 0,
        requests=tuple(exchange(one)),
        ladder=_ladder(one, found),
        skips=tuple(skips),
    )


def _ladder(one: results.Deviation, found: DtypeResult) -> tuple[Rung, ...]:
    if found.series is None:
        return ()
    pairs = zip(found.deviations, found.series.ladders, strict=False)
    return next((ladder(rungs) for other, rungs in pairs if other is one), ())


def _pause(scenario: Scenario) -> int | None:
    """Steps before the state is saved and loaded."""
    if not isinstance(scenario, PausedScenario):
        return None
    return sum(isinstance(event, Step) for event in scenario.events[: scenario.pause])


def _numbers(values: Mapping[str, Any]) -> dict[str, model.Number]:
    return {name: number(float(value)) for name, value in values.items()}


def divergence(
    failure: Failure, equation: EquationName, dtype: str, policy_name: str
) -> model.Divergence:
    """Where a failure shows: step, parameter, element, quantity; expected and got."""
    judgement = failure.judgement
    arithmetic = Arithmetic(formats[dtype], policy(policy_name))
    return model.Divergence(
        dtype=dtype,  # type: ignore[arg-type] # one of DTYPES
        step=judgement.call,
        parameter=judgement.parameter,
        element=judgement.element,
        quantity=judgement.quantity,
        equation=EQUATIONS[equation].id,
        # What raises has no number, and no number is expected of it.
        expected=_ANY if failure.raised else expected(judgement.exact, judgement.wanted),
        got=number(judgement.got),
        error_ulp=finite(judgement.error_ulp(arithmetic)),
        error_bounds=finite(judgement.error_bounds),
        raised=failure.raised or None,
    )


def readout(found: Readout, dtype: str) -> dict[str, Any]:
    """What was recovered of a port that no known rule explains."""
    rows = ("eta", "true_eta", "decay", "true_decay", "gradient", "true_gradient")
    weights = found.weights
    u = formats[dtype].u
    pairs = {
        name: (getattr(found, name), getattr(found, f"true_{name}"))
        for name in ("eta", "decay", "gradient")
    }
    pairs["weights"] = (weights.got, weights.expected) if weights else ((), ())
    shown = {
        name: {
            "digits": in_words.digits(*pair, u),
            "first": next(iter(in_words.differing(*pair, u)), None),
            "words": (in_words.of_weights if name == "weights" else in_words.of_numbers)(*pair, u),
        }
        for name, pair in pairs.items()
    }
    return {
        "hyper": found.hyper,
        "parameter": found.parameter,
        "parameters": found.parameters,
        **{row: [float(x).hex() for x in getattr(found, row)] for row in rows},
        "weights": [x.hex() for x in weights.got] if weights else [],
        "true_weights": [x.hex() for x in weights.expected] if weights else [],
        "t0": float(weights.t0).hex() if weights else None,
        "given": found.given,
        "guess": found.guess,
        "linear": found.linear,
        "shown": shown,
    }
