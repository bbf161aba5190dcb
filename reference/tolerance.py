"""The certified tolerance: how far a reasonable implementation may be from the exact value.

Each function here evaluates a bound that ``spec/tolerance.md`` derives; the section is named in
its docstring. Bounds are floats that are rounded upward by a factor that covers the roundings of
their own evaluation, and infinite where an intermediate result may overflow: there, nothing can be
held against an implementation.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from asgd.spec import Policy

from .rounding import Format, formats, round_fraction

POWER_ULP = 4.0
"""Error allowed to pow, exp and log, in ulp (tolerance.md, "What is reasonable")."""

# Fewer than 100 float operations evaluate a bound, each within 2**-53: 2**-40 covers them.
_UPWARD = 1 + 2.0**-40
_LIMIT = 0.25


@dataclass(frozen=True)
class Arithmetic:
    """Format of the parameters, and the policy that eta and mu are held to."""

    fmt: Format
    policy: Policy

    @property
    def scalar(self) -> Format:
        """Format that eta and mu are computed in."""
        return self.fmt if self.policy.precision == "dtype" else formats[self.policy.precision]

    @property
    def tiny(self) -> float:
        """What one operation may lose by underflow in the parameters' format."""
        return _tiny(self.fmt, self.policy)


def _tiny(fmt: Format, policy: Policy) -> float:
    return fmt.smallest_normal if policy.ftz else fmt.tiny


@lru_cache(maxsize=4096)
def rounding_error(x: float, fmt: Format) -> float:
    """Relative error of the number ``x`` rounded to ``fmt``; inf where it overflows."""
    rounded = round_fraction(Fraction(x), fmt)
    if math.isinf(rounded):
        return math.inf
    return float(abs(Fraction(rounded) - Fraction(x)) / Fraction(x)) * _UPWARD if x else 0.0


def _inflate(relative: float) -> float:
    """Factor that turns a sum of relative errors into a bound of their product."""
    return _UPWARD / (1 - relative) if relative < _LIMIT else math.inf


def step_size_error(
    t: int, *, lr: float, lambd: float, alpha: float, arithmetic: Arithmetic
) -> tuple[float, float]:
    """Relative and absolute error allowed in the step size (tolerance.md, "Step size").

    Parameters
    ----------
    t : int
        Steps, >= 0.
    lr, lambd, alpha : float
        Hyperparameters.
    arithmetic : Arithmetic
        Format and policy.

    Returns
    -------
    relative, absolute : float
        The error is at most relative * eta + absolute.
    """
    fmt, work = arithmetic.fmt, arithmetic.scalar
    tiny = max(_tiny(work, arithmetic.policy), arithmetic.tiny)
    u = work.u
    store = fmt.u if fmt.digits < work.digits else 0.0
    rho_lr, rho_lambd, rho_alpha = (rounding_error(x, work) for x in (lr, lambd, alpha))
    if math.inf in (rho_lr, rho_lambd, rho_alpha, rounding_error(lr, fmt)):
        return math.inf, math.inf
    if max(lambd * lr, lr * t, lambd * t) >= work.largest / 2:
        return math.inf, math.inf
    z = lambd * lr * t
    if not z < work.largest / 2 or alpha * math.log2(1 + z) >= work.highest - 2:
        return math.inf, math.inf
    rho_t = 0.0 if t < 1 << work.digits else u
    base = u + z / (1 + z) * (2 * u + rho_lr + rho_lambd + rho_t) + tiny * (t + lr + lambd + 1)
    power = 2 * POWER_ULP * u + alpha * math.log1p(z) * (rho_alpha + (2 * POWER_ULP + 1) * u)
    relative = rho_lr + 2 * u + power + alpha * base + store
    return relative * _inflate(relative), 2 * tiny


def averaging_weight_error(mu: float, t0: float, *, arithmetic: Arithmetic) -> float:
    """Relative error allowed in the averaging weight (tolerance.md, "Averaging weight").

    Parameters
    ----------
    mu : float
        The weight, in (0, 1].
    t0 : float
        Step at which averaging begins, as the convention reads it.
    arithmetic : Arithmetic
        Format and policy.
    """
    fmt, work = arithmetic.fmt, arithmetic.scalar
    if mu == 1:
        return 0.0
    rho = rounding_error(t0, work)
    store = fmt.u if fmt.digits < work.digits else 0.0
    subtract = 0.0 if t0.is_integer() else work.u
    relative = work.u + subtract + store + rho * t0 * mu
    return relative * _inflate(relative)


