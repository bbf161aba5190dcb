"""Step sizes as unevaluated sums of two float64 numbers, with a proven error bound (E2).

Only + - *, rint, frexp, ldexp and table look-ups are used. Each of them is exact or correctly
rounded on every machine, so the bits depend neither on SIMD instructions nor on a mathematical
library. The bound is derived in ``spec/kernels.md``, "Step size", and each of its steps is a lemma
of ``spec/proofs/`` that a program proves: it quotes the lines here that it is about.

The same lines run on Python floats and on arrays of float64: `SCALAR` and `VECTOR` hold the four
operations that are spelled differently.
"""

import decimal
import math
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import numpy as np

LARGEST_STEP = 2**53
"""Steps up to this are float64 numbers, exactly."""

LARGEST_POWER = 2.0**16
"""Larger alpha leave a bound too wide for the rounding test to pass often."""

LARGEST_LOGARITHM = 700.0
"""Powers of a larger logarithm are left to the certificate."""

# 2**27 + 1 splits a float64 number into halves of 26 bits (Dekker, Veltkamp).
_SPLIT = 134217729.0
# Adding and subtracting 1.5 * 2**52 rounds to the nearest integer.
_RINT = 6755399441055744.0

_CONTEXT = decimal.Context(prec=60)
_LN2 = Decimal(2).ln(_CONTEXT)


def _head(value: Decimal, bits: int) -> float:
    """``value`` cut to ``bits`` bits."""
    scale = bits - math.frexp(float(value))[1]
    return math.ldexp(int(value * Decimal(2) ** scale), -scale)


# k LN2_HIGH is exact for |k| < 2**11, n UNIT_HIGH and n UNIT_MIDDLE for |n| < 2**19. Decimal's
# operators round to the context of whoever imports this first, so the context is named.
with decimal.localcontext(_CONTEXT):
    _LN2_HIGH = _head(_LN2, 42)
    _LN2_LOW = float(_LN2 - Decimal(_LN2_HIGH))
    _UNIT = _LN2 / 256
    _UNIT_HIGH = _head(_UNIT, 34)
    _UNIT_MIDDLE = _head(_UNIT - Decimal(_UNIT_HIGH), 34)
    _UNIT_LOW = float(_UNIT - Decimal(_UNIT_HIGH) - Decimal(_UNIT_MIDDLE))
    _PER_UNIT = float(1 / _UNIT)


class Arithmetic(NamedTuple):
    """Operations that Python floats and arrays spell differently, and the tables."""

    frexp: Callable[[Any], Any]
    ldexp: Callable[[Any, Any], Any]
    integer: Callable[[Any], Any]
    inverse: Any
    log_high: Any
    log_low: Any
    exp_high: Any
    exp_low: Any


@cache
def tables() -> tuple[list[float], ...]:
    """256 inverses c_i, and log(1 / c_i) and 2**(i / 256) as sums of two floats.

    c_i is near 256 / (256 + i + 1/2); c_0 is 1, so that log(1 + z) keeps a small z.
    """
    inverse = [1.0] + [512 / (513 + 2 * i) for i in range(1, 256)]
    with decimal.localcontext(_CONTEXT):
        logs = [_two_floats(-Decimal(c).ln()) for c in inverse]
        exps = [_two_floats((_UNIT * i).exp()) for i in range(256)]
    return (inverse, *map(list, zip(*logs, strict=True)), *map(list, zip(*exps, strict=True)))


def _two_floats(value: Decimal) -> tuple[float, float]:
    high = float(value)
    return high, float(value - Decimal(high))


@cache
def scalar() -> Arithmetic:
    """Arithmetic of Python floats."""
    return Arithmetic(math.frexp, math.ldexp, int, *tables())


