"""Drawn scenarios: Hypothesis strategies over the spec's domains, one for each law.

Values are float32 numbers, so that both dtypes run the same scenario and shrinking ends in short
constants.
"""

from typing import Any

from hypothesis import strategies as st

from asgd.spec import Hyperparameters

from ..ports.scenario import Group, Scenario, Set, Step, Vector, single
from .designed import gauged

_PLAIN = Hyperparameters(lr=0.5, lambd=0.0, alpha=0.0, t0=1e6, weight_decay=0.0, maximize=False)


def _positive(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=32, allow_subnormal=False)


def _values() -> st.SearchStrategy[float]:
    """Parameters and gradients: ordinary, wide, zero, subnormal."""
    ordinary = st.floats(-4.0, 4.0, width=32)
    wide = st.floats(-(2.0**40), 2.0**40, width=32)
    return st.one_of(ordinary, ordinary, wide, st.floats(-(2.0**-100), 2.0**-100, width=32))


def vector(size: int) -> st.SearchStrategy[Vector]:
    """A parameter or a gradient of ``size`` elements."""
    return st.lists(_values(), min_size=size, max_size=size).map(tuple)


# Zero is a domain's end and a case of its own: it is drawn more often than floats would.
_DECAY = st.one_of(st.just(0.0), _positive(2.0**-20, 4.0))
_LR = st.one_of(st.floats(2.0**-20, 4.0), st.just(0.0))
# Any float64, for a port must take a hyperparameter exactly, or round it once.
_RATE = st.floats(2.0**-30, 4.0)
_POWER = st.one_of(
    st.sampled_from([0.75, 0.5, 1.0, 2.0 / 3.0]), st.floats(0.0, 2.0), st.floats(2.0, 8.0)
)
_T0 = st.one_of(st.integers(0, 10).map(float), st.sampled_from([0.5, 1.25, 2.5, 3.75, 1e6]))


@st.composite
def gradient(draw: Any, dtype: str, supports: frozenset[str]) -> Scenario:  # noqa: ARG001
    """E1: lambd = 0, so eta is lr; it is measured."""
    hyper = _PLAIN._replace(
        lr=draw(_LR),
        weight_decay=draw(_DECAY),
        maximize="maximize" in supports and draw(st.booleans()),
    )
    size = draw(st.integers(1, 3))
    grads = draw(st.lists(vector(size), min_size=1, max_size=3))
    return gauged(hyper, draw(vector(size)), tuple(grads))


@st.composite
def step_size(draw: Any, dtype: str, supports: frozenset[str]) -> Scenario:  # noqa: ARG001
    """E2: impulses from theta = 0."""
    hyper = _PLAIN._replace(lr=draw(_RATE), lambd=draw(_DECAY), alpha=draw(_POWER))
    steps = draw(st.integers(1, 8))
    impulses = tuple((tuple(float(i == j) for i in range(steps)),) for j in range(steps))
    return single(hyper, ((0.0,) * steps,), impulses)


@st.composite
def descend(draw: Any, dtype: str, supports: frozenset[str]) -> Scenario:  # noqa: ARG001
    """E3: weight_decay = 0; eta is measured."""
    hyper = _PLAIN._replace(lr=draw(_LR), lambd=draw(_DECAY), alpha=draw(_POWER))
    size = draw(st.integers(1, 3))
    grads = draw(st.lists(vector(size), min_size=1, max_size=3))
    return gauged(hyper, draw(vector(size)), tuple(grads))


@st.composite
def averaging_weight(draw: Any, dtype: str, supports: frozenset[str]) -> Scenario:  # noqa: ARG001
    """E4: one 1 wanders through the elements."""
    hyper = _PLAIN._replace(lr=1.0, t0=draw(_T0))
    size = draw(st.integers(2, 12))
    start = tuple(float(i == 0) for i in range(size))
    moves = tuple(
        (tuple(float(i == j) - float(i == j + 1) for i in range(size)),) for j in range(size - 1)
    )
    return single(hyper, (start,), moves)


@st.composite
def average(draw: Any, dtype: str, supports: frozenset[str]) -> Scenario:  # noqa: ARG001
    """E5: element 0 swings more widely than any other."""
    hyper = _PLAIN._replace(lr=1.0, t0=draw(_T0))
    size = draw(st.integers(2, 4))
    swing = 2.0**42
    ordinary = st.floats(-4.0, 4.0, width=32)
    rest = st.lists(ordinary, min_size=size - 1, max_size=size - 1).map(tuple)
    steps = draw(st.lists(rest, min_size=1, max_size=8))
    grads = tuple(((2 * swing * (-1) ** t, *g),) for t, g in enumerate(steps))
    return single(hyper, ((swing, *draw(rest)),), grads)


@st.composite
def _hyper(draw: Any, supports: frozenset[str]) -> Hyperparameters:
    return Hyperparameters(
        lr=draw(st.one_of(_RATE, _RATE, st.just(0.0))),
        lambd=draw(st.one_of(_RATE, st.just(0.0))),
        alpha=draw(_POWER),
        t0=draw(_T0),
        weight_decay=draw(st.one_of(st.just(0.0), _RATE)),
        maximize="maximize" in supports and draw(st.booleans()),
    )


_CHANGES = st.one_of(
    st.fixed_dictionaries({"lr": _RATE}),
    st.fixed_dictionaries({"lambd": _RATE}),
    st.fixed_dictionaries({"alpha": _POWER}),
    st.fixed_dictionaries({"t0": _T0}),
    st.fixed_dictionaries({"weight_decay": _RATE}),
)


@st.composite
def step(draw: Any, dtype: str, supports: frozenset[str]) -> Scenario:  # noqa: ARG001
    """E6: any groups, gradients, skipped steps and changes that the port supports."""
    groups = tuple(
        Group(
            draw(_hyper(supports)),
            tuple(draw(vector(draw(st.integers(1, 3)))) for _ in range(draw(st.integers(1, 2)))),
        )
        for _ in range(draw(st.integers(1, 2 if "groups" in supports else 1)))
    )
    sizes = [len(p) for group in groups for p in group.params]
    events: list[Step | Set] = []
    for _ in range(draw(st.integers(1, 6))):
        if "set" in supports and draw(st.integers(0, 4)) == 4:
            events.append(Set(draw(st.integers(0, len(groups) - 1)), draw(_CHANGES)))
        grads = [
            None if "skip" in supports and draw(st.integers(0, 5)) == 5 else draw(vector(size))
            for size in sizes
        ]
        events.append(Step(tuple(grads)))
    return Scenario(groups, tuple(events))
