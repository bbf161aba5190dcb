"""Certified step sizes: correctly rounded for every input (certificate.md, "Termination")."""

import math
from fractions import Fraction

from ..equations import step_size
from ..rounding import Format, round_fraction
from .enclosure import PRECISION, Enclosure, TooWideError

# A power of more bits than this makes a step size that no format can tell from 0.
_LONGEST_POWER = 1 << 14
# Past this precision it is asked whether the step size is rational, and so may be a tie.
_ASK = 4 * PRECISION


def rational_step_size(t: int, *, lr: float, lambd: float, alpha: float) -> Fraction | None:
    """Step size after t steps (E2) where it is a rational number of moderate length, else None.

    With alpha = p / 2**q reduced, x**alpha is rational for a rational x > 0 exactly if x is a
    perfect 2**q-th power; integer square roots decide that.

    Examples
    --------
    >>> rational_step_size(15, lr=1.0, lambd=1.0, alpha=0.75)
    Fraction(1, 8)
    >>> rational_step_size(1, lr=1.0, lambd=1.0, alpha=0.75)  # 2**-0.75: irrational, so None
    """
    base = 1 + Fraction(lambd) * Fraction(lr) * t
    if base == 1 or not alpha:
        return Fraction(lr)
    power, denominator = alpha.as_integer_ratio()
    for _ in range(denominator.bit_length() - 1):
        roots = math.isqrt(base.numerator), math.isqrt(base.denominator)
        if (roots[0] ** 2, roots[1] ** 2) != (base.numerator, base.denominator):
            return None
        base = Fraction(*roots)
    if power * (base.numerator.bit_length() + base.denominator.bit_length()) > _LONGEST_POWER:
        return None
    return Fraction(lr) / base**power


def rounded_step_size(t: int, *, lr: float, lambd: float, alpha: float, fmt: Format) -> float:
    """Step size after t steps (E2), correctly rounded to ``fmt``; there is no undecided case.

    Parameters
    ----------
    t : int
        Steps, >= 0.
    lr, lambd, alpha : float
        Hyperparameters, each in [0, inf).
    fmt : Format
        Format to round to.

    Examples
    --------
    >>> from asgd.reference import formats
    >>> rounded_step_size(15, lr=1.0, lambd=1.0, alpha=0.75, fmt=formats["float32"])
    0.125
    """
    precision = PRECISION
    while True:
        try:
            value = enclosed_step_size(
                t, lr=lr, lambd=lambd, alpha=alpha, precision=precision
            ).rounded(fmt)
        except TooWideError:
            value = None
        if value is not None:
            return value
        if precision == _ASK:
            exact = rational_step_size(t, lr=lr, lambd=lambd, alpha=alpha)
            if exact is not None:
                return round_fraction(exact, fmt)
        precision *= 2


def enclosed_step_size(
    t: int, *, lr: float, lambd: float, alpha: float, precision: int = PRECISION
) -> Enclosure:
    """Enclosure of the step size after t steps (E2).

    Raises
    ------
    TooWideError
        If the precision is too poor for this power.
    """
    eta = step_size(
        t,
        lr=Enclosure.of(lr, precision),
        lambd=Enclosure.of(lambd, precision),
        alpha=Enclosure.of(alpha, max(precision, 53)),
    )
    assert isinstance(eta, Enclosure)
    return eta
