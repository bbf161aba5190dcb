"""mpmath numbers with bounds of their errors: intervals that rest on mpmath, not on our integers.

An `Approximation` is an `Enclosure` whose arithmetic is mpmath's. What is trusted of mpmath: + - *
and / are rounded to nearest at the working precision, and a power x**alpha is off by at most
2**10 (1 + alpha ln x) units in its last place; its exp and log lose about log2(alpha ln x) bits.
"""

from fractions import Fraction
from typing import Any

from ..numbers import context, real
from .enclosure import PRECISION, Enclosure, TooWideError

# Precision of the error bounds; the factor covers their own roundings.
_BITS = 64
_UPWARD = 1 + 2.0**-40
_POWER_UNITS = 2**10
# Bits between numbers that are as good as infinitely far apart.
_FAR = 2**14


class Approximation(Enclosure):
    """An mpmath number and a bound of its error, immutable.

    Attributes
    ----------
    value, error : mpf
        The exact number is within ``error`` of ``value``.
    """

    __slots__ = ("error", "value")

    value: Any
    error: Any

    def __init__(self, value: Any, error: Any, precision: int) -> None:
        self.value, self.error = value, error
        middle, reach = _dyadic(value), _dyadic(error)
        parts = [part for part in (middle, reach) if part[0]]
        unit = min((exponent for _, exponent in parts), default=0)
        # Exponents may be numbers of hundreds of digits: what is far below the rest is rounded.
        top = max((n.bit_length() + exponent for n, exponent in parts), default=0)
        unit = max(unit, top - precision - _FAR)
        wide = _ceiling(reach, unit)
        low, high = -_ceiling((-middle[0], middle[1]), unit) - wide, _ceiling(middle, unit) + wide
        super().__init__(low, high, unit, max(precision, low.bit_length(), high.bit_length()))
        self.precision = precision

    @classmethod
    def of(cls, x: Any, precision: int = PRECISION) -> "Approximation":
        """``x`` as mpmath has it at ``precision`` bits; as `Enclosure.of`."""
        if isinstance(x, Approximation):
            value = real(x.value, precision) * 1
            lost = _zero() if value == x.value else _unit(value, precision)
            return cls(value, _sum(x.error, lost), precision)
        if isinstance(x, Enclosure):
            low, high = x.bounds()
            middle = cls.of((low + high) / 2, precision)
            return cls(middle.value, _sum(middle.error, cls.of((high - low) / 2).value), precision)
        value = real(x, precision)
        if not context(precision).isfinite(value):
            raise ValueError(f"x must be finite, got {x!r}")
        exact = Fraction(x)
        dyadic = exact.denominator & (exact.denominator - 1) == 0
        kept = dyadic and _is(value, exact.numerator, 1 - exact.denominator.bit_length())
        # A long fraction is rounded three times.
        return cls(value, _zero() if kept else 4 * _unit(value, precision), precision)

    def widened(self, error: float) -> "Approximation":
        """Approximation of all numbers that are within ``error`` of those it is one of."""
        more = real(error, self.precision)
        return Approximation(self.value, _sum(self.error, more), self.precision)

    def __neg__(self) -> "Approximation":
        return Approximation(-self.value, self.error, self.precision)

    def __add__(self, other: Any) -> Any:
        other = self._lift(other)
        if other is None:
            return NotImplemented
        precision = max(self.precision, other.precision)
        value = real(self.value, precision) + real(other.value, precision)
        (a, i), (b, j) = _dyadic(self.value), _dyadic(other.value)
        unit = min(i, j)
        near = abs(i - j) <= precision + _FAR
        if not (a and b) or (near and _is(value, (a << i - unit) + (b << j - unit), unit)):
            return Approximation(value, _sum(self.error, other.error), precision)
        return _made(value, _sum(self.error, other.error), precision)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        other = self._lift(other)
        return NotImplemented if other is None else self + -other

    def __rsub__(self, other: Any) -> Any:
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> Any:
        other = self._lift(other)
        if other is None:
            return NotImplemented
        precision = max(self.precision, other.precision)
        value = real(self.value, precision) * real(other.value, precision)
        (a, ea), (b, eb) = _parts(self), _parts(other)
        error = (a * eb + b * ea + ea * eb) * _UPWARD
        (m, i), (n, j) = _dyadic(self.value), _dyadic(other.value)
        if _is(value, m * n, i + j):
            return Approximation(value, error, precision)
        return _made(value, error, precision)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        other = self._lift(other)
        if other is None:
            return NotImplemented
        (a, ea), (b, eb) = _parts(self), _parts(other)
        if not b:
            raise ZeroDivisionError("division by zero")
        if eb >= b / 2:
            raise TooWideError(f"division by an interval that is near zero: {other!r}")
        precision = max(self.precision, other.precision)
        value = real(self.value, precision) / real(other.value, precision)
        return _made(value, (ea + a * eb / b) / (b - eb) * _UPWARD, precision)

    def __rtruediv__(self, other: Any) -> Any:
        lifted = self._lift(other)
        return NotImplemented if lifted is None else lifted / self

    def __pow__(self, other: Any) -> Any:
        alpha = self._lift(other)
        if alpha is None:
            return NotImplemented
        if alpha.error or alpha.value < 0:
            raise ValueError(f"the exponent must be exact and >= 0, got {other!r}")
        if not alpha.value or (self.value == 1 and not self.error):
            return Approximation.of(1, self.precision)
        x, error = _parts(self)
        power = real(alpha.value, _BITS)
        if x - error < 0.5:
            raise ValueError(f"a power needs a base >= 1, got {self!r}")
        # (1 + d)**alpha is off by at most 2 alpha d while that is at most 1.
        relative = 2 * power * error / (x - error) * _UPWARD
        if relative > 1:
            raise TooWideError(f"the base is too wide for this power: {self!r}")
        value = self.value ** real(alpha.value, self.precision)
        units = _POWER_UNITS * (1 + power * abs(context(_BITS).log(x))) * _UPWARD
        relative += units * context(_BITS).mpf(2) ** -self.precision
        if relative > 1:
            raise TooWideError(f"the precision is too poor for this power: {self!r}")
        return Approximation(value, 2 * relative * real(abs(value), _BITS), self.precision)

    def _lift(self, other: Any) -> "Approximation | None":
        if isinstance(other, Approximation):
            return other
        if isinstance(other, Enclosure | int | Fraction):
            return Approximation.of(other, self.precision)
        return None