def descend_tolerance(
    theta: float,
    grad: float,
    updated: float,
    *,
    eta: float,
    eta_error: tuple[float, float],
    lambd: float,
    weight_decay: float,
    arithmetic: Arithmetic,
) -> float:
    """Error allowed in theta after one step from exact inputs (tolerance.md, "The update").

    Parameters
    ----------
    theta, grad : float
        Parameter before the step, and its gradient; magnitudes matter.
    updated : float
        Upper bound of the exact result's magnitude.
    eta : float
        Upper bound of the step size.
    eta_error : (float, float)
        From `step_size_error`.
    lambd, weight_decay : float
        Hyperparameters.
    arithmetic : Arithmetic
        Format and policy.
    """
    fmt, u, tiny = arithmetic.fmt, arithmetic.fmt.u, arithmetic.tiny
    theta, grad = abs(theta), abs(grad)
    rho_lambd, rho_decay = rounding_error(lambd, fmt), rounding_error(weight_decay, fmt)
    decay = lambd + weight_decay
    some, both = bool(decay), bool(lambd and weight_decay)
    relative, absolute = eta_error
    largest_relative = (4 + both) * u + rho_lambd + rho_decay + relative
    inner = grad + decay * theta
    if not 8 * (1 + eta) * (inner + theta + decay + 1) < fmt.largest:
        return math.inf
    before = (
        u * ((1 + some + both) * (theta + eta * grad))
        + eta * theta * lambd * ((3 + both) * u + rho_lambd)
        + eta * theta * weight_decay * ((3 + both) * u + rho_decay)
        + (relative * eta + absolute) * inner
    )
    underflow = 4 * tiny * (1 + eta) * (1 + theta) + 4 * tiny * eta * decay
    factor = _inflate(largest_relative)
    return ((1 + u) * (before * factor + underflow) + u * updated) * _UPWARD


def average_tolerance(
    average: float,
    theta: float,
    difference: float,
    updated: float,
    *,
    mu: float,
    mu_error: float,
    arithmetic: Arithmetic,
) -> float:
    """Error allowed in the average after one step from exact inputs (tolerance.md, "The average").

    Parameters
    ----------
    average, theta : float
        Average before the step, and the newest iterate; magnitudes matter.
    difference : float
        Upper bound of the distance of theta from the average.
    updated : float
        Upper bound of the exact result's magnitude.
    mu : float
        The averaging weight, in (0, 1].
    mu_error : float
        From `averaging_weight_error`.
    arithmetic : Arithmetic
        Format and policy.
    """
    fmt, u, tiny = arithmetic.fmt, arithmetic.fmt.u, arithmetic.tiny
    average, theta = abs(average), abs(theta)
    # A port that keeps the sum holds 1 / mu times the average.
    if not 2 * (average + theta) * (1 + 1 / mu) < fmt.largest:
        return math.inf
    # In u, the last rounding aside. Increments: a difference and a product, and two roundings and
    # a hidden term of u |average| more where they are compensated. Weighted sums: a sum that is
    # kept and multiplied by 1 / n, or divided by an inexact n, hides two roundings of the average
    # that is shown, and adds those of the sum and of n.
    increment = 4 * mu * difference + (1 - mu) * average
    weighted = 4 * (1 - mu) * average + 2 * mu * theta
    before = u * max(increment, weighted) + mu_error * mu * difference
    underflow = 6 * tiny
    factor = _inflate(6 * u + mu_error)
    return ((1 + u) * (before * factor + underflow) + u * updated) * _UPWARD


def weighted_sum_tolerance(terms: float, updated: float, *, arithmetic: Arithmetic) -> float:
    """Error allowed in a sum divided by t - t0, ``literal``'s first terms (tolerance.md, ibid.).

    Parameters
    ----------
    terms : float
        Sum of the magnitudes of the weighted terms.
    updated : float
        Upper bound of the exact result's magnitude.
    arithmetic : Arithmetic
        Format and policy.
    """
    u = arithmetic.fmt.u
    if not 4 * terms < arithmetic.fmt.largest:
        return math.inf
    scalar = arithmetic.scalar.u
    relative = 4 * u + 4 * scalar
    return (terms * relative * _inflate(relative) + 6 * arithmetic.tiny + u * updated) * _UPWARD
