"""Intervals of integers that contain the exact result: the certificate.

An `Enclosure` is [low, high] * 2**exponent with integers low <= high. Every operation returns an
interval that contains the result for all members of its operands (inclusion), and rounds outward
to the precision: low down, high up. So a chain of operations that begins with exact numbers ends
with an interval that contains the exact result, whatever the precision; a poor precision makes it
wide, never wrong. Everything rests on integer `+`, `*`, `>>`, `//` and `math.isqrt`, nothing else.
"""

import math
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ..rounding import Format, round_dyadic

PRECISION = 128
HIGHEST_PRECISION = 8192
# Bits that a power carries beyond the precision: its error is far below 2**16 units.
_GUARD = 16
# A root below 1 + 2**-_NEAR is handed to the binomial series.
_NEAR = 11


class TooWideError(ArithmeticError):
    """An interval is too wide to go on with; a higher precision may help."""


class Enclosure:
    """Interval [low, high] * 2**exponent, immutable.

    Attributes
    ----------
    low, high : int
        Ends, low <= high.
    exponent : int
        Their common binary exponent.
    precision : int
        Bits that the ends are rounded outward to.
    """

    __slots__ = ("exponent", "high", "low", "precision")

    low: int
    high: int
    exponent: int
    precision: int

    def __init__(self, low: int, high: int, exponent: int, precision: int = PRECISION) -> None:
        if low > high:
            raise ValueError(f"low must be at most high, got {low} > {high}")
        # The longer end; this is the innermost operation of all.
        excess = (high if high >= -low else low).bit_length() - precision
        if excess > 0:
            # Shifting right rounds toward minus infinity; negated twice, toward plus infinity.
            low, high, exponent = low >> excess, -(-high >> excess), exponent + excess
        self.low, self.high, self.exponent, self.precision = low, high, exponent, precision

    @classmethod
    def of(cls, x: Any, precision: int = PRECISION) -> "Enclosure":
        """Enclosure of the number ``x``: exact for a binary number of up to ``precision`` bits.

        Parameters
        ----------
        x : int, float, Fraction, NumPy scalar or Enclosure
            A finite number.
        precision : int
            Bits kept.

        Raises
        ------
        TypeError, ValueError
            If ``x`` is not a number, or not finite.
        """
        if type(x) is float:
            return _of_float(x, precision)
        if isinstance(x, Enclosure):
            return cls(x.low, x.high, x.exponent, precision)
        if isinstance(x, Fraction):
            return cls(x.numerator, x.numerator, 0, precision) / x.denominator
        value = x.item() if hasattr(x, "item") else x
        if isinstance(value, int):
            return cls(value, value, 0, precision)
        if not isinstance(value, float):
            raise TypeError(f"x must be a number, got {x!r} of type {type(x).__name__}")
        return _of_float(float(value), precision)

    @classmethod
    def hull(cls, a: "Enclosure", b: "Enclosure") -> "Enclosure":
        """Smallest enclosure that contains both."""
        exponent = min(a.exponent, b.exponent)
        ends = [end << x.exponent - exponent for x in (a, b) for end in (x.low, x.high)]
        return cls(min(ends), max(ends), exponent, max(a.precision, b.precision))

    # Arithmetic. Each method's inclusion is argued in spec/certificate.md.

    def __neg__(self) -> "Enclosure":
        return Enclosure(-self.high, -self.low, self.exponent, self.precision)

    def __add__(self, other: Any) -> "Enclosure":
        other = self._lift(other)
        if other is None:
            return NotImplemented
        a, b = (self, other) if self.exponent <= other.exponent else (other, self)
        precision = max(a.precision, b.precision)
        # b is the coarser one. Where aligning it would make integers far longer than what is kept,
        # the finer one, a, is first widened to a coarser grid.
        gap = b.exponent - a.exponent
        room = 2 * precision + max(a.low.bit_length(), a.high.bit_length())
        if gap > room and (b.low or b.high):
            drop = gap - 2 * precision
            a = Enclosure(a.low >> drop, -(-a.high >> drop), a.exponent + drop, precision)
            gap = b.exponent - a.exponent
        elif gap > room:  # b is exactly zero
            return Enclosure(a.low, a.high, a.exponent, precision)
        return Enclosure((b.low << gap) + a.low, (b.high << gap) + a.high, a.exponent, precision)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Enclosure":
        other = self._lift(other)
        return NotImplemented if other is None else self + -other

    def __rsub__(self, other: Any) -> "Enclosure":
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> "Enclosure":
        other = self._lift(other)
        if other is None:
            return NotImplemented
        exponent = self.exponent + other.exponent
        precision = max(self.precision, other.precision)
        if self.low >= 0 and other.low >= 0:
            return Enclosure(self.low * other.low, self.high * other.high, exponent, precision)
        ends = [x * y for x in (self.low, self.high) for y in (other.low, other.high)]
        return Enclosure(min(ends), max(ends), exponent, precision)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Enclosure":
        other = self._lift(other)
        return NotImplemented if other is None else self * other._reciprocal()

    def __rtruediv__(self, other: Any) -> "Enclosure":
        lifted = self._lift(other)
        return NotImplemented if lifted is None else lifted * self._reciprocal()

    def __pow__(self, other: Any) -> "Enclosure":
        """Power with an exact, dyadic exponent >= 0; the base is >= 1 unless that is an integer.

        With exponent n + sum of b_i 2**-i, the result is x**n times repeated square roots of x.
        """
        alpha = self._lift(other)
        if alpha is None:
            return NotImplemented
        if alpha.low != alpha.high or alpha.low < 0:
            raise ValueError(f"the exponent must be exact and >= 0, got {other!r}")
        if alpha.exponent >= 0:
            return self._power(alpha.low << alpha.exponent)
        whole = alpha.low >> -alpha.exponent
        bits = alpha.low - (whole << -alpha.exponent)
        result = self._power(whole)
        return result * self._roots(bits, -alpha.exponent) if bits else result

    def __lt__(self, other: Any) -> bool:
        return self._sign_of_difference(other) < 0

    def __gt__(self, other: Any) -> bool:
        return self._sign_of_difference(other) > 0

    # What is asked of an enclosure.

    def bounds(self) -> tuple[Fraction, Fraction]:
        """Both ends, exactly."""
        scale = Fraction(2) ** self.exponent
        return self.low * scale, self.high * scale

    def contains(self, x: Fraction | float) -> bool:
        """Whether the number ``x`` lies in the interval."""
        low, high = self.bounds()
        return low <= x <= high

    def rounded(self, fmt: Format) -> float | None:
        """Correctly rounded value of the exact number inside, or None where it is undecided.

        Both ends are rounded to ``fmt``; rounding is monotonic, so where they agree every number
        between them rounds to the same value.
        """
        low = round_dyadic(self.low, self.exponent, fmt)
        high = round_dyadic(self.high, self.exponent, fmt)
        return low if low == high else None

    def candidates(self, fmt: Format) -> tuple[float, float]:
        """Rounded ends: where they differ, the correctly rounded value is between them."""
        return (
            round_dyadic(self.low, self.exponent, fmt),
            round_dyadic(self.high, self.exponent, fmt),
        )

    def magnitude(self) -> float:
        """Upper bound of the absolute value, as a float (inf beyond the floats)."""
        size = max(abs(self.low), abs(self.high))
        shift = max(0, size.bit_length() - 52)
        size = -(-size >> shift)
        try:
            value = math.ldexp(float(size), min(self.exponent + shift, 4096))
        except OverflowError:
            return math.inf
        # An exponent below the floats' may have rounded to zero.
        below = size and self.exponent + shift < -1074
        return math.nextafter(value, math.inf) if below else value

    def __repr__(self) -> str:
        return f"Enclosure({self.low}, {self.high}, {self.exponent}, precision={self.precision})"

    # Private.

    def _lift(self, other: Any) -> "Enclosure | None":
        if isinstance(other, Enclosure):
            return other
        # A float is not an exact Real: it comes in through `of` or not at all.
        return Enclosure.of(other, self.precision) if isinstance(other, int | Fraction) else None

    def _sign_of_difference(self, other: Any) -> int:
        difference = self - other
        if difference.low > 0:
            return 1
        if difference.high < 0:
            return -1
        if difference.low == difference.high == 0:
            return 0
        raise TooWideError(f"cannot compare {self!r} with {other!r}: the intervals overlap")

    def _reciprocal(self) -> "Enclosure":
        if self.low <= 0 <= self.high:
            if self.low == self.high:
                raise ZeroDivisionError("division by zero")
            raise TooWideError(f"division by an interval that contains zero: {self!r}")
        shift = self.precision + max(self.low.bit_length(), self.high.bit_length())
        one = 1 << shift
        return Enclosure(
            one // self.high, -(-one // self.low), -shift - self.exponent, self.precision
        )

    def _power(self, n: int) -> "Enclosure":
        result, base = Enclosure(1, 1, 0, self.precision), self
        while n:
            if n & 1:
                result = result * base
            n >>= 1
            if n:
                base = base * base
        return result

    def _roots(self, bits: int, count: int) -> "Enclosure":
        """Power with the exponent ``bits * 2**-count`` in (0, 1) (certificate.md, "The power")."""
        scale = self.precision + _GUARD
        low, high = self._fixed(scale)
        if low < 1 << scale:
            raise ValueError(f"a fractional power needs a base >= 1, got {self!r}")
        below, above = _fractional_power(low, bits, count, scale)
        if high > low:
            # high**beta <= low**beta * (high / low).
            above += above * (high - low) // low + 1
        return Enclosure(below, above, -scale, self.precision)

    def _fixed(self, scale: int) -> tuple[int, int]:
        """Ends in fixed point of ``scale`` fraction bits, rounded outward."""
        shift = self.exponent + scale
        if shift >= 0:
            return self.low << shift, self.high << shift
        return self.low >> -shift, -(-self.high >> -shift)