def _made(value: Any, error: Any, precision: int) -> Approximation:
    """A result that was rounded once more, to nearest."""
    return Approximation(value, _sum(error, _unit(value, precision)), precision)


def _ceiling(number: tuple[int, int], unit: int) -> int:
    """``number[0] * 2**number[1]`` in units of 2**unit, rounded up."""
    mantissa, exponent = number
    if exponent >= unit:
        return mantissa << exponent - unit
    return -(-mantissa >> unit - exponent)


def _is(value: Any, mantissa: int, exponent: int) -> bool:
    """Whether an mpf is exactly ``mantissa * 2**exponent``: then nothing was rounded."""
    own, unit = _dyadic(value)
    if abs(unit - exponent) > _FAR + mantissa.bit_length():
        return own == mantissa == 0
    least = min(unit, exponent)
    return own << unit - least == mantissa << exponent - least


def _unit(value: Any, precision: int) -> Any:
    """What one rounding to nearest may cost."""
    return real(abs(value), _BITS) * context(_BITS).mpf(2) ** -precision * _UPWARD


def _sum(a: Any, b: Any) -> Any:
    return (real(a, _BITS) + real(b, _BITS)) * _UPWARD if a or b else _zero()


def _zero() -> Any:
    return context(_BITS).mpf(0)


def _parts(x: Approximation) -> tuple[Any, Any]:
    """Magnitude and error, in the precision that errors are added up in."""
    return real(abs(x.value), _BITS), real(x.error, _BITS)


def _dyadic(x: Any) -> tuple[int, int]:
    """Integer and binary exponent of an mpf, exactly."""
    mantissa, exponent = int(x.man), int(x.exp)
    return (-mantissa if x < 0 else mantissa), exponent
