"""Correct rounding of exact numbers to float32 and float64, by integers.

mpmath rounds twice on the way to a subnormal, and to float32 always through float64; so none of its
conversions is used.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType


@dataclass(frozen=True)
class Format:
    """A binary format.

    Attributes
    ----------
    name : str
        Name of the dtype.
    digits : int
        Bits of the significand, the leading one included.
    lowest : int
        Exponent of the smallest positive number, 2**lowest, a subnormal.
    highest : int
        Finite numbers are below 2**highest.
    """

    name: str
    digits: int
    lowest: int
    highest: int

    @property
    def u(self) -> float:
        """Unit roundoff, half the distance from 1 to the next number."""
        return 2.0**-self.digits

    @property
    def tiny(self) -> float:
        """Smallest positive number (a subnormal)."""
        return 2.0**self.lowest

    @property
    def smallest_normal(self) -> float:
        """Smallest positive normal number."""
        return 2.0 ** (self.lowest + self.digits - 1)

    @property
    def largest(self) -> float:
        """Largest finite number."""
        return math.ldexp(2.0 - 2.0 ** (1 - self.digits), self.highest - 1)


formats: Mapping[str, Format] = MappingProxyType(
    {
        "float32": Format("float32", 24, -149, 128),
        "float64": Format("float64", 53, -1074, 1024),
    }
)
"""Format by name of the dtype."""


def round_dyadic(mantissa: int, exponent: int, fmt: Format) -> float:
    """``mantissa * 2**exponent`` rounded to ``fmt``: to nearest, ties to even.

    Returns
    -------
    float
        A number of ``fmt``; infinite where the rounded value is beyond the largest one. A negative
        number that rounds to zero gives -0.0.
    """
    sign = -1.0 if mantissa < 0 else 1.0
    size = abs(mantissa)
    top = size.bit_length() + exponent  # size * 2**exponent is in [2**(top-1), 2**top)
    if size == 0 or top < fmt.lowest:  # less than half of the smallest number
        return sign * 0.0
    if top > fmt.highest:
        return sign * math.inf
    quantum = max(top - fmt.digits, fmt.lowest)
    drop = quantum - exponent
    if drop > 0:
        size = divide_to_even(size, 1 << drop)
        exponent = quantum
    if size.bit_length() + exponent > fmt.highest:
        return sign * math.inf
    return sign * _ldexp(size, exponent)


def round_fraction(x: Fraction, fmt: Format) -> float:
    """``x`` rounded to ``fmt``: to nearest, ties to even (as `round_dyadic`)."""
    # Two bits more than the format holds, and below them one bit that says "and something more":
    # no tie is made or lost by it.
    size = x.numerator.bit_length() - x.denominator.bit_length()
    shift = fmt.digits + 3 - size
    numerator = x.numerator << max(shift, 0)
    denominator = x.denominator << max(-shift, 0)
    quotient, remainder = divmod(abs(numerator), denominator)
    mantissa = 2 * quotient + (remainder != 0)
    return round_dyadic(-mantissa if x < 0 else mantissa, -shift - 1, fmt)


def divide_to_even(numerator: int, denominator: int) -> int:
    """Integer nearest to a quotient of non-negative integers, ties to even."""
    quotient, remainder = divmod(numerator, denominator)
    if 2 * remainder > denominator or (2 * remainder == denominator and quotient & 1):
        quotient += 1
    return quotient


def _ldexp(size: int, exponent: int) -> float:
    # The size has at most 53 bits here unless it is a short number times a power of two.
    shift = max(0, size.bit_length() - 53)
    return math.ldexp(float(size >> shift), exponent + shift)


def ulp(x: float, fmt: Format) -> float:
    """Distance between neighbouring numbers of ``fmt`` at ``x``, the unit in its last place."""
    if not math.isfinite(x):
        return math.inf
    _, exponent = math.frexp(x)  # |x| is in [2**(exponent-1), 2**exponent)
    quantum = fmt.lowest if x == 0 else max(exponent - fmt.digits, fmt.lowest)
    return math.ldexp(1.0, quantum)
