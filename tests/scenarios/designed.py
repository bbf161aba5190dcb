"""Designed scenarios: small, strong, and the same in every run.

Strong hyperparameters (lambd lr >= 0.1, small t0) make wrong formulas differ by thousands of bounds
within ten steps, where realistic ones (lambd = 1e-4, t0 = 1e6) hide them below the roundings.
"""

import math

from asgd.spec import Hyperparameters

from ..ports.scenario import Group, Scenario, Set, Step, Vector, single

_PLAIN = Hyperparameters(lr=0.5, lambd=0.0, alpha=0.0, t0=1e6, weight_decay=0.0, maximize=False)
_THETA: Vector = (1.0, -0.75, 3.0)
_GRAD: Vector = (0.5, 2.0, -1.25)
_FOUR: Vector = (1.0, -0.75, 3.0, 0.5)


def gauged(hyper: Hyperparameters, theta: Vector, grads: tuple[Vector, ...]) -> Scenario:
    """Scenario with one more element for each step, 0 before it, with gradient 1: it shows eta."""
    steps = len(grads)
    start = (*theta, *(0.0,) * steps)
    return single(hyper, (start,), tuple(((*g, *_unit(steps, t)),) for t, g in enumerate(grads)))


def gradient(supports: frozenset[str]) -> list[Scenario]:
    """E1: theta = theta - eta (s grad + weight_decay theta); once with lambd beside the penalty."""
    turns = (False, True) if "maximize" in supports else (False,)
    plain = [_PLAIN._replace(maximize=turn) for turn in turns]
    # The decay is idle in all but the last, so that what fails before is not the decay's fault.
    hypers = [*plain, *(hyper._replace(weight_decay=0.25) for hyper in plain)]
    hypers += [hyper._replace(weight_decay=0.25, lambd=0.5, alpha=0.75) for hyper in plain]
    return [gauged(hyper, _THETA, (_GRAD, _GRAD, _GRAD)) for hyper in hypers]


def step_size(_supports: frozenset[str]) -> list[Scenario]:
    """E2: element j is 0 until its one gradient, 1 at step j: theta_j = -eta_j, and no decay."""
    steps = 10
    impulses = tuple((_unit(steps, j),) for j in range(steps))
    zeros = (0.0,) * steps
    hypers = [
        _PLAIN._replace(lr=0.5, lambd=0.5, alpha=0.75),
        _PLAIN._replace(lr=2.0, lambd=0.25, alpha=2.0),
        # Eta does not depend on t0.
        _PLAIN._replace(lr=0.1, lambd=3.0, alpha=0.3, t0=3.0),
        _PLAIN._replace(lr=0.5, lambd=0.5, alpha=0.75, weight_decay=0.25),
        _PLAIN._replace(lr=0.5, lambd=0.125, alpha=8.0),
        _PLAIN._replace(lr=0.0, lambd=0.5, alpha=0.75),
        _PLAIN._replace(lr=0.01, lambd=1e-4, alpha=0.75),
        # Eta is lr, whatever stands in the bracket.
        _PLAIN._replace(lr=0.5, lambd=0.5, alpha=0.0),
        # It is so without a decay, too; and what has no gradient does not move at all.
        _PLAIN._replace(lr=0.5, lambd=0.0, alpha=0.75),
    ]
    # Powers for which a port may have a shorter way, and those that are near to one of them.
    powers = (0.25, 0.5, 1.0, 1.25, 1.5, 2.5, 3.0, 4.0, 1 / 3, 2 / 3, 1 + 2.0**-18, 0.75 + 2.0**-19)
    short = 3
    runs = [single(hyper, (zeros,), impulses) for hyper in hypers]
    shorter = tuple((_unit(short, j),) for j in range(short))
    hyper = _PLAIN._replace(lr=2.0, lambd=0.5)
    hypers = [hyper._replace(alpha=a) for a in powers]
    # Brackets that something may stop: beyond a thousand, and beyond a million.
    hypers += [hyper._replace(lr=2.0**k, lambd=4.0, alpha=0.9) for k in (12, 24)]
    return [*runs, *(single(hyper, (zeros[:short],), shorter) for hyper in hypers)]


def descend(supports: frozenset[str]) -> list[Scenario]:
    """E3: theta = theta - eta (grad + lambd theta), with and without a decay of eta."""
    still = (0.0,) * len(_THETA)
    grads = (_GRAD, still, _GRAD)
    hypers = (
        _PLAIN._replace(lambd=0.25),
        _PLAIN._replace(lambd=0.25, alpha=0.75),
        _PLAIN._replace(lambd=3.0, alpha=0.5),
    )
    scenarios = [gauged(hyper, _THETA, grads) for hyper in hypers]
    if "maximize" in supports:
        scenarios.append(gauged(hypers[1]._replace(maximize=True), _THETA, grads))
    # Longer than the vectors of any kernel by a few elements, which are its tail: 131 in all.
    scenarios.append(gauged(hypers[0], _ramp(130), (_ramp(130)[::-1],)))
    # Subnormal in float32, or in float64; those of float64 are zeros of float32.
    small = (2.0**-130, -(2.0**-141), 2.0**-1030, -(2.0**-1061))
    return [*scenarios, gauged(hypers[0], small, (small, small))]