@lru_cache(maxsize=1 << 14)
def _of_float(value: float, precision: int) -> Enclosure:
    # Hyperparameters and inputs come again and again, at each precision, and enclosures are
    # immutable.
    if not math.isfinite(value):
        raise ValueError(f"x must be finite, got {value!r}")
    numerator, denominator = value.as_integer_ratio()
    return Enclosure(numerator, numerator, 1 - denominator.bit_length(), precision)


def _fractional_power(base: int, bits: int, count: int, scale: int) -> tuple[int, int]:
    """Bounds of base**beta, beta = bits * 2**-count, all in fixed point of ``scale`` fraction bits.

    The product of the repeated square roots that beta's bits name, while the root is far from 1;
    then the binomial series for all that is left. certificate.md, "The power", counts the errors.
    """
    one = 1 << scale
    root, product, factors, exact = base, one, 0, True
    while bits and root - one >= one >> _NEAR:
        count -= 1
        square = root << scale
        root = math.isqrt(square)
        exact = exact and root * root == square
        if bits >> count:
            bits -= 1 << count
            product *= root
            exact = exact and not product & (one - 1)
            product >>= scale
            factors += 1
    if exact and (not bits or root == one):
        return product, product
    above = product + (product * (3 * factors + 1) >> scale) + 1
    if not bits:
        return product, above
    low, high = _binomial(root - one, bits, count, scale)
    return product * low >> scale, (above * high >> scale) + 1


