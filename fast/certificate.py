"""Step sizes by proof, one at a time (E2): what `step_size` falls back on.

The exact step size is enclosed by decimal arithmetic of P digits, and both ends are rounded to the
target format; where they disagree, P is doubled (Ziv's strategy). It ends: either the exact value
is not a tie between two floats, and then the enclosure becomes narrow enough, or it is one, and
integers decide it.
"""

import decimal
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np

_FIRST_DIGITS = 40
# Beyond this many digits only a tie is still undecided.
_TIE_DIGITS = 640


def rounded(t: int, lr: float, lambd: float, alpha: float, single: bool) -> float:
    """Correctly rounded step size as a float (a float32 number where ``single``)."""
    if lr == 0 or lambd == 0 or alpha == 0 or t == 0:
        return round_once(Decimal(lr), single)
    # The relative error of a power grows with the exponent, so alpha's digits come on top.
    digits = _FIRST_DIGITS + max(0, Decimal(alpha).adjusted())
    while True:
        low, high = (round_once(end, single) for end in enclose(t, lr, lambd, alpha, digits))
        if low == high:
            return high  # The lower end of what rounds to 0 may be -0.
        if digits > _TIE_DIGITS:
            # Beyond the largest float32 number, rounding goes on as if there were another one.
            tie = (Fraction(low) + Fraction(min(high, 2.0**128) if single else high)) / 2
            if equals(tie, t, lr, lambd, alpha):
                # A midpoint of two float32 numbers is a float64 number; one of two float64
                # numbers goes to the even one here.
                return round_once(Decimal(float(tie)), single)
        digits *= 2


def enclose(t: int, lr: float, lambd: float, alpha: float, digits: int) -> tuple[Decimal, Decimal]:
    """Enclosure of the step size, from arithmetic of ``digits`` decimal digits.

    Each operation below has a relative error of at most one unit 10^(1 - digits); that the
    power's own is below one such unit too is what libmpdec documents, and is trusted: 1 + z
    has 3 of them, which the power multiplies by alpha; the power and the division add 2.
    """
    context = decimal.Context(
        prec=digits, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN, traps=[], clamp=0
    )
    z = context.multiply(context.multiply(Decimal(lambd), Decimal(lr)), Decimal(t))
    power = context.power(context.add(Decimal(1), z), Decimal(alpha))
    eta = context.divide(Decimal(lr), power)
    units = context.add(context.multiply(Decimal(4), Decimal(alpha)), Decimal(4))
    error = context.multiply(eta, context.scaleb(units, 1 - digits))
    down, up = context.copy(), context.copy()
    down.rounding, up.rounding = decimal.ROUND_FLOOR, decimal.ROUND_CEILING
    return down.subtract(eta, error), up.add(eta, error)


def round_once(value: Decimal, single: bool) -> float:
    """``value`` rounded once, to nearest and ties to even."""
    double = float(value)  # Python rounds a decimal correctly, subnormals and overflow included.
    if not single:
        return double
    with np.errstate(over="ignore", under="ignore"):
        nearest = np.float32(double)
        if float(nearest) == double or not math.isfinite(double):
            return float(nearest)
        # Rounding the double once more errs only if the double is the midpoint of two float32
        # and the exact value is not: then the exact value decides.
        away = np.nextafter(nearest, np.float32(math.copysign(math.inf, double - float(nearest))))
        if math.isinf(nearest):
            away, midpoint = np.float32(3.4028234663852886e38), 3.4028235677973366e38
        elif math.isinf(away):
            return float(nearest)
        else:
            midpoint = (float(nearest) + float(away)) / 2
        exact = Decimal(double)
        if double != midpoint or value == exact:
            return float(nearest)
        return float(max(nearest, away) if value > exact else min(nearest, away))


def equals(eta: Fraction, t: int, lr: float, lambd: float, alpha: float) -> bool:
    """Whether the step size is exactly ``eta``, by integers: eta^q x^p = lr^q with alpha = p/q.

    With x = 1 + lambd lr t reduced, x^(p/q) is rational only if x is a perfect q-th power, so that
    q is at most the number of bits of x; larger q, and results out of range, cannot be ties.
    """
    p, q = alpha.as_integer_ratio()
    x = 1 + Fraction(lambd) * Fraction(lr) * t
    bits = x.numerator.bit_length() + x.denominator.bit_length()
    if q > bits or p * abs(math.log2(x.numerator) - math.log2(x.denominator)) > 3000 * q:
        return False
    return bool(eta**q * x**p == Fraction(lr) ** q)
