"""Decide in floats what floats can decide: numbers that are certainly within their tolerance.

All numbers of a trace are looked at together: the exact step in pairs of floats, with a proven
bound of its error (certificate.md, "The filter"). The rest is left to integers.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgd.reference import Enclosure
from asgd.reference.certified.one_step import ball_sums, balls

Floats = NDArray[np.float64]
Sizes = Any
"""Magnitudes: a float, or an array of them."""

# Exponents of integers, of up to a few hundred bits, that are normal floats with all their parts.
_PLAIN = 500
# Up to here, a loop over the elements is faster than arrays are.
_FEW = 3


class Ball(NamedTuple):
    """An exact number as high + low, and how far off that may be."""

    high: float
    low: float
    error: float


NOTHING = Ball(0.0, 0.0, 0.0)


def ball(x: Enclosure) -> Ball:
    """Ball that contains an enclosure."""
    top = max(abs(x.low), abs(x.high)).bit_length() + x.exponent
    if not -_PLAIN < top < _PLAIN:
        return Ball(*balls([x])[:, 0].tolist())
    # Integers far from the ends of the floats' range: nothing below overflows or is subnormal.
    high = float(x.low)
    rest = x.low - int(high)
    low = float(rest)
    left = (x.high - x.low + abs(rest - int(low))) * (1 + 2.0**-50)
    return Ball(*(math.ldexp(part, x.exponent) for part in (high, low, left)))


@dataclass(frozen=True)
class Query:
    """Numbers that should be ``coefficients[0] * inputs[0] + coefficients[1] * inputs[1]``.

    Attributes
    ----------
    inputs : two vectors
        What the port had before, exact.
    coefficients : two Balls
        The same for all elements.
    got : vector
        What the port has.
    tolerance : callable
        Error allowed, for an element's index (or a slice of all), its inputs, and an upper bound of
        the exact result's magnitude; it grows with that by the unit roundoff ``u`` at most.
    u : float
        Unit roundoff of the port's format.
    alike : hashable or None
        Queries of an equal one have one tolerance, whatever the index; None equals nothing.
    """

    inputs: tuple[Sequence[float], Sequence[float]]
    coefficients: tuple[Ball, Ball]
    got: Sequence[float]
    tolerance: Callable[[Any, Sizes, Sizes, Sizes], Sizes]
    u: float
    alike: Any = None


def alone(exact: Ball, got: float, tolerance: float) -> Query:
    """Query of a single number that is known."""
    return Query(((1.0,), (0.0,)), (exact, NOTHING), (got,), lambda *_: tolerance, 0.0)


def decide(queries: Sequence[Query]) -> list[tuple[list[float], list[float]]]:
    """What is certain of each number.

    Returns
    -------
    list of (shares, tolerances)
        For each query and number an upper bound of the error in tolerances, or nan where that is
        not certainly at most 1, and a lower bound of the tolerance. A number with a share passes.
    """
    if not queries:
        return []
    counts = [len(query.got) for query in queries]
    one = _flat([query.inputs[0] for query in queries])
    other = _flat([query.inputs[1] for query in queries])
    got = _flat([query.got for query in queries])
    first, second = (
        np.repeat(np.array([query.coefficients[k] for query in queries]).T, counts, axis=1)
        for k in (0, 1)
    )
    with np.errstate(all="ignore"):
        exact = ball_sums([first, second], [one, other])
        # Upper bound of the exact result's size; a few roundings are below 2**-50 of it.
        size = (np.abs(exact.high) + np.abs(exact.low) + exact.radius) * (1 + 2.0**-50)
        allowed = _tolerances(queries, counts, (one, other, size))
        # What the integers would allow, for the true size: less by what the sizes may differ.
        u = np.repeat([query.u for query in queries], counts)
        allowed = allowed * (1 - 2.0**-40) - 2 * u * exact.radius
        # got - high is rounded once, taking low away once more: 2**-50 of the sizes covers both.
        apart = np.abs((got - exact.high) - exact.low)
        apart += 2.0**-50 * (apart + np.abs(exact.low)) + exact.radius
        share = np.where(apart == 0, 0.0, apart / allowed)
        share[~((apart <= allowed) & (allowed < np.inf))] = np.nan
    ends = np.cumsum(counts).tolist()
    return [
        (share[end - count : end].tolist(), allowed[end - count : end].tolist())
        for end, count in zip(ends, counts, strict=True)
    ]


def _flat(rows: Sequence[Sequence[float]]) -> Floats:
    return np.array([x for row in rows for x in row], np.float64)


def _tolerances(
    queries: Sequence[Query], counts: Sequence[int], columns: tuple[Floats, Floats, Floats]
) -> Floats:
    """Tolerance of each number, from the inputs and the sizes: of alike queries at once."""
    out = np.empty_like(columns[0])
    some: dict[Any, tuple[Query, list[int]]] = {}
    at = 0
    for query, count in zip(queries, counts, strict=True):
        key = id(query) if query.alike is None else query.alike
        some.setdefault(key, (query, []))[1].extend(range(at, at + count))
        at += count
    lists = [column.tolist() for column in columns]
    for query, places in some.values():
        if len(places) <= _FEW:
            for j, place in enumerate(places):
                out[place] = query.tolerance(j, *(numbers[place] for numbers in lists))
        else:
            rows = np.array(places)
            out[rows] = query.tolerance(slice(None), *(column[rows] for column in columns))
    return out
