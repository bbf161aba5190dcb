"""Averages that are made anew from the window: of its iterates, or of distances from one of them.

What such a port keeps is not shown, so an order is run from the start of a run
(spec/tolerance.md, "A window that is summed anew").
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faults.evaluation_orders import Numbers, mean, means, numbers
from .dense_runs import DenseStep
from .orders import Orders

Array = NDArray[Any]
Follow = Callable[[Array, Array, float], Array]
"""The mean of distances after a step, from the one before, the newest distance, and n."""


def sums_window(runs: Sequence[Sequence[DenseStep]], known: Orders, dtype: str) -> bool:
    """Whether an order of the family gives every bit of the averages.

    Parameters
    ----------
    runs : sequence of sequence of DenseStep
        What was seen.
    known : Orders
        Those that give the bits of the averages step by step.
    dtype : str
        Its dtype.
    """
    if any(str(order.rule).startswith("sum of the window") for order in known.alive):
        return True
    kinds = dict.fromkeys((*numbers(dtype), Numbers("float32", stored=False)))
    made = (partial(_mean, rule, kind, dtype) for rule, kind in product(means(), kinds))
    # A sum begins anew in each run.
    ways: list[Callable[[], Follow]] = [partial(partial, follow) for follow in made]
    ways += [partial(_Sum, divides) for divides in (True, False)]
    return any(
        all(_gives(_distances(make(), run, late), run) for run in runs)
        for make, late in product(ways, (True, False))
    ) or all(_gives(_pairs(run), run) for run in runs)


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
        count = new.dtype.type(n)
        made: Array = self._total / count if self._divides else self._total * (1 / count)
        return made


def _distances(follow: Follow, run: Sequence[DenseStep], late: bool) -> Iterator[Array | None]:
    """From the window's first iterate, or (not ``late``) from theta_0."""
    anchor = run[0].theta
    distance = np.zeros_like(anchor)
    for step in run:
        if step.n is None:
            yield None
            continue
        if step.n == 1 and late:
            anchor = step.after
        distance = follow(distance, step.after - anchor, step.n)
        yield anchor + distance


def _pairs(run: Sequence[DenseStep]) -> Iterator[Array | None]:
    """The sum of all iterates, pair by pair, over n."""
    iterates = [run[0].theta]
    for step in run:
        iterates.append(step.after)
        if step.n is None:
            yield None
            continue
        terms = iterates[-int(step.n) :]
        while len(terms) > 1:
            terms = [sum(terms[i + 1 : i + 2], terms[i]) for i in range(0, len(terms), 2)]
        yield terms[0] / terms[0].dtype.type(step.n)


def _gives(made: Iterable[Array | None], run: Sequence[DenseStep]) -> bool:
    with np.errstate(all="ignore"):
        return all(_same(*both) for both in zip(made, run, strict=True))


def _same(made: Array | None, step: DenseStep) -> bool:
    seen = step.mean
    if made is None or seen is None or (step.n == 1 and np.array_equal(step.after, seen)):
        return True
    return bool(np.all((made == seen) | (np.isnan(made) & np.isnan(seen))))
