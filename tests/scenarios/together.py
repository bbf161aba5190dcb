"""Circumstances that meet: sizes, shapes and crowds of parameters, with changes and missing terms.

A fast path is chosen by the size or the shape of an array, by the number of parameters, by which
terms there are; what it forgets is what else may happen to it.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import product

from asgd.spec import Hyperparameters

from ..ports.layouts import PLAIN, Layout
from ..ports.scenario import Add, Event, Group, PausedScenario, Scenario, Set, Step, Vector, single
from .strong import STRONG, THETA, tiled, wave

Supports = frozenset[str]

TYPICAL = Hyperparameters(lr=0.1, lambd=0.01, alpha=0.7, t0=1.0, weight_decay=0.3, maximize=False)
"""Rates that no binary format holds."""

_STILL = STRONG._replace(t0=1.0, lambd=0.0, weight_decay=0.0)
_CHANGES = {
    3: {"t0": 6.0},  # of a window that is open
    4: {"lr": 0.3},
    5: {"lambd": 0.7},
    6: {"alpha": 1.1},
    7: {"weight_decay": 0.0},
}
"""Changes by the number of steps before them, each of one hyperparameter."""


def changing(
    sizes: Sequence[int], supports: Supports, layouts: tuple[Layout, ...] = ()
) -> Scenario:
    """Parameters of these sizes, in one group whose hyperparameters change one by one."""
    events: list[Event] = []
    for t in range(9):
        if "set" in supports and t in _CHANGES:
            events.append(Set(0, _CHANGES[t]))
        events.append(Step(tuple(_gradient(t + i, n) for i, n in enumerate(sizes))))
    params = tuple(tiled(THETA, n) for n in sizes)
    return Scenario((Group(TYPICAL, params),), tuple(events), layouts=layouts)


def _gradient(t: int, size: int) -> Vector:
    """Few different numbers, whatever the size."""
    return tiled(wave(t % 8, 5), size)


def wide(supports: Supports) -> list[Scenario]:
    """Arrays beyond the sizes that other scenarios change, and for longer."""
    row = tuple((_gradient(t, 400),) for t in range(60))
    return [
        changing((400, 5003), supports),
        changing((2,) * 130, supports),
        single(TYPICAL, (tiled(THETA, 400),), row),
    ]


def shaped(supports: Supports) -> list[Scenario]:
    """Matrices with changes, without terms, with a row of zeros or a nan; and an empty one."""
    if "matrix" not in supports:
        return []
    memories = (PLAIN, "transposed", "strided")
    wanted = [Layout((2, 3), one, other) for one, other in product(memories, memories)]
    wanted += [Layout((3, 1, 2)), Layout((9, 7))]
    chosen = tuple(layout for layout in wanted if layout.needs <= supports)
    sizes = [layout.size for layout in chosen]
    params = tuple(tiled(THETA, n) for n in sizes)
    rows = [tuple(_gradient(t + i, n) for i, n in enumerate(sizes)) for t in range(4)]
    # The first half is zero: of two rows, the first one.
    rows[1] = tuple((0.0,) * (n // 2) + g[n // 2 :] for g, n in zip(rows[1], sizes, strict=True))
    runs = [changing(sizes, supports, chosen)]
    turns = (False, True) if "maximize" in supports else (False,)
    for lambd, decay, turn in product((0.5, 0.0), (0.25, 0.0), turns):
        hyper = _STILL._replace(lambd=lambd, weight_decay=decay, maximize=turn)
        runs.append(Scenario((Group(hyper, params),), tuple(map(Step, rows)), layouts=chosen))
    spoiled = [*rows]
    spoiled[2] = tuple((*g[:-1], math.nan) for g in rows[2])
    hyper = STRONG._replace(t0=1e6)
    runs.append(Scenario((Group(hyper, params),), tuple(map(Step, spoiled)), layouts=chosen))
    # Some without elements, beside one that has them.
    empty = (Layout((0, 3)), Layout((2, 3)), Layout((2, 0, 1)))
    steps = tuple(Step(((), _gradient(t, 6), ())) for t in range(3))
    group = Group(STRONG._replace(t0=1.0), ((), tiled(THETA, 6), ()))
    return [*runs, Scenario((group,), steps, layouts=empty)]


def shared_keys(supports: Supports) -> Iterator[Scenario]:
    """Hyperparameters that a table of step sizes may take for others; and many of them."""
    events = tuple(Step((wave(t, 3), wave(t + 1, 3))) for t in range(4))
    if "groups" in supports:
        # Equal lambd + weight_decay; equal lr lambd.
        for one, other in (
            (STRONG._replace(weight_decay=0.0), STRONG._replace(lambd=0.25, weight_decay=0.25)),
            (STRONG._replace(lr=0.25), STRONG._replace(lambd=0.25)),
        ):
            for first, second in ((one, other), (other, one)):
                yield Scenario((Group(first, (THETA,)), Group(second, (THETA,))), events)
    if "set" in supports:
        swapped: list[Event] = [Step((wave(t, 3),)) for t in range(6)]
        swapped.insert(3, Set(0, {"lambd": 0.25, "weight_decay": 0.5}))
        yield Scenario((Group(STRONG, (THETA,)),), tuple(swapped))
        scheduled: list[Event] = []
        for t in range(40):
            scheduled += [Set(0, {"lr": 0.5 - t / 128}), Step((wave(t % 8, 3),))]
        hyper = STRONG._replace(lambd=0.125, weight_decay=0.0, t0=4.0)
        yield Scenario((Group(hyper, (THETA,)),), tuple(scheduled))
        # A t0 that was far away comes near, and moves on.
        moved: list[Event] = [Step((wave(t, 3),)) for t in range(14)]
        moved.insert(8, Set(0, {"t0": 12.0}))
        moved.insert(2, Set(0, {"t0": 5.0}))
        yield Scenario((Group(STRONG._replace(t0=1e6), (THETA,)),), tuple(moved))
        # To the step that comes next, by a part of one.
        near: list[Event] = [Step((wave(t, 3),)) for t in range(7)]
        near.insert(4, Set(0, {"t0": 4.5}))
        yield Scenario((Group(STRONG, (THETA,)),), tuple(near))
    # Nothing pulls at theta, and its average goes on.
    zeros = (0.0, 0.0, 0.0)
    rows = tuple((zeros if t in {2, 4, 5} else wave(t, 3),) for t in range(7))
    yield single(_STILL, (THETA,), rows)


def growing(supports: Supports) -> list[Scenario]:
    """Groups that join one by one, more than there were; then one of them rests."""
    count, rests = 7, "skip" in supports
    groups = tuple(
        Group(STRONG._replace(lr=0.5 - i / 16, t0=float(i)), ((1.0 + i / 4, -0.75),))
        for i in range(count)
    )
    events: list[Event] = []
    for t in range(count + 4):
        there = min(t + 1, count)
        if 0 < t < count:
            events.append(Add(t))
        resting = {count: 0, count + 1: 2}.get(t) if rests else None
        events.append(Step(tuple(None if i == resting else wave(t + i, 2) for i in range(there))))
    return [Scenario(groups, tuple(events))]


def growing_matrix(supports: Supports) -> list[Scenario]:
    """A group of matrices joins."""
    if "matrix" not in supports:
        return []
    first, second = Group(STRONG, (tiled(THETA, 6),)), Group(STRONG._replace(t0=0.0), (wave(1, 6),))
    events: list[Event] = [Step((wave(t, 6),) * (1 if t < 2 else 2)) for t in range(6)]
    events.insert(2, Add(1))
    return [Scenario((first, second), tuple(events), layouts=(Layout((2, 3)),) * 2)]


def saved() -> list[PausedScenario]:
    """A window that never opens, or beyond 64 bits; many parameters; averages nobody has read."""
    waves = tuple(Step((wave(t, 3),)) for t in range(6))
    never = [
        PausedScenario((Group(STRONG._replace(t0=t0), (THETA,)),), waves, 3)
        for t0 in (math.inf, 1e30)
    ]
    count = 130
    steps = tuple(Step(tuple(wave(t + i % 7, 1) for i in range(count))) for t in range(4))
    params = tuple((THETA[i % 3] + i / 1024,) for i in range(count))
    many = PausedScenario((Group(STRONG._replace(t0=1.0), params),), steps, 3)
    group = Group(STRONG._replace(t0=1.0), (THETA,))
    return [*never, many, PausedScenario((group,), waves, 4, unread=True)]
