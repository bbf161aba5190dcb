"""Drawn scenarios: Hypothesis strategies over the spec's domains, one for each law."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from asgd.spec import Hyperparameters

from ..ports.scenario import Group, PausedScenario, Scenario, Set, Step, Vector, single
from .designed import gauged
from .numbers import WIDTH, moderate, ordinary, power, rate, start, value
from .strong import STRONG

Supports = frozenset[str]

_PLAIN = Hyperparameters(lr=0.5, lambd=0.0, alpha=0.0, t0=1e6, weight_decay=0.0, maximize=False)
# Codes, out of 64, of a rate that is 0.
_SELDOM, _OFTEN = 2, 16
# Long runs have the gradients of their first steps over again: drawing is dear.
_FRESH = 6


@lru_cache
def codes(count: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Strategy of ``count`` codes, drawn as one integer."""
    return st.integers(0, (1 << WIDTH * count) - 1).map(
        lambda n: tuple(n >> WIDTH * i & ((1 << WIDTH) - 1) for i in range(count))
    )


@st.composite
def gradient(draw: Any, dtype: str, supports: Supports) -> Scenario:
    """E1: lambd = 0, so eta is lr; it is measured."""
    lr, decay, turn = draw(codes(3))
    hyper = _PLAIN._replace(
        lr=rate(dtype, lr, zeros=_SELDOM),
        weight_decay=rate(dtype, decay, zeros=_OFTEN),
        maximize="maximize" in supports and bool(turn % 2),
    )
    return _gauged(draw, hyper, dtype)


@st.composite
def step_size(draw: Any, dtype: str, _supports: Supports) -> Scenario:
    """E2: impulses from theta = 0, at every step or, for a longer run, at every seventh."""
    lr, lambd, alpha = draw(codes(3))
    hyper = _PLAIN._replace(
        lr=rate(dtype, lr), lambd=rate(dtype, lambd, zeros=_SELDOM), alpha=power(alpha)
    )
    count, apart = draw(st.integers(1, 8)), draw(st.sampled_from((1, 1, 1, 7)))
    (hyper,) = moderate(dtype, [hyper], count * apart)
    impulses = tuple(
        (tuple(float((i + 1) * apart == t) for i in range(count)),)
        for t in range(1, count * apart + 1)
    )
    return single(hyper, ((0.0,) * count,), impulses)


@st.composite
def descend(draw: Any, dtype: str, _supports: Supports) -> Scenario:
    """E3: weight_decay = 0; eta is measured."""
    lr, lambd, alpha = draw(codes(3))
    hyper = _PLAIN._replace(
        lr=rate(dtype, lr, zeros=_SELDOM),
        lambd=rate(dtype, lambd, zeros=_SELDOM),
        alpha=power(alpha),
    )
    (hyper,) = moderate(dtype, [hyper], _FRESH)
    return _gauged(draw, hyper, dtype)


def _gauged(draw: Any, hyper: Hyperparameters, dtype: str) -> Scenario:
    size, steps = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    theta, *grads = _rows(draw(codes(size * (steps + 1))), (size,) * (steps + 1), dtype)
    return gauged(hyper, theta, tuple(grads))


def _rows(drawn: Sequence[int], sizes: Sequence[int], dtype: str) -> list[Vector]:
    """Vectors of these sizes, one behind the other."""
    numbers = iter(drawn)
    return [tuple(value(dtype, next(numbers)) for _ in range(size)) for size in sizes]


@st.composite
def averaging_weight(draw: Any, _dtype: str, _supports: Supports) -> Scenario:
    """E4: one 1 wanders through the elements."""
    (t0,) = draw(codes(1))
    hyper = _PLAIN._replace(lr=1.0, t0=start(t0))
    size = draw(st.integers(2, 12)) * draw(st.sampled_from((1, 1, 1, 3)))
    first = tuple(float(i == 0) for i in range(size))
    moves = tuple(
        (tuple(float(i == j) - float(i == j + 1) for i in range(size)),) for j in range(size - 1)
    )
    return single(hyper, (first,), moves)


@st.composite
def average(draw: Any, dtype: str, _supports: Supports) -> Scenario:
    """E5: element 0 swings more widely than any other."""
    size, steps = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    t0, *drawn = draw(codes(1 + size * (steps + 1)))
    numbers = [ordinary(dtype, code) for code in drawn]
    theta, *grads = [tuple(numbers[k : k + size]) for k in range(0, len(numbers), size)]
    swing = 2.0**42
    moves = tuple(((2 * swing * (-1) ** t, *g),) for t, g in enumerate(grads))
    return single(_PLAIN._replace(lr=1.0, t0=start(t0)), ((swing, *theta),), moves)


@st.composite
def step(draw: Any, dtype: str, supports: Supports) -> Scenario:
    """E6: any groups, gradients, skipped steps and changes that the port supports."""
    return _run(draw, dtype, supports, draw(st.integers(1, 6)))