def _binomial(d: int, bits: int, count: int, scale: int) -> tuple[int, int]:
    """Bounds of (1 + d)**rho, rho = bits * 2**-count in (0, 1), for a ``d`` up to 2 units low."""
    total, term, k = 1 << scale, d * bits >> count, 1
    while term:
        total += term if k & 1 else -term
        term = (term * ((k << count) - bits) * d >> (count + scale)) // (k + 1)
        k += 1
    return max(total - 2 * k, 1 << scale), total + 2 * k + 2


def decide(
    compute: Callable[[int], Enclosure],
    fmt: Format,
    *,
    precision: int = PRECISION,
    highest: int = HIGHEST_PRECISION,
) -> float | None:
    """Correctly rounded value of what ``compute`` encloses, or None where it stays undecided.

    Ziv's strategy: the precision is doubled until both ends of the enclosure round to one number.

    Parameters
    ----------
    compute : callable
        Enclosure at a precision given in bits.
    fmt : Format
        Format to round to.
    precision, highest : int
        First and last precision tried.

    Returns
    -------
    float or None
        None means *undecided*, and not a result: the exact value may be a tie.
    """
    while precision <= highest:
        with suppress(TooWideError):
            value = compute(precision).rounded(fmt)
            if value is not None:
                return value
        precision *= 2
    return None
