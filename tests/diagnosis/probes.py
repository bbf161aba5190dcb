"""Probes: scenarios that tell faults apart, for ports that are known to be wrong.

The designed scenarios decide whether a port is right; these only help to say what is wrong.
"""

from collections.abc import Iterable
from contextlib import suppress

from asgd.spec import Hyperparameters

from ..ports.protocol import Hello, Observation, Port, RaisedError
from ..ports.scenario import Group, Scenario, Set, Step, Vector, drive, single

_STRONG = Hyperparameters(lr=0.5, lambd=0.5, alpha=0.75, t0=2.0, weight_decay=0.25, maximize=False)
_OTHER = _STRONG._replace(lr=0.125, lambd=2.0, alpha=0.5, t0=4.0, weight_decay=0.125)
_THIRD = _STRONG._replace(lr=0.25, lambd=1.0, alpha=1.5, t0=1.0, weight_decay=0.0625)
NONTRIVIAL = (_STRONG, _OTHER, _THIRD)
"""Hyperparameters of which none is 0 or 1, or hides another."""
_START: Vector = (1.0, -0.75, 3.0)


def probes(hello: Hello, dtype: str) -> list[Scenario]:
    """Scenarios for what the port supports."""
    found = [_window(t0) for t0 in (0.5, 2.25, 2.75)]
    if dtype == "float64":
        found.append(_all_bits())
    if "groups" in hello.supports:
        found.append(_three_groups(maximize=False))
        if "maximize" in hello.supports:
            found.append(_three_groups(maximize=True))
    if "set" in hello.supports:
        found += [_changed(name, getattr(_OTHER, name)) for name in _OTHER._fields[:5]]
    if "skip" in hello.supports:
        found.append(_comes_late())
    return found


def traced(
    port: Port, scenarios: Iterable[Scenario], dtype: str
) -> list[tuple[Scenario, list[Observation]]]:
    """Scenarios with their traces; those in which the port raises say nothing here."""
    found = []
    for scenario in scenarios:
        with suppress(RaisedError):
            found.append((scenario, drive(port, scenario, dtype)))
    return found


def _wave(t: int, size: int) -> Vector:
    return tuple((-1.0) ** (t + j) * (1 + 0.25 * t) + 0.125 * j for j in range(size))


def _window(t0: float) -> Scenario:
    """A t0 between two steps, in theta that wanders."""
    hyper = _STRONG._replace(t0=t0)
    return single(hyper, (_START,), tuple((_wave(t, 3),) for t in range(6)))


def _all_bits() -> Scenario:
    """Numbers of 53 bits: nothing of them may be lost."""
    start = (1 / 3, -0.7, 0.1)
    steps = tuple((tuple(x / 3 for x in _wave(t, 3)),) for t in range(5))
    return single(_STRONG._replace(lr=0.1, weight_decay=0.3), (start,), steps)


def _three_groups(*, maximize: bool) -> Scenario:
    """Groups that differ in everything, with more than one parameter each, one of size 1."""
    hypers = [hyper._replace(maximize=maximize and i == 1) for i, hyper in enumerate(NONTRIVIAL)]
    groups = tuple(Group(hyper, (_START, (2.0,))) for hyper in hypers)
    shapes = [len(p) for group in groups for p in group.params]
    steps = tuple(Step(tuple(_wave(t + i, n) for i, n in enumerate(shapes))) for t in range(7))
    return Scenario(groups, steps)


def _changed(name: str, value: float) -> Scenario:
    """One hyperparameter changes in the middle, for two parameters."""
    events: list[Step | Set] = [Step((_wave(t, 3), _wave(t + 1, 2))) for t in range(7)]
    events.insert(3, Set(0, {name: value}))
    return Scenario((Group(_STRONG, (_START, (2.0, -1.0))),), tuple(events))


def _comes_late() -> Scenario:
    """Parameters that come late, or skip while the window is open."""
    gone = ((), (0, 1), (4, 5))
    steps = tuple(
        Step(tuple(None if t in out else _wave(t + i, 3) for i, out in enumerate(gone)))
        for t in range(8)
    )
    return Scenario((Group(_STRONG._replace(t0=3.0), (_START,) * 3),), steps)