@st.composite
def run(draw: Any, dtype: str, supports: Supports) -> Scenario:
    """The same, twice as long, and sometimes far longer."""
    steps = draw(st.integers(2, 12)) + draw(st.sampled_from((0, 0, 0, 0, 0, 0, 0, 24)))
    return _run(draw, dtype, supports, steps)


def _run(draw: Any, dtype: str, supports: Supports, steps: int) -> Scenario:
    most = 3 if "groups" in supports else 1
    shapes = draw(
        st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2), min_size=1, max_size=most)
    )
    sizes = [size for shape in shapes for size in shape]
    groups = [_group(draw, dtype, supports, shape) for shape in shapes]
    fresh = min(steps, _FRESH)
    drawn = iter(_rows(draw(codes(fresh * sum(sizes))), sizes * fresh, dtype))
    grads = [[next(drawn) for _ in sizes] for _ in range(fresh)]
    luck = draw(codes(steps * (1 + (len(sizes) + 7) // 8)))
    # First all hyperparameters that are ever in force: a port may mix them up.
    hypers = [group.hyper for group in groups]
    now, changed = list(hypers), dict[int, int]()
    for t in range(steps):
        skips, chance, *_ = luck[t::steps]
        if "set" in supports and skips % 4 == 3:
            changed[t] = at = skips // 4 % len(groups)
            now[at] = _change(now[at], chance, dtype, t)
            hypers.append(now[at])
    tame = iter(moderate(dtype, hypers, steps))
    groups = [replace(group, hyper=next(tame)) for group in groups]
    now = [group.hyper for group in groups]
    events: list[Step | Set] = []
    for t in range(steps):
        if t in changed:
            at = changed[t]
            before, now[at] = now[at], next(tame)
            changes = {k: v for k, v in now[at]._asdict().items() if v != getattr(before, k)}
            events += [Set(at, changes)] if changes else []
        chances = luck[t::steps][1:]
        present = [
            "skip" not in supports or chances[i // 8] >> 8 * (i % 8) & 7 != 7
            for i in range(len(sizes))
        ]
        row = grads[t % fresh]
        events.append(
            Step(tuple(g if there else None for g, there in zip(row, present, strict=True)))
        )
    return Scenario(tuple(groups), tuple(events))


def _group(draw: Any, dtype: str, supports: Supports, shape: Sequence[int]) -> Group:
    lr, lambd, alpha, t0, decay, turn, *drawn = draw(codes(6 + sum(shape)))
    hyper = Hyperparameters(
        lr=rate(dtype, lr, zeros=_SELDOM),
        lambd=rate(dtype, lambd, zeros=_OFTEN),
        alpha=power(alpha),
        t0=start(t0),
        weight_decay=rate(dtype, decay, zeros=_OFTEN),
        maximize="maximize" in supports and bool(turn % 2),
    )
    return Group(hyper, tuple(_rows(drawn, shape, dtype)))


def _change(hyper: Hyperparameters, code: int, dtype: str, t: int) -> Hyperparameters:
    code, kind = divmod(code, 5)
    if kind == 0:
        return hyper._replace(lr=rate(dtype, code, zeros=_OFTEN))
    if kind == 1:
        return hyper._replace(lambd=rate(dtype, code, zeros=_OFTEN))
    if kind == 2:
        return hyper._replace(weight_decay=rate(dtype, code, zeros=_OFTEN))
    if kind == 3:
        return hyper._replace(alpha=power(code))
    # A t0 that is past is outside the domain (E6): it counts from the next step.
    # A port may round it, and must not come to another step by that.
    later = np.dtype(dtype).type(start(code) + (t + 1 if t else 0))
    return hyper._replace(t0=float(later))


@st.composite
def paused_run(draw: Any, dtype: str, supports: Supports) -> Scenario:
    """Any run that the port supports, with a pause somewhere."""
    scenario: Scenario = draw(run(dtype, supports))
    pause = draw(st.integers(0, len(scenario.events) - 1))
    return PausedScenario(scenario.groups, scenario.events, pause)


_RATES = tuple(2.0**-k for k in range(6))
_NOT_FINITE = (math.inf, -math.inf, math.nan)


@st.composite
def special(draw: Any, dtype: str, supports: Supports) -> Scenario:
    """Gradients of which some are inf or nan."""
    hyper = STRONG._replace(
        lr=draw(st.sampled_from(_RATES)),
        lambd=0.0,
        t0=draw(st.sampled_from([0.0, 2.0, 1e6])),
        weight_decay=draw(st.sampled_from([0.0, *_RATES])),
        maximize="maximize" in supports and draw(st.booleans()),
    )
    size, steps = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    drawn = draw(codes(size * (steps + 1)))
    theta = tuple(ordinary(dtype, code) for code in drawn[:size])
    rows = [tuple(_any(dtype, c) for c in drawn[size * t :][:size]) for t in range(1, steps + 1)]
    return single(hyper, (theta,), tuple((row,) for row in rows))


def _any(dtype: str, code: int) -> float:
    code, kind = divmod(code, 8)
    return ordinary(dtype, code) if kind < 5 else _NOT_FINITE[kind - 5]
