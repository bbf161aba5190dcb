"""Averages that are made anew from the window: of its iterates, their differences, or distances.

What such a port keeps is not shown, so an order is run from the start of a run
(spec/tolerance.md, "A window that is summed anew").
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Convention

from ..faults.evaluation_orders import Numbers, mean, means, numbers
from ..oracle.window import window
from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..ports.timeline import turns

Array = NDArray[Any]
Run = tuple[Scenario, Sequence[Observation]]
Follow = Callable[[Array, Array, float], Array]
"""The mean of distances after a step, from the one before, the newest distance, and n."""


class _Step(NamedTuple):
    """Theta and the average after a step of one parameter, and how many terms that has."""

    theta: Array
    shown: Array | None
    n: float | None


class _History(NamedTuple):
    """A parameter over a run."""

    start: Array
    steps: list[_Step]


_Way = Callable[[_History], Iterator[Array | None]]


def sums_window(runs: Sequence[Run], convention: Convention, dtype: str) -> bool:
    """Whether one order of the family gives every bit of the averages of all runs.

    Parameters
    ----------
    runs : sequence of (Scenario, trace)
        What was seen.
    convention : Convention
        Reading of ASGD.
    dtype : str
        Dtype of the port.
    """
    histories = [h for run in runs for h in _histories(run, convention, dtype)]
    with np.errstate(all="ignore"):
        return any(all(_gives(way(h), h.steps) for h in histories) for way in _ways(dtype))


def _histories(run: Run, convention: Convention, dtype: str) -> Iterator[_History]:
    scenario, trace = run
    made = [_History(np.array(p, dtype), []) for p in scenario.params]
    for (_, present), seen in zip(turns(scenario), trace, strict=True):
        # A group that has not joined yet takes no step.
        for i, turn in enumerate(present):
            if turn is None:
                continue
            opened = window(turn.t, turn.scheduled(convention).t0, convention)
            n = None if opened is None or opened.mu is None else float(1 / opened.mu)
            theta, shown = seen.theta[i], seen.average[i]
            average = None if shown is None else np.array(shown, dtype)
            made[i].steps.append(_Step(np.array(theta, dtype), average, n))
    return iter(made)


def _ways(dtype: str) -> Iterator[_Way]:
    kinds = dict.fromkeys((*numbers(dtype), Numbers("float32", stored=False)))
    for add, divides in product((_by_numpy, _by_pairs), (True, False)):
        yield partial(_sums, add, divides)
    for kind, divides in product(dict.fromkeys((dtype, "float64", "longdouble")), (True, False)):
        yield partial(_differences, np.dtype(kind), divides)
    for late in (True, False):
        for divides in (True, False):
            # A sum begins anew in each run.
            yield partial(_distances, partial(_Sum, divides), late)
        for rule, kind in product(means(), kinds):
            yield partial(_distances, partial(partial, _mean, rule, kind, dtype), late)


def _by_numpy(rows: Array) -> Array:
    """Sum of rows as NumPy adds up what lies side by side in memory."""
    total: Array = np.ascontiguousarray(rows.T).sum(axis=-1)
    return total


def _by_pairs(rows: Array) -> Array:
    """Sum of rows, pair by pair."""
    terms = list(rows)
    while len(terms) > 1:
        terms = [sum(terms[i + 1 : i + 2], terms[i]) for i in range(0, len(terms), 2)]
    made: Array = terms[0]
    return made


def _over(total: Array, n: float, *, divides: bool) -> Array:
    count = total.dtype.type(n)
    made: Array = total / count if divides else total * (1 / count)
    return made


def _sums(
    add: Callable[[Array], Array], divides: bool, history: _History
) -> Iterator[Array | None]:
    """The mean of the window's iterates."""
    rows = np.array([history.start, *(step.theta for step in history.steps)])
    for last, step in enumerate(history.steps, 2):
        if step.n is None:
            yield None
        else:
            total = add(rows[max(0, last - int(step.n)) : last])
            yield _over(total, step.n, divides=divides)


def _differences(kind: np.dtype[Any], divides: bool, history: _History) -> Iterator[Array | None]:
    """Theta less the sum of (n - 1) times each of its steps, over n."""
    total, before = np.zeros_like(history.start, kind), history.start
    for step in history.steps:
        if step.n is None:
            yield None
        else:
            theta = step.theta.astype(kind)
            by = kind.type(step.n - 1) * (theta - before.astype(kind))
            total = np.zeros_like(theta) if step.n == 1 else total + by
            yield (theta - _over(total, step.n, divides=divides)).astype(step.theta.dtype)
        before = step.theta


def _mean(rule: Any, kinds: Numbers, dtype: str, before: Array, new: Array, n: float) -> Array:
    made: Array = mean(rule, kinds, before, new, n, dtype)
    return made.astype(dtype)


class _Sum:
    """A kept sum of distances, over n."""

    def __init__(self, divides: bool) -> None:
        self._divides = divides
        self._total: Any = 0

    def __call__(self, _: Array, new: Array, n: float) -> Array:
        """The mean after one step."""
        self._total = new if n == 1 else self._total + new
        return _over(self._total, n, divides=self._divides)


def _distances(made: Callable[[], Follow], late: bool, history: _History) -> Iterator[Array | None]:
    """From the window's first iterate, or (not ``late``) from theta_0."""
    follow, anchor = made(), history.start
    distance = np.zeros_like(anchor)
    for step in history.steps:
        if step.n is None:
            yield None
            continue
        if step.n == 1 and late:
            anchor = step.theta
        distance = follow(distance, step.theta - anchor, step.n)
        yield anchor + distance


def _gives(made: Iterable[Array | None], steps: Sequence[_Step]) -> bool:
    return all(_same(*both) for both in zip(made, steps, strict=True))


def _same(made: Array | None, step: _Step) -> bool:
    seen = step.shown
    # A mean of one term may be a copy.
    copied = step.n == 1 and seen is not None and np.array_equal(step.theta, seen)
    if made is None or seen is None or copied:
        return True
    return bool(np.all((made == seen) | (np.isnan(made) & np.isnan(seen))))
