"""Exact matrix products in float64: numbers cut into slices of few bits (uses NumPy).

A slice is an integer of magnitude at most 2**(w - 1), held in a float64. A product of two slices is
below 2**(2 w - 2), and w is chosen such that a sum of all the products that one entry of a matrix
product adds up stays at most 2**53; every partial sum is then an integer that a float64 holds, so
the product is exact whatever the order of the summation and with or without fused operations
(certificate.md, "The sliced product").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .coefficients import Fixed

Floats = NDArray[np.float64]

# Bound evaluations take few float operations, each within 2**-53: this factor covers them.
_UPWARD = 1 + 2.0**-40
# Products of so many multiplications are made by one thread: BLAS would share out larger ones,
# which gains little at these shapes and costs much where other processes want the cores too.
_ALONE = 1 << 18


def width(terms: int, depth: int) -> int:
    """Largest w such that ``depth`` products of slices over ``terms`` terms sum to <= 2**53.

    Examples
    --------
    >>> width(404, 4)
    22
    """
    w = (53 - (terms * depth - 1).bit_length()) // 2 + 1
    assert terms * depth << (2 * w - 2) <= 1 << 53
    return w


@dataclass(frozen=True)
class Coefficients:
    """Functionals cut into slices: coefficient = 2**exponent sum_k slices[k] 2**(1 - w - w k).

    Attributes
    ----------
    slices : (depth, rows, terms) float64
        Integers of magnitude at most 2**(w - 1); trailing slices that are 0 are left out.
    exponents : (rows,) int
        Exponent of each functional; its coefficients are at most 2**exponent in magnitude.
    errors : (rows,) float64
        Bound of the sum of the errors of all coefficients of a row.
    sizes : (rows, terms) float64
        Bounds of the magnitudes of the coefficients.
    w : int
        Bits of a slice.
    """

    slices: Floats
    exponents: NDArray[np.int64]
    errors: Floats
    sizes: Floats
    w: int


def cut_coefficients(
    rows: Sequence[Sequence[Fixed]], scale: int, depth: int, w: int
) -> Coefficients:
    """Cut functionals into ``depth`` slices.

    Raises
    ------
    OverflowError
        If a coefficient is beyond the floats.
    """
    terms = len(rows[0])
    cut = np.zeros((depth, len(rows), terms))
    exponents = np.zeros(len(rows), np.int64)
    errors, sizes = np.zeros(len(rows)), np.zeros((len(rows), terms))
    one, half, mask = 1 << scale, 1 << (w - 1), (1 << w) - 1
    for i, row in enumerate(rows):
        length = max(abs(value) for value, _ in row).bit_length()
        # One bit to spare, for a carry into the first slice.
        exponents[i] = length + 1 - scale
        shift = exponents[i].item() + scale - (w * depth - 1)
        total = 0
        for j, (value, error) in enumerate(row):
            digits = value >> shift if shift > 0 else value << -shift
            lost = shift > 0 and digits << shift != value
            total += error + (lost << max(shift, 0))
            sizes[i, j] = (abs(value) + error) / one
            for k in reversed(range(depth)):
                digit = ((digits + half) & mask) - half
                cut[k, i, j] = digit
                digits = (digits - digit) >> w
            assert not digits
        errors[i] = total / one
    used = depth
    while used > 1 and not cut[used - 1].any():
        used -= 1
    assert np.abs(cut).max() <= half
    return Coefficients(cut[:used], exponents, errors * _UPWARD, sizes * _UPWARD, w)


def cut_inputs(y: Floats, depth: int, w: int) -> tuple[list[Floats], float]:
    """Cut numbers into slices: y = sum_l slices[l] 2**(1 - w - w l) + rest.

    Parameters
    ----------
    y : (terms, n) float64
        Numbers of magnitude at most 1. It is overwritten.
    depth, w : int
        Number of slices at most, and their bits.

    Returns
    -------
    slices : list of (terms, n) float64
        Integers of magnitude at most 2**(w - 1).
    rest : float
        Bound of the magnitude of what is left; 0 where nothing is.
    """
    slices: list[Floats] = []
    y *= 2.0 ** (w - 1)
    for _ in range(depth):
        # Exact: y and the integer nearest to it are multiples of y's last place, and so is
        # their difference, which is at most 1/2.
        part = np.rint(y)
        slices.append(part)
        y -= part
        if not y.any():
            return slices, 0.0
        y *= 2.0**w
    return slices, 2.0 ** (-w * depth)


def diagonals(a: Coefficients, slices: Sequence[Floats], depth: int) -> tuple[Floats, Floats]:
    """Exact sums over the slices k + l = d, for d < depth, and a bound of what is left out.

    Returns
    -------
    sums : (depth, rows, n) float64
        Integers; the functionals are 2**(exponent + 2 - 2 w) sum_d sums[d] 2**(-w d).
    left_out : (rows,) float64
        Bound of the sum over the slices k + l >= depth, for inputs of magnitude at most 1.
    """
    used, rows, terms = a.slices.shape
    columns = slices[0].shape[1]
    assert terms * min(used, len(slices)) << (2 * a.w - 2) <= 1 << 53
    sums = np.zeros((depth, rows, columns))
    for index, part in enumerate(slices):
        count = min(used, depth - index)
        if count > 0:
            # One product for all the slices of the coefficients that meet this one.
            left = a.slices[:count].reshape(count * rows, terms)
            size = max(16, _ALONE // left.size)
            for start in range(0, columns, size):
                some = slice(start, start + size)
                result = left @ part[:, some]
                sums[index : index + count, :, some] += result.reshape(count, rows, -1)
    dropped = sum(
        2.0 ** (-a.w * (k + index))
        for k in range(used)
        for index in range(len(slices))
        if k + index >= depth
    )
    return sums, terms * dropped * np.ldexp(1.0, a.exponents) * _UPWARD


def two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Sum of two floats and its rounding error, which is a float too (Knuth)."""
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)


def collect(sums: Floats, w: int) -> tuple[Floats, Floats, Floats]:
    """sum_d sums[d] 2**(-w d) as an unevaluated sum high + low, and a bound of what that misses."""
    high = sums[-1] * 2.0 ** (-w * (len(sums) - 1))
    low = np.zeros_like(high)
    missed = np.zeros_like(high)
    for d in reversed(range(len(sums) - 1)):
        high, error = two_sum(sums[d] * 2.0 ** (-w * d), high)
        low, rest = two_sum(error, low)
        missed += np.abs(rest)
    high, low = two_sum(high, low)
    return high, low, missed * _UPWARD
