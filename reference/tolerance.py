"""The certified tolerance: how far a reasonable implementation may be from the exact value.

The bounds of theta and of the average take one element, or NumPy arrays of them: what differs from
element to element may be an array, and each element's bound is the same number either way.

Each function here evaluates a bound that ``spec/tolerance.md`` derives; the section is named in
its docstring. Bounds are floats that are rounded upward by a factor that covers the roundings of
their own evaluation, and infinite where an intermediate result may overflow: there, nothing can be
held against an implementation.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Policy

from .rounding import Format, formats, round_fraction

Magnitude = TypeVar("Magnitude", float, NDArray[np.float64])
"""One element, or an array of them."""

POWER_ULP = 4.0
"""Error allowed to pow, exp and log, in ulp (tolerance.md, "What is reasonable")."""

# Roundings of a monomial in scaled storage, at most, from what was shown before to what is shown.
_SCALED_UPDATE, _SCALED_AVERAGE = 12, 16
# Roundings of the largest iterate, at most, for each step of a window that is summed anew.
_WINDOW_STEP = 20
# Fewer than 100 float operations evaluate a bound, each within 2**-53: 2**-40 covers them.
_UPWARD = 1 + 2.0**-40
_LIMIT = 0.25
# Beyond this distance of logarithms a bound is useless.
_LARGEST_DISTANCE = 1.0


class Storage(NamedTuple):
    """What scaled storage has become after some steps (tolerance.md, "Scaled storage").

    Attributes
    ----------
    decay : float
        Upper bound of the last step's factor 1 - eta (lambd + weight_decay), in magnitude.
    grown, shrunk : float
        Upper bounds of the divisor of theta, and of its reciprocal, whenever it was 1 last.
    share : float
        Upper bound of the share of theta in the average, that which cancels included.
    """

    decay: float = 1.0
    grown: float = 1.0
    shrunk: float = 1.0
    share: float = 1.0

    def after(self, low: float, high: float, mu: float) -> "Storage":
        """Storage after a step whose decay is from ``low`` to ``high`` in magnitude."""
        if not low > 0:
            return Storage(math.inf, math.inf, math.inf, math.inf)
        share = 1.0 if mu == 1 else self.share * (1 - mu) / low + mu
        return Storage(
            high,
            max(1.0, self.grown / low) * _UPWARD,
            max(1.0, self.shrunk * high) * _UPWARD,
            share * _UPWARD,
        )


@dataclass(frozen=True)
class Arithmetic:
    """Format of the parameters, the policy, and under `scaled-storage` what is stored."""

    fmt: Format
    policy: Policy
    storage: Storage | None = None

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


def _where(fits: Any, bound: Any) -> Any:
    """``bound`` where nothing may overflow; elsewhere nothing can be held against a port."""
    if isinstance(bound, np.ndarray):
        return np.where(fits, bound, math.inf)
    return bound if fits else math.inf


def _larger(a: Magnitude, b: Magnitude) -> Magnitude:
    return np.maximum(a, b) if isinstance(a, np.ndarray) else max(a, b)


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
    # Distances of logarithms: the one measure in which a small alpha, and a hyperparameter that
    # rounds to 0, need no special case.
    lost = z * math.expm1(2 * u + rho_lr + rho_lambd + rho_t) + 2 * tiny * (t + lr + lambd + 1)
    base = u / (1 - u) + lost / (1 + max(0.0, z - lost))
    reach, allowed = alpha * (1 + rho_alpha), 2 * POWER_ULP * u
    logarithm = math.log1p(z)
    # exp and log lose what pow does, and more, so the one bound serves both.
    power = allowed / (1 - allowed) + (allowed + u) * (1 + u) * reach * (logarithm + base)
    distance = alpha * rho_alpha * logarithm + reach * base + power
    distance += 2 * u / (1 - u) + store / (1 - store)
    if arithmetic.policy.form == "logarithm" and lr:
        # The logarithm of lr, and the difference of the two.
        distance += allowed * (1 + u) * (abs(math.log(lr)) + 2 * rho_lr)
        distance += u * (1 + u) * (abs(math.log(lr) - alpha * logarithm) + distance)
    if distance >= _LARGEST_DISTANCE:
        return math.inf, math.inf
    return (rho_lr + (1 + rho_lr) * math.expm1(distance)) * _UPWARD, 2 * tiny


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
    counted = t0 + 1 / mu <= 2.0**work.digits
    subtract = 0.0 if counted and t0.is_integer() else work.u
    count = 0.0 if counted else work.u * (1 + t0 * mu)
    relative = work.u + subtract + count + store + rho * t0 * mu
    return relative * _inflate(relative)


def descend_tolerance(
    theta: Magnitude,
    grad: Magnitude,
    updated: Magnitude,
    *,
    lr: float,
    eta: float,
    eta_error: tuple[float, float],
    lambd: float,
    weight_decay: float,
    arithmetic: Arithmetic,
) -> Magnitude:
    """Error allowed in theta after one step from exact inputs (tolerance.md, "The update").

    Parameters
    ----------
    theta, grad : Magnitude
        Parameter before the step, and its gradient; magnitudes matter.
    updated : Magnitude
        Upper bound of the exact result's magnitude.
    lr : float
        What eta is made from: a port that never forms eta multiplies by it. 0 where eta is given.
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
    if math.inf in (rho_lambd, rho_decay, relative, absolute):
        nothing: Magnitude = _where(theta < 0, theta)
        return nothing
    # The largest that a port may hold; what they shift the exact result by comes first, and then
    # the roundings of an evaluation from them.
    shift = relative * eta + absolute
    size, pull = eta + shift, lambd * (1 + rho_lambd) + weight_decay * (1 + rho_decay)
    inner = grad + pull * theta
    fits = 8 * (1 + max(eta, lr)) * (grad + decay * theta + theta + decay + 1) < fmt.largest
    shifted = shift * inner + eta * theta * (lambd * rho_lambd + weight_decay * rho_decay)
    rounds = (1 + some + both) * (theta + size * grad) + (3 + both) * size * pull * theta
    underflow = 4 * tiny * (1 + max(size, lr)) * (1 + theta + pull)
    factor = _inflate((4 + both) * u)
    if arithmetic.storage is not None:
        _, grown, shrunk, _ = arithmetic.storage
        rounds = _SCALED_UPDATE * (theta + size * inner)
        underflow = underflow * (4 * grown * shrunk)
        fits &= 8 * grown * shrunk * (1 + size) * (grad + theta + pull + 1) < fmt.largest
        factor = _inflate(_SCALED_UPDATE * u)
    bound = ((1 + u) * (shifted + u * rounds * factor + underflow) + u * updated) * _UPWARD
    within: Magnitude = _where(fits, bound)
    return within


