"""Vectors of certified values: a float64 pair and a radius for each element (uses NumPy)."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rounding import formats
from .enclosure import PRECISION, Enclosure

Floats = NDArray[np.float64]

# Outside this range the bounds below might meet underflow or overflow: integers decide there.
_SMALLEST, _LARGEST = 2.0**-900, 2.0**1000
_UPWARD = 1 + 2.0**-40


@dataclass(frozen=True)
class Balls:
    """Exact values inside high + low +- radius, one for each element.

    Attributes
    ----------
    high, low, radius : (n,) float64
        Where the radius is infinite nothing is known.
    """

    high: Floats
    low: Floats
    radius: Floats

    @classmethod
    def of(cls, x: Floats) -> "Balls":
        """Exact numbers."""
        zero = np.zeros_like(x)
        return cls(x, zero, zero)

    def __getitem__(self, index: Any) -> "Balls":
        return Balls(self.high[index], self.low[index], self.radius[index])

    def enclosure(self, j: int) -> Enclosure:
        """Enclosure of element ``j``.

        Raises
        ------
        ValueError
            If nothing is known of it.
        """
        middle = Fraction(float(self.high[j])) + Fraction(float(self.low[j]))
        radius = Fraction(float(self.radius[j])) if np.isfinite(self.radius[j]) else None
        if radius is None:
            raise ValueError(f"nothing is known of element {j}")
        return Enclosure.hull(exact(middle - radius), exact(middle + radius))


def exact(x: Fraction) -> Enclosure:
    """Enclosure of a dyadic number, without rounding."""
    length = max(PRECISION, x.numerator.bit_length())
    return Enclosure(x.numerator, x.numerator, 1 - x.denominator.bit_length(), length)


def scaled(high: Floats, low: Floats, radius: Floats, exponents: Any) -> Balls:
    """Balls times 2**exponents; what underflow may lose is added to the radius."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        top, bottom = np.ldexp(high, exponents), np.ldexp(low, exponents)
        reach = np.ldexp(radius, exponents)
        # Whatever may have been rounded by underflow, in any of the three.
        small = np.zeros(top.shape, bool)
        for before, after in ((high, top), (low, bottom), (radius, reach)):
            small |= (np.abs(after) < _SMALLEST) & (before != 0)
        reach = np.where(small, reach + 2.0**-1072, reach) * np.where(radius != 0, _UPWARD, 1.0)
        known = (np.abs(top) < _LARGEST) & (reach < _LARGEST)
    return Balls(
        np.where(known, top, 0.0), np.where(known, bottom, 0.0), np.where(known, reach, np.inf)
    )


def rounded(balls: Balls, dtype: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Correctly rounded values, and where they are known (certificate.md, "Rounding a ball").

    Returns
    -------
    values : (n,) of ``dtype``
        Correctly rounded where ``known``; elsewhere nothing is said.
    known : (n,) bool
    """
    high, low, radius = balls.high, balls.low, balls.radius
    pad = radius * _UPWARD + np.abs(low) * 2.0**-51
    if dtype == "float32":
        # The ends are rounded to float64 first, which must not be in the wrong direction.
        pad += np.abs(high) * 2.0**-52
        pad[(radius == 0) & (low == 0)] = 0.0
    else:
        pad[radius == 0] = 0.0
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        below = (high + (low - pad)).astype(dtype)
        above = (high + (low + pad)).astype(dtype)
        size = np.abs(high)
        inside = (size >= _SMALLEST) & (size < _LARGEST)
        known = (below == above) & (inside | ((high == 0) & (radius == 0)))
    return below, known


def unknown(size: int) -> Balls:
    """Balls of which nothing is known."""
    return Balls(np.zeros(size), np.zeros(size), np.full(size, np.inf))


@dataclass(frozen=True)
class Values:
    """Theta or the average after one step, certified.

    Attributes
    ----------
    rounded : (n,) of the dtype asked for
        Correctly rounded; nan where it is undecided.
    undecided : (n,) bool
        Where the correctly rounded value is not known. That is not a result, and never a pass.
    """

    rounded: NDArray[Any]
    undecided: NDArray[np.bool_]
    _balls: Balls
    _better: Mapping[int, Enclosure]

    def enclosure(self, j: int) -> Enclosure:
        """Enclosure of element ``j``."""
        return self._better[j] if j in self._better else self._balls.enclosure(j)

    def candidates(self, j: int) -> tuple[float, float]:
        """Rounded ends of the enclosure: where they differ, the true value is between them."""
        return self.enclosure(j).candidates(formats[self.rounded.dtype.name])


def with_better(
    values: NDArray[Any],
    known: NDArray[np.bool_],
    balls: Balls,
    better: Mapping[int, tuple[Enclosure, float | None]],
) -> Values:
    """Values of which some were settled otherwise, by element: enclosure and rounded value."""
    values[~known] = np.nan
    undecided = ~known
    for j, (_, value) in better.items():
        if value is not None:
            values[j], undecided[j] = value, False
    return Values(values, undecided, balls, {j: enclosure for j, (enclosure, _) in better.items()})
