"""Fused multiply-add, rounded once, on arrays of float32 and float64.

NumPy has none. Every number is what IEEE 754 says, subnormal and infinite ones included.
"""

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.reference import formats
from asgd.reference.rounding import round_fraction

Array = NDArray[Any]

# 2**27 + 1 splits a float64 number into halves of 26 bits (Dekker, Veltkamp).
_SPLITTER = 2.0**27 + 1
# Between these, no product, and no error of one, under- or overflows.
_SMALLEST, _LARGEST = 2.0**-900, 2.0**480


def fma(x: Any, y: Any, z: Any) -> Array:
    """X y + z with one rounding, in the common dtype of the three, float32 or float64."""
    kind = np.result_type(x, y, z)
    x, y, z = np.broadcast_arrays(*(np.asarray(v, kind) for v in (x, y, z)))
    with np.errstate(all="ignore"):
        return _single(x, y, z) if kind == np.float32 else _double(x, y, z)


def _single(x: Array, y: Array, z: Array) -> Array:
    """The product is a float64 number, and so is what its sum loses."""
    total, lost = _two_sum(x.astype(np.float64) * y, z.astype(np.float64))
    return _odd(total, lost).astype(np.float32)


def _double(x: Array, y: Array, z: Array) -> Array:
    """Three floats that hold the exact sum, added with one rounding (Boldo and Melquiond)."""
    product, missed = _two_product(x, y)
    upper, lower = _two_sum(z, missed)
    total, rest = _two_sum(product, upper)
    out = np.asarray(total + _odd(*_two_sum(rest, lower)))
    sizes = [np.abs(v) for v in (x, y, z, product)]
    safe = (sizes[3] >= _SMALLEST) | (x == 0) | (y == 0)
    for size in sizes[:3]:
        safe &= size < _LARGEST
    if not safe.all():
        out = out.copy()
        for index in np.argwhere(~safe):
            place = tuple(index)
            out[place] = _exact(float(x[place]), float(y[place]), float(z[place]))
    return out


def _exact(x: float, y: float, z: float) -> float:
    """By fractions; where a number is not finite, nothing is rounded."""
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        return x * y + z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    return round_fraction(exact, formats["float64"]) if exact else x * y + z


def _odd(total: Array, lost: Array) -> Array:
    """A sum rounded to odd: rounding it once more is then as rounding the exact one."""
    even = (total.view(np.int64) & 1) == 0
    away = np.nextafter(total, np.copysign(np.inf, lost))
    return np.where((lost != 0) & even & np.isfinite(total), away, total)


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    product = a * b
    (a1, a2), (b1, b2) = _split(a), _split(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _split(x: Array) -> tuple[Array, Array]:
    spread = _SPLITTER * x
    high = spread - (spread - x)
    return high, x - high
