"""Single steps from exact inputs, many at once: what a re-synchronised check needs (uses NumPy).

Each row has its own few coefficients, so that there is no matrix product to make: sums of products
are kept as high + low, the errors of whose operations are floats too.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .balls import Balls
from .enclosure import Enclosure
from .slices import two_sum

Floats = NDArray[np.float64]

_UPWARD = 1 + 2.0**-40
# Splitting a float overflows above, and errors of products are no floats below.
_SMALLEST, _LARGEST = 2.0**-900, 2.0**480
_SPLITTER = 2.0**27 + 1


def weighted_sums(coefficients: Sequence[Sequence[Enclosure]], inputs: Sequence[Floats]) -> Balls:
    """Sums over i of ``coefficients[i][t] * inputs[i][t, j]``, as balls of the shape (T, n).

    Parameters
    ----------
    coefficients : sequence of (T,) Enclosure
        One for each input and row.
    inputs : sequence of (T, n) float64
        Exact numbers.
    """
    return ball_sums([balls(enclosures)[:, :, None] for enclosures in coefficients], inputs)


def ball_sums(coefficients: Sequence[Floats], inputs: Sequence[Floats]) -> Balls:
    """Sums over i of ``coefficients[i] * inputs[i]``, elementwise, as balls.

    Parameters
    ----------
    coefficients : sequence of (3, ...) float64
        High, low and error of each (see `balls`), of shapes that go with the inputs'.
    inputs : sequence of (...) float64
        Exact numbers.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        high, low, size, radius = (np.zeros(inputs[0].shape) for _ in range(4))
        fits = np.ones(inputs[0].shape, bool)
        exact = np.ones(inputs[0].shape, bool)
        for (c, rest, error), x in zip(coefficients, inputs, strict=True):
            product, missed = _two_product(c, x)
            fits &= (np.abs(x) < _LARGEST) & (np.abs(c) < _LARGEST) & (error < _LARGEST)
            # What is lost of a product this small is below 2**-952; `missed` says nothing of it.
            tiny = (np.abs(product) < _SMALLEST) & (x != 0) & (c != 0)
            missed = np.where(tiny, 0.0, missed)
            radius += np.where(tiny, 2.0**-950, 0.0)
            small = rest * x
            high, carry = two_sum(high, product)
            # Each addition to low, and the product in it, rounds by at most u of its result, and
            # no result exceeds the sum of all the magnitudes.
            low = low + (carry + (missed + small))
            size += np.abs(carry) + np.abs(missed) + np.abs(small)
            radius += error * np.abs(x)
            exact &= (carry == 0) & (missed == 0) & ((x == 0) | ((rest == 0) & (error == 0)))
        high, low = two_sum(high, low)
        # Four roundings a term, and (1 + u)**40 stays below the factor.
        radius = (radius + 4 * len(inputs) * 2.0**-53 * size) * _UPWARD
        # rest x, error |x| and the sums of such numbers may have underflowed, to 0 even.
        radius[~exact] += 2.0**-1000
        radius[~fits] = np.inf
    return Balls(np.where(fits, high, 0.0), np.where(fits, low, 0.0), radius)


def balls(enclosures: Sequence[Enclosure]) -> Floats:
    """Each enclosure as high + low +- error; the error is infinite beyond the floats."""
    with np.errstate(over="ignore", under="ignore"):
        return _balls(enclosures)


def _balls(enclosures: Sequence[Enclosure]) -> Floats:
    out = np.empty((3, len(enclosures)))
    for i, x in enumerate(enclosures):
        high = _float(x.low, x.exponent)
        if math.isinf(high):
            out[:, i] = 0.0, 0.0, math.inf
            continue
        rest = x - Enclosure.of(high, x.precision)
        low = _float(rest.low, rest.exponent)
        left = (rest - Enclosure.of(low, x.precision)).magnitude()
        out[:, i] = high, low, left * _UPWARD
    return out


def _float(mantissa: int, exponent: int) -> float:
    """A float near ``mantissa * 2**exponent``, infinite beyond them; any one will do."""
    shift = max(0, mantissa.bit_length() - 53)
    return float(np.ldexp(float(mantissa >> shift), max(-5000, min(5000, exponent + shift))))


def _two_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Product of two floats and its rounding error (Dekker; no fused operation is assumed)."""
    product = a * b
    (a1, a2), (b1, b2) = _split(a), _split(b)
    return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2


def _split(x: Floats) -> tuple[Floats, Floats]:
    """Two floats of 26 bits that sum to ``x`` (Veltkamp)."""
    spread = _SPLITTER * x
    high = spread - (spread - x)
    return high, x - high