def average_tolerance(
    average: Magnitude,
    theta: Magnitude,
    difference: Magnitude,
    updated: Magnitude,
    *,
    mu: float,
    mu_error: float,
    arithmetic: Arithmetic,
    previous: Magnitude | None = None,
    largest: Magnitude | None = None,
) -> Magnitude:
    """Error allowed in the average after one step from exact inputs (tolerance.md, "The average").

    Parameters
    ----------
    average, theta : Magnitude
        Average before the step, and the newest iterate; magnitudes matter.
    difference : Magnitude
        Upper bound of the distance of theta from the average.
    updated : Magnitude
        Upper bound of the exact result's magnitude.
    mu : float
        The averaging weight, in (0, 1].
    mu_error : float
        From `averaging_weight_error`.
    arithmetic : Arithmetic
        Format and policy.
    previous : Magnitude
        Parameter before the step; scaled storage alone asks for it.
    largest : Magnitude
        Largest magnitude of the parameter so far; the policy `window-sum` alone asks for it.
    """
    fmt, u, tiny = arithmetic.fmt, arithmetic.fmt.u, arithmetic.tiny
    average, theta = abs(average), abs(theta)
    # A port that keeps the sum holds 1 / mu times the average.
    fits = 2 * (average + theta) * (1 + 1 / mu) < fmt.largest
    # In u, the last rounding aside. Increments: a difference and a product, and two roundings and
    # a hidden term of u |average| more where they are compensated. Weighted sums: a sum that is
    # kept and multiplied by 1 / n, or divided by an inexact n, hides two roundings of the average
    # that is shown, and adds those of the sum and of n. Retreats: theta less its difference from
    # the average times 1 - mu, which is itself made of two operations.
    increment = 4 * mu * difference + (1 - mu) * average
    weighted = 4 * (1 - mu) * average + 2 * mu * theta
    retreat = 4 * (1 - mu) * difference
    # The average times n, less itself, which cancels while n is small, and is exact where n is 1.
    rebuilt = (mu < 1) * ((3 + 2 * mu) * average + 2 * mu * theta)
    rounds: Any = _larger(_larger(increment, weighted), _larger(retreat, rebuilt))
    underflow: Any = 6 * tiny
    roundings = 6.0
    if arithmetic.storage is not None and mu < 1:
        decay, grown, shrunk, share = arithmetic.storage
        assert previous is not None
        moved = share * (theta + decay * abs(previous))
        rounds = _larger(rounds, _SCALED_AVERAGE * ((1 - mu) * average + 7 * moved))
        underflow = 16 * tiny * grown * shrunk * (1 + share) * (1 + theta + abs(previous))
        fits &= 8 * grown * shrunk * (1 + moved + average) / mu < fmt.largest
        roundings = _SCALED_AVERAGE
    if arithmetic.policy.form == "window" and mu < 1:
        assert largest is not None
        count = 1 / mu + 3
        rounds = _larger(rounds, (_WINDOW_STEP + 8 * mu_error / u) * count * largest)
        underflow = _WINDOW_STEP * tiny * count
        fits &= 8 * count * largest < fmt.largest
        roundings = _WINDOW_STEP * count
    before = u * rounds + mu_error * mu * difference
    factor = _inflate(roundings * u + mu_error)
    bound = ((1 + u) * (before * factor + underflow) + u * updated) * _UPWARD
    allowed: Magnitude = _where(fits, bound)
    return allowed


def weighted_sum_tolerance(
    terms: Magnitude, updated: Magnitude, *, arithmetic: Arithmetic
) -> Magnitude:
    """Error allowed in a sum divided by t - t0, ``literal``'s first terms (tolerance.md, ibid.).

    Parameters
    ----------
    terms : Magnitude
        Sum of the magnitudes of the weighted terms.
    updated : Magnitude
        Upper bound of the exact result's magnitude.
    arithmetic : Arithmetic
        Format and policy.
    """
    u = arithmetic.fmt.u
    scalar = arithmetic.scalar.u
    relative = 4 * u + 4 * scalar
    bound = (terms * relative * _inflate(relative) + 6 * arithmetic.tiny + u * updated) * _UPWARD
    allowed: Magnitude = _where(4 * terms < arithmetic.fmt.largest, bound)
    return allowed
