"""The simple engine: the recurrence in integer fixed point, for any exponents (uses NumPy).

Each element is an integer in units of 2**-scale of its own largest input; arrays of Python integers
carry any number of bits. One error bound, an integer too, holds for all elements of a step.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coefficients import FixedTransition, Transition, gain_exponent, to_fixed
from .enclosure import Enclosure

Integers = NDArray[Any]
"""Object array of Python integers."""


def exponents_of(columns: NDArray[np.float64]) -> NDArray[np.int64]:
    """Smallest e such that all of a column is at most 2**e in magnitude; 0 for a column of 0."""
    out: NDArray[np.int64] = np.frexp(np.abs(columns).max(axis=0))[1].astype(np.int64)
    return out


def integers(row: NDArray[np.float64], shifts: NDArray[np.int64]) -> tuple[Integers, int]:
    """floor(x 2**shift) of each element, and the error bound: 0 where all are exact, else 1."""
    fraction, exponent = np.frexp(row)
    digits = np.ldexp(fraction, 53).astype(np.int64).astype(object)
    move = np.where(row == 0, 0, shifts + exponent - 53)
    left, right = (np.maximum(m, 0).astype(object) for m in (move, -move))
    out = digits << left >> right
    # Bits were lost where shifting back does not restore the digits.
    inexact = move.min(initial=0) < 0 and not np.array_equal(out << right, digits << left)
    return out, int(inexact)


def _largest(row: Integers) -> int:
    numbers = row.tolist()
    return max(max(numbers, default=0), -min(numbers, default=0))


@dataclass
class _Sum:
    """A sum of products of coefficients and vectors, and its error bound."""

    values: Any = 0
    error: int = 0

    def add(self, coefficient: tuple[int, int], vector: Integers, error: int) -> None:
        a, ea = coefficient
        if not a and not ea:
            return
        self.values = self.values + a * vector
        self.error += abs(a) * error + ea * (_largest(vector) + error if ea else 0)

    def shifted(self, scale: int, like: Integers) -> tuple[Integers, int]:
        values = self.values if isinstance(self.values, np.ndarray) else np.zeros_like(like)
        out = values >> scale
        exact = not self.error and bool(np.all(out << scale == values))
        return out, 0 if exact else (self.error >> scale) + 2


def integer_steps(
    theta: NDArray[np.float64],
    rows: Iterable[NDArray[np.float64] | None],
    transitions: Iterable[Transition | None],
    exponents: NDArray[np.int64],
    scale: int,
    wanted: Collection[int],
) -> Iterator[tuple[int, list[Enclosure], list[Enclosure] | None]]:
    """Enclosures of theta and the average after the calls ``wanted``.

    Parameters
    ----------
    theta : (n,) float64
        Initial values.
    rows : iterable of (n,) float64, or None
        Gradient of each call.
    transitions : iterable of Transition, or None
        Step of each call; None where no step is taken.
    exponents : (n,) int
        Unit of each element: about its largest input.
    scale : int
        Fraction bits.
    wanted : set of int
        Calls, from 1.

    Yields
    ------
    call : int
    theta : list of n Enclosure
    average : list of n Enclosure, or None where the convention leaves it undefined
    """
    shifts = scale - exponents
    units = shifts.tolist()
    now, error = integers(theta, shifts)
    mean, mean_error, defined = now, error, True
    last = max(wanted, default=0)
    for call, (row, step) in enumerate(zip(rows, transitions, strict=False), 1):
        if row is not None and step is not None:
            top = gain_exponent([step])
            fixed: FixedTransition = to_fixed(step, scale, top)
            total = _Sum()
            total.add(fixed.decay, now, error)
            total.add(fixed.gain, *integers(row, shifts + top))
            new, new_error = total.shifted(scale, now)
            total = _Sum()
            total.add(fixed.old, mean, mean_error)
            total.add(fixed.before, now, error)
            total.add(fixed.new, new, new_error)
            mean, mean_error = total.shifted(scale, now)
            now, error, defined = new, new_error, fixed.defined
        if call in wanted:
            means = enclosures(mean, mean_error, units) if defined else None
            yield call, enclosures(now, error, units), means
        if call == last:
            return


def enclosures(values: Integers, error: int, shifts: Sequence[int]) -> list[Enclosure]:
    """Enclosures of fixed-point numbers."""
    out = []
    for value, shift in zip(values.tolist(), shifts, strict=True):
        length = max(abs(value) + error, 1).bit_length() + 1
        out.append(Enclosure(value - error, value + error, -shift, length))
    return out