@cache
def vector() -> Arithmetic:
    """Arithmetic of arrays of float64."""
    arrays = [np.array(table) for table in tables()]
    return Arithmetic(np.frexp, np.ldexp, lambda x: x.astype(np.int64), *arrays)


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Sum, and what its rounding lost, exactly (Knuth)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def two_product(a: Any, b: Any) -> tuple[Any, Any]:
    """Product, and what its rounding lost, exactly where nothing over- or underflows (Dekker)."""
    product = a * b
    a_high = _SPLIT * a
    a_high = a_high - (a_high - a)
    b_high = _SPLIT * b
    b_high = b_high - (b_high - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def step_size(
    t: Any, *, lr: float, lambd: float, alpha: float, arithmetic: Arithmetic
) -> tuple[Any, Any, Any, float]:
    """Step size (E2) as a sum of two floats, times a power of two.

    Parameters
    ----------
    t : float or (n,) array of float64
        Steps, integers in [0, 2**53].
    lr, lambd, alpha : float
        Hyperparameters, lr and lambd > 0, with alpha in (0, 2**16], lambd lr t below 2**1000, and
        the logarithm of the power below `LARGEST_LOGARITHM`.
    arithmetic : Arithmetic
        `scalar()` or `vector()`, as ``t`` is.

    Returns
    -------
    high, low, exponent : as t
        The step size is (high + low) 2**exponent (1 + d), with high in [1/4, 4].
    error : float
        Upper bound of abs(d): alpha 2**-73 + 2**-78.
    """
    lr_part, lr_exponent = math.frexp(lr)
    lambd_part, lambd_exponent = math.frexp(lambd)
    # z = lambd lr t. The product of the parts is exact; relative error of x at most 2**-103.
    p_high, p_low = two_product(lambd_part, lr_part)
    z_high, z_low = two_product(p_high, t)
    z_low = z_low + p_low * t
    scale = lambd_exponent + lr_exponent
    z_high, z_low = arithmetic.ldexp(z_high, scale), arithmetic.ldexp(z_low, scale)
    x_high, x_low = two_sum(1.0, z_high)
    x_high, x_low = two_sum(x_high, x_low + z_low)
    log_high, log_low = _log(x_high, x_low, arithmetic)
    y_high, y_low = two_product(-alpha, log_high)
    y_low = y_low - alpha * log_low
    exp_high, exp_low, exponent = _exp(y_high, y_low, arithmetic)
    high, low = two_product(lr_part, exp_high)
    low = low + lr_part * exp_low
    return high, low, exponent + lr_exponent, alpha * 2.0**-73 + 2.0**-78


def _log(x_high: Any, x_low: Any, arithmetic: Arithmetic) -> tuple[Any, Any]:
    """Logarithm of a number >= 1; absolute error below 2**-76 + 2**-101 log x."""
    part, exponent = arithmetic.frexp(x_high)
    part, k = 2.0 * part, exponent - 1
    index = arithmetic.integer((part - 1.0) * 256.0)
    inverse = arithmetic.inverse[index]
    # r = x inverse - 1, and abs(r) <= 2**-8. The subtraction is exact.
    product, rest = two_product(part, inverse)
    r, r_low = two_sum(product - 1.0, rest + arithmetic.ldexp(x_low, -k) * inverse)
    square, square_low = two_product(r, r)
    series = 1 / 3 + r * (-1 / 4 + r * (1 / 5 + r * (-1 / 6 + r * (1 / 7 + r * (-1 / 8 + r / 9)))))
    cubic = r * square * series
    total, e1 = two_sum(k * _LN2_HIGH, arithmetic.log_high[index])
    total, e2 = two_sum(total, r)
    total, e3 = two_sum(total, -0.5 * square)
    low = (r_low - (0.5 * square_low + r * r_low)) + (k * _LN2_LOW + arithmetic.log_low[index])
    return two_sum(total, cubic + (low + (e1 + (e2 + e3))))


def _exp(y: Any, y_low: Any, arithmetic: Arithmetic) -> tuple[Any, Any, Any]:
    """Exponential of -700 <= y <= 0, over 2**exponent; relative error below 2**-80."""
    n = (y * _PER_UNIT + _RINT) - _RINT
    r, e1 = two_sum(y, -n * _UNIT_HIGH)
    r, e2 = two_sum(r, -n * _UNIT_MIDDLE)
    r, r_low = two_sum(r, (y_low + (e1 + e2)) - n * _UNIT_LOW)
    square, square_low = two_product(r, r)
    series = 1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r / 5040)))
    p, e3 = two_sum(r, 0.5 * square)
    p_low = e3 + (r * square * series + (0.5 * square_low + (r * r_low + r_low)))
    n = arithmetic.integer(n)
    exp_high, exp_low = arithmetic.exp_high[n & 255], arithmetic.exp_low[n & 255]
    a, b = two_product(exp_high, p)
    high, e4 = two_sum(exp_high, a)
    low = e4 + (b + (exp_low + (exp_high * p_low + exp_low * p)))
    return high, low, n >> 8
