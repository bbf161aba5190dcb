"""Blocks of numbers: judged by the filter where floats suffice, and else in integers."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from asgd.reference import Enclosure
from asgd.reference import equations as truth

from .filter import Ball, Query, ball, decide
from .judgement import Judgement, Place, Quantity

# Numbers that the filter looks at together: enough for arrays, little for memory.
_TOGETHER = 1 << 15


@dataclass(frozen=True)
class Block:
    """Numbers of one quantity of one parameter after one step.

    Attributes
    ----------
    quantity, place, got
        Which, and what the port has.
    judge : callable
        Judges an element in integers; None where nothing can be said of it.
    enclose : callable
        Enclosure of an element's exact value.
    query : Query or None
        The same for the filter.
    """

    quantity: Quantity
    place: Place
    got: Sequence[float]
    judge: Callable[[int], Judgement | None]
    enclose: Callable[[int], Enclosure] | None = None
    query: Query | None = None


def judged(blocks: Iterable[Block]) -> Iterator[Judgement]:
    """Judge all numbers of the blocks, in their order."""
    some: list[Block] = []
    size = 0
    for block in blocks:
        some.append(block)
        size += len(block.got)
        if size >= _TOGETHER:
            yield from _judged(some)
            some, size = [], 0
    yield from _judged(some)


def _judged(blocks: Sequence[Block]) -> Iterator[Judgement]:
    """Judge by the filter; judge what it leaves open, or what fails, in integers."""
    decided = iter(decide([block.query for block in blocks if block.query is not None]))
    for block in blocks:
        shares, allowed = next(decided) if block.query else ([math.nan] * len(block.got), [])
        for j, share in enumerate(shares):
            if share <= 1:
                yield Judgement(
                    quantity=block.quantity,
                    place=Place(*block.place[:3], j),
                    enclosed=partial(block.enclose, j) if block.enclose else Enclosure.of(0),
                    got=block.got[j],
                    tolerance=allowed[j],
                    verdict="pass",
                    share=share,
                )
                continue
            judged = block.judge(j)
            if judged is not None:
                yield judged


def at(values: Sequence[float], j: Any) -> Any:
    """An element, or an array of all."""
    return values[j] if isinstance(j, int) else np.array(values)


def descend_balls(
    eta: Enclosure, lambd: float, weight_decay: float, *, maximize: bool
) -> tuple[Ball, Ball]:
    """What theta and the gradient are multiplied by in one step: E1 and E3 on ones and zeros."""
    one = Enclosure.of(1.0, eta.precision)
    kept = one
    if lambd or weight_decay:
        decay, nothing = Enclosure.of(weight_decay), Enclosure.of(0.0)
        total = truth.gradient(nothing, one, weight_decay=decay, maximize=maximize)
        updated = truth.descend(one, total, eta=eta, lambd=Enclosure.of(lambd))
        assert isinstance(updated, Enclosure)
        kept = updated
    high, low, error = ball(eta)
    return ball(kept), Ball(high, low, error) if maximize else Ball(-high, -low, error)
