"""Ziv's strategy for single elements: integers at doubling precision, then fractions (uses NumPy).

Elements that a ball leaves undecided are followed from the start once more. A tie is never decided
by an interval that is not a point, so where all step sizes are rational, fractions decide.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rounding import Format, round_fraction
from .balls import exact
from .coefficients import Tick, Transition, rational_transition
from .enclosure import Enclosure
from .fixed_point import exponents_of, integer_steps
from .inputs import Floats, Problem, certain_transition

FIRST = 256
"""Fraction bits that the integers begin with."""

# Fractions grow with every step, so long trajectories are not tried with them.
_LONGEST_RATIONAL = 4096

Place = tuple[str, int, int]
"""Quantity ("theta" or "average"), call, element."""


@dataclass
class Settled:
    """Enclosure and correctly rounded value by place; the value None where it is undecided."""

    found: dict[Place, tuple[Enclosure, float | None]] = field(default_factory=dict)

    def at(self, quantity: str, call: int) -> dict[int, tuple[Enclosure, float | None]]:
        """What was found of one quantity after one call, by element."""
        return {j: v for (q, c, j), v in self.found.items() if (q, c) == (quantity, call)}


def settle(
    problem: Problem, unknown: Mapping[tuple[str, int], NDArray[np.intp]], fmt: Format, highest: int
) -> Settled:
    """Decide the elements ``unknown``, given by quantity and call, as far as it can be done."""
    settled = Settled()
    places = {(q, call, int(j)) for (q, call), js in unknown.items() for j in js}
    scale, rational = min(FIRST, highest), True
    while places and scale <= highest:
        for place, enclosure in _integers(problem, places, scale):
            value = enclosure.rounded(fmt)
            settled.found[place] = enclosure, value
            if value is not None:
                places.discard(place)
        if rational and places:
            rational = False
            for place, number in _fractions(problem, places):
                length = number.denominator.bit_length()
                dyadic = number.denominator == 1 << (length - 1)
                enclosure = exact(number) if dyadic else Enclosure.of(number)
                settled.found[place] = enclosure, round_fraction(number, fmt)
                places.discard(place)
        scale *= 2
    return settled


def _part(places: set[Place]) -> tuple[list[int], dict[int, int], int]:
    """Elements that matter, their positions among themselves, and the last call that does."""
    elements = sorted({j for _, _, j in places})
    return elements, {j: i for i, j in enumerate(elements)}, max(call for _, call, _ in places)


def _columns(
    problem: Problem, elements: list[int], last: int
) -> tuple[list[Floats | None], list[Tick | None]]:
    """Gradients of the elements, and ticks, up to the last call."""
    rows: list[Floats | None] = []
    clock: list[Tick | None] = []
    for row, tick in islice(problem.steps(), last):
        rows.append(None if row is None else row[elements])
        clock.append(tick)
    return rows, clock


def _integers(
    problem: Problem, places: set[Place], scale: int
) -> Iterator[tuple[Place, Enclosure]]:
    elements, position, last = _part(places)
    rows, clock = _columns(problem, elements, last)
    theta = problem.theta[elements]
    exponents = exponents_of(np.stack([theta, *(row for row in rows if row is not None)]))
    steps = (
        None if tick is None else certain_transition(tick, problem.rule, scale + 16)
        for tick in clock
    )
    wanted: dict[int, list[Place]] = {}
    for place in places:
        wanted.setdefault(place[1], []).append(place)
    for call, thetas, means in integer_steps(theta, rows, steps, exponents, scale, wanted):
        for place in wanted[call]:
            values = thetas if place[0] == "theta" else means
            assert values is not None
            yield place, values[position[place[2]]]


def _fractions(problem: Problem, places: set[Place]) -> Iterator[tuple[Place, Fraction]]:
    """Exact values, where every step size up to the last call is rational."""
    elements, _, last = _part(places)
    if last > _LONGEST_RATIONAL:
        return
    rows, clock = _columns(problem, elements, last)
    steps: list[Transition | None] = []
    for tick in clock:
        step = None if tick is None else rational_transition(tick, problem.rule)
        if tick is not None and step is None:
            return
        steps.append(step)
    for i, j in enumerate(elements):
        column = [None if row is None else Fraction(float(row[i])) for row in rows]
        mine = {call for _, call, element in places if element == j}
        for call, values in _exact_steps(Fraction(float(problem.theta[j])), column, steps):
            if call in mine:
                for quantity in ("theta", "average"):
                    if (quantity, call, j) in places:
                        yield (quantity, call, j), values[quantity]


def _exact_steps(
    theta: Fraction, column: Any, steps: Any
) -> Iterator[tuple[int, dict[str, Fraction]]]:
    mean = theta
    for call, (grad, step) in enumerate(zip(column, steps, strict=True), 1):
        if step is not None:
            new = step.decay * theta + step.gain * grad
            mean = step.old * mean + step.before * theta + step.new * new
            theta = new
        yield call, {"theta": theta, "average": mean}
