"""Numbers as reports write them: hexadecimal beside decimal."""

import math
from fractions import Fraction

from asgd.reference import Enclosure, real
from asgd.reference.rounding import formats, round_fraction

from .model import Interval, Number


def number(x: float) -> Number:
    """``x`` in hexadecimal, beside its decimal form."""
    return Number(hex=float(x).hex(), decimal=repr(float(x)))


def expected(exact: Enclosure, wanted: float | None = None) -> Interval:
    """Ends of an enclosure, hexadecimal and decimal; or what is wanted, where not finite."""
    if wanted is not None:
        return Interval(*(wanted.hex(), wanted.hex(), repr(wanted), repr(wanted)))
    # Rounded outward to float64.
    low, high = exact.bounds()
    return Interval(
        lo=_toward(low, -math.inf).hex(),
        hi=_toward(high, math.inf).hex(),
        lo_decimal=decimal(low),
        hi_decimal=decimal(high),
    )


def decimal(x: Fraction, digits: int = 25) -> str:
    """``x`` to a number of significant decimal digits."""
    value = real(x)
    return str(value.context.nstr(value, digits))


def _toward(x: Fraction, direction: float) -> float:
    nearest = round_fraction(x, formats["float64"])
    if not math.isfinite(nearest) or nearest == x or (nearest > x) == (direction > 0):
        return nearest
    return math.nextafter(nearest, direction)


def finite(x: float) -> float | None:
    """``x`` for JSON, which has no infinity."""
    return x if math.isfinite(x) else None
