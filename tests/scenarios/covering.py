"""Covering scenarios: features and their classes, every pair of which occurs where it matters.

The arrays in ``covering.json`` were made by ``tests/meta/studies/arrays.py``: each row names one
class of each feature. They are the same for every seed. A feature that a port lacks falls back to
its first class, and what is left still covers.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from ..ports.scenario import Group, PausedScenario, Scenario, Set, Step, Vector

FEATURES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "groups": ("one", "two", "equal lr", "three"),
        "parameters": ("two", "one", "many"),
        "skips": ("none", "late", "gap", "never"),
        "change": ("none", "first", "early", "late", "thrice"),
        "changed": ("lr", "lambd", "alpha", "t0", "weight_decay"),
        "to": ("larger", "smaller", "zero"),
        "place": ("first", "last"),
        "save": ("none", "early", "late", "twice"),
        "length": ("short", "medium", "long"),
        "lr": ("strong", "mild", "large"),
        "lambd": ("strong", "none", "small", "large"),
        "alpha": ("usual", "none", "one", "large"),
        "t0": ("inside", "zero", "between", "near", "late", "far"),
        "weight_decay": ("none", "strong", "large"),
        "ascent": ("none", "all", "first", "last"),
        "numbers": ("simple", "precise", "large", "nan"),
    }
)
"""Classes by feature; the first is what a port without the feature is asked."""

NEEDS: Mapping[str, str] = MappingProxyType(
    {
        "groups": "groups",
        "skips": "skip",
        "change": "set",
        "save": "save",
        "ascent": "maximize",
    }
)
"""What a port must support for a feature."""

Row = Mapping[str, str]

_NEAR = 2 + 2.0**-14
_STEPS = {"short": 8, "medium": 14, "long": 30}
_VALUES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "lr": {"strong": 0.5, "mild": 0.01, "large": 6.0},
        "lambd": {"strong": 0.5, "none": 0.0, "small": 1e-4, "large": 6.0},
        "alpha": {"usual": 0.75, "none": 0.0, "one": 1.0, "large": 12.0},
        "t0": {
            "inside": 3.0,
            "zero": 0.0,
            "between": 2.5,
            "near": _NEAR,
            "late": 20.0,
            "far": 2.0**32 + 3,
        },
        "weight_decay": {"none": 0.0, "strong": 0.25, "large": 6.0},
    }
)
_LARGER = {"lr": 0.75, "lambd": 7.0, "alpha": 1.5, "t0": 6.0, "weight_decay": 7.0}
_SMALLER = {"lr": 0.125, "lambd": 0.25, "alpha": 0.5, "t0": 1.0, "weight_decay": 0.125}
# Sizes of parameters, in turn; where there are many, some are empty.
_SIZES = (2, 1, 3, 2)
_MANY = (2, 1, 0, 1, 3, 1)


def read(name: str) -> list[Row]:
    """Rows of an array: "pairs" or "triples"."""
    return list(_read()[name])


@lru_cache(maxsize=1)
def _read() -> Mapping[str, list[Row]]:
    data = json.loads(files(__package__).joinpath("covering.json").read_text(encoding="utf-8"))
    assert data["features"] == {name: list(classes) for name, classes in FEATURES.items()}
    return {name: [decoded(row) for row in data[name]] for name in ("pairs", "triples")}


def decoded(digits: str) -> Row:
    """Row that a string names: one digit for each feature, the number of its class."""
    pairs = zip(digits, FEATURES.items(), strict=True)
    return {name: classes[int(digit)] for digit, (name, classes) in pairs}


def supported(row: Row, supports: frozenset[str]) -> Row:
    """The row without what a port does not support."""
    return {
        name: value if NEEDS.get(name, "") in {"", *supports} else FEATURES[name][0]
        for name, value in row.items()
    }


def matters(row: Row) -> frozenset[str]:
    """Features whose class makes a difference in the row."""
    out = set(FEATURES)
    before = _hyper(row, _place(row))._asdict()[row["changed"]]
    if row["change"] == "none":
        out -= {"changed", "to", "place"}
    elif all(value == before for _, value in _changes(row, _STEPS[row["length"]])):
        out -= {"change", "changed", "to", "place"}
    if row["groups"] == "one":
        out -= {"place"} if row["place"] == "last" else set()
        out -= {"ascent"} if row["ascent"] in {"first", "last"} else set()
    if row["parameters"] == "one":
        out -= {"skips"} if row["skips"] == "never" else set()
        out -= {"numbers"} if row["numbers"] == "nan" else set()
    return frozenset(out)


def covered(row: Row, strength: int) -> Iterator[tuple[tuple[str, str], ...]]:
    """Combinations of so many classes that occur in the row, and matter there."""
    names = [name for name in FEATURES if name in matters(row)]
    for some in combinations(names, strength):
        yield tuple((name, row[name]) for name in some)


def scenarios(
    rows: Sequence[Row], supports: frozenset[str], dtype: str, *, saved: bool
) -> list[Scenario]:
    """Scenarios of rows, for what a port supports; those with a save, or all as they are."""
    made = []
    seen = set()
    for number, row in enumerate(rows):
        known = supported(row, supports)
        key = tuple(known.values())
        if key in seen or (saved and known["save"] == "none"):
            continue
        seen.add(key)
        scenario = build(known, dtype, number)
        made.append(_paused(scenario, known) if saved else scenario)
    return made


def build(row: Row, dtype: str, number: int = 0) -> Scenario:
    """Scenario of a row; ``number`` varies its gradients."""
    steps = _STEPS[row["length"]]
    count = {"one": 1, "two": 2, "equal lr": 2, "three": 3}[row["groups"]]
    sizes = _sizes(row, count)
    hypers = [_hyper(row, g, count) for g in range(count)]
    if row["t0"] == "near":
        # As near to an integer as a number of the dtype can be: a port may round it to that.
        hypers = [h._replace(t0=_just_above(math.floor(h.t0), dtype)) for h in hypers]
    groups = tuple(
        Group(
            hypers[g],
            tuple(_numbers(row, dtype, -1, i, n) for i, n in enumerate(own, 7 * g)),
        )
        for g, own in enumerate(sizes)
    )
    events: list[Step | Set] = []
    changes = dict(_changes(row, steps))
    for t in range(steps):
        if t in changes:
            events.append(Set(_place(row), {row["changed"]: changes[t]}))
        grads: list[Vector | None] = []
        for g, own in enumerate(sizes):
            for i, n in enumerate(own):
                rests = _rests(row, t, last=i == len(own) - 1)
                grad = _numbers(row, dtype, t + number, i + 7 * g, n)
                spoiled = row["numbers"] == "nan" and t == 3 and g == 0 and i == 0
                grads.append(None if rests else (math.nan, *grad[1:]) if spoiled else grad)
        events.append(Step(tuple(grads)))
    return Scenario(groups, tuple(events))


def _just_above(whole: int, dtype: str) -> float:
    kind = np.dtype(dtype).type
    return float(np.nextafter(kind(whole), kind(np.inf)))


def _paused(scenario: Scenario, row: Row) -> PausedScenario:
    early, late = 3, len(scenario.events) - 2
    pause = early if row["save"] == "early" else late
    earlier = early if row["save"] == "twice" else None
    return PausedScenario(scenario.groups, scenario.events, pause, earlier)


def _sizes(row: Row, groups: int) -> list[tuple[int, ...]]:
    if row["parameters"] == "many":
        per = 20 // groups
        return [tuple(_MANY[(i + g) % len(_MANY)] for i in range(per)) for g in range(groups)]
    count = 1 if row["parameters"] == "one" else 2
    return [_SIZES[g : g + count] for g in range(groups)]


def _hyper(row: Row, group: int, count: int = 2) -> Hyperparameters:
    """Hyperparameters of a group: those of the row, and in later groups some turned a little."""
    values = {name: classes[row[name]] for name, classes in _VALUES.items()}
    if group:
        # An equal lr leaves every other hyperparameter different.
        values["lr"] *= 1.0 if row["groups"] == "equal lr" else 1 - group / 4
        values["lambd"] = values["lambd"] * (1 + group / 4)
        values["alpha"] = values["alpha"] * (1 - group / 8)
        values["t0"] = values["t0"] + group * (values["t0"] < 10)
        values["weight_decay"] = values["weight_decay"] * (1 + group / 8)
    turned = {"none": False, "all": True, "first": group == 0, "last": group == count - 1}
    return Hyperparameters(**values, maximize=turned[row["ascent"]])


def _place(row: Row) -> int:
    count = {"one": 1, "two": 2, "equal lr": 2, "three": 3}[row["groups"]]
    return count - 1 if row["place"] == "last" else 0


def _changes(row: Row, steps: int) -> Iterator[tuple[int, float]]:
    """Steps before which a hyperparameter changes, and to what."""
    name = row["changed"]
    value = {"zero": 0.0, "larger": _LARGER[name], "smaller": _SMALLER[name]}[row["to"]]
    when = {"none": (), "first": (0,), "early": (3,), "late": (steps - 4,), "thrice": (2, 4, 5)}
    before = _hyper(row, _place(row))._asdict()[name]
    for turn, t in enumerate(when[row["change"]]):
        # A t0 that is past is outside the domain (E6): it counts from the next step.
        past = t + 1 if name == "t0" and t else 0
        yield t, past + (before if turn == 1 else value)


def _rests(row: Row, t: int, *, last: bool) -> bool:
    """Whether a parameter has no gradient: the last of each group, in some steps or all."""
    resting: Mapping[str, Any] = {"none": (), "late": (0, 1), "gap": (2, 3, 4), "never": range(99)}
    return last and t in resting[row["skips"]]


def _numbers(row: Row, dtype: str, t: int, i: int, size: int) -> Vector:
    """A parameter (``t`` = -1) or a gradient: no two steps, parameters or elements alike."""
    j = np.arange(size)
    plain = (-1.0) ** (t + i + j) * (1 + 0.25 * ((t + 2 * i) % 5)) + 0.125 * (j + i % 4)
    if row["numbers"] == "precise":
        plain = plain * (1 + np.pi / 64)
    if row["numbers"] == "large":
        plain = plain * 2.0**52
    return tuple(plain.astype(dtype).astype(float).tolist())