def averaging_weight(_supports: frozenset[str]) -> list[Scenario]:
    """E4: element j is 1 after step j alone, so that its average is the weight of theta_j."""
    steps = 9
    hyper = _PLAIN._replace(lr=1.0)
    start = _unit(steps, 0)
    grads = tuple((_moves(steps, j),) for j in range(steps - 1))
    # Also just beyond a step, and beyond what 32 bits hold.
    t0s = (0.0, 1.0, 2.0, 2.5, 4.0, 50.0, 3.25, 3 + 2.0**-20, 2.0**32 + 3)
    hypers = [hyper._replace(t0=t0) for t0 in t0s]
    # A weight made of alpha rounds a t0 between two steps in its own way: alpha = 0 would hide it.
    hypers[3] = hypers[3]._replace(alpha=0.75)
    return [single(hyper, (start,), grads) for hyper in hypers]


def average(_supports: frozenset[str]) -> list[Scenario]:
    """E5: theta wanders on a grid; element 0 swings widely, and shows the weight."""
    hyper = _PLAIN._replace(lr=1.0)
    start: Vector = (8.0, 1.0, -2.0, 0.5, 3.0)
    grads = tuple(
        ((16.0 * (-1) ** t, 0.25 * t, -0.5, (-1.0) ** t, 0.125 * t * t),) for t in range(8)
    )
    decaying = hyper._replace(lambd=0.125, alpha=0.75, weight_decay=0.0625)
    return [
        *(single(hyper._replace(t0=t0), (start,), grads) for t0 in (0.0, 2.0, 3.0, 50.0)),
        single(decaying._replace(t0=2.0), (start,), grads),
    ]


def step(supports: frozenset[str]) -> list[Scenario]:
    """E6: everything at once; then each thing that a port may support."""
    strong = Hyperparameters(
        lr=0.5, lambd=0.5, alpha=0.75, t0=2.0, weight_decay=0.25, maximize=False
    )
    mild = Hyperparameters(
        lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False
    )
    # One step has a gradient of zeros, which is not the same as none.
    steps = tuple((_GRAD if t != 4 else (0.0, 0.0, 0.0),) for t in range(7))
    # What is not finite stays in its element, and stays not finite.
    spoiled = tuple(((math.nan, math.inf, -math.inf, 1.0) if t == 2 else _FOUR,) for t in range(6))
    scenarios = [
        single(strong, (_THETA,), steps),
        single(mild, (_THETA,), steps),
        single(strong, (_FOUR,), spoiled),
    ]
    two = (_THETA, (2.0, -1.0))
    pair: tuple[tuple[Vector | None, ...], ...] = tuple((_GRAD, (1.0, -0.5)) for _ in range(7))
    # Two of one shape, whose states must not be one; and a run as long as any table of a few steps.
    same = tuple((_GRAD, _GRAD[::-1]) for _ in range(5))
    scenarios.append(single(strong, (_THETA, _THETA[::-1]), same))
    swings = tuple((((-1.0) ** t,),) for t in range(40))
    scenarios.append(single(strong._replace(t0=12.0), ((1.0,),), swings))
    if "skip" in supports:
        late = [(g, None if t in {0, 3, 4} else h) for t, (g, h) in enumerate(pair)]
        scenarios.append(single(strong, two, tuple(late)))
        early = [(None if t in {1, 2} else g, h) for t, (g, h) in enumerate(pair)]
        scenarios.append(single(strong, two, tuple(early)))
    if "groups" in supports:
        other = strong._replace(lr=0.125, lambd=2.0, alpha=0.5, t0=1.0, weight_decay=0.0)
        groups = (Group(strong, two[:1]), Group(other, two[1:]))
        scenarios.append(Scenario(groups, tuple(Step(grads) for grads in pair)))
    if "set" in supports:
        events: list[Step | Set] = [Step((_GRAD,)) for _ in range(7)]
        events.insert(3, Set(0, {"lr": 0.125}))
        events.insert(6, Set(0, {"lambd": 2.0, "weight_decay": 0.0}))
        scenarios.append(Scenario((Group(strong, (_THETA,)),), tuple(events)))
        # The other two, each where it matters: eta has decayed, and the window is open.
        events = [Step((_GRAD,)) for _ in range(8)]
        events.insert(3, Set(0, {"alpha": 2.0}))
        # A t0 that is past is outside the domain (E6); these two are to come.
        events.insert(5, Set(0, {"t0": 5.0}))
        events.insert(8, Set(0, {"t0": 8.0}))
        scenarios.append(Scenario((Group(strong, (_THETA,)),), tuple(events)))
    if {"groups", "maximize"} <= supports:
        # Neither group's eta brings theta to where it stays.
        turned = strong._replace(lr=0.25, lambd=0.75, alpha=0.5, maximize=True)
        groups = (Group(strong, two[:1]), Group(turned, two[1:]))
        scenarios.append(Scenario(groups, tuple(Step(grads) for grads in pair)))
    # What is 0 is not what was not given.
    scenarios.append(single(strong._replace(lambd=0.0, t0=0.0), (_THETA,), steps))
    return scenarios


def _unit(size: int, j: int) -> Vector:
    return tuple(float(i == j) for i in range(size))


def _ramp(size: int) -> Vector:
    """Numbers in [1, 2), no two alike."""
    return tuple(1 + j / 256 for j in range(size))


def _moves(size: int, j: int) -> Vector:
    """Gradient that moves the 1 from element j to element j + 1 (with lr = 1)."""
    return tuple(float(i == j) - float(i == j + 1) for i in range(size))
