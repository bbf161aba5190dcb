"""The equations in NumPy; `step_size.py` has E2, the step size.

Arrays are float32 or float64, and results have the dtype of ``theta``: scalars never widen it.
Nothing is modified in place.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Convention
from asgd.spec import convention as find_convention
from asgd.spec.hyperparameters import check_hyperparameter, shown

from .step_size import step_size


def _number(name: str, value: float, domain: str) -> float:
    """``value`` as a float, if there is one."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be in {domain}, got {shown(value)}") from None


def gradient(
    grad: NDArray[Any], theta: NDArray[Any], *, weight_decay: float, maximize: bool = False
) -> NDArray[Any]:
    """Gradient with sign and L2 penalty (E1).

    Parameters
    ----------
    grad, theta : array of one shape and dtype
        The gradient, and the parameter it was taken at.
    weight_decay : float
        L2 penalty, in [0, inf).
    maximize : bool
        Ascend: the sign of ``grad`` is turned, that of the penalty is not.

    Returns
    -------
    array
        A new array, or ``grad`` itself where there is nothing to do.
    """
    signed = np.negative(grad) if maximize else grad
    if weight_decay == 0:
        return signed
    decay = _number("weight_decay", weight_decay, "[0, inf)")
    penalized: NDArray[Any] = signed + theta.dtype.type(decay) * theta
    return penalized


def descend(
    theta: NDArray[Any], gradient: NDArray[Any], *, eta: float, lambd: float
) -> NDArray[Any]:
    """Updated parameter (E3).

    The decay is added to the gradient, never rounded into 1 - lambd eta: that would round away
    the low bits of lambd eta, the same ones at every step and for every element. What rounding
    takes from theta itself, `ASGD` keeps with ``compensated=True``.

    Parameters
    ----------
    theta, gradient : array of one shape and dtype
        The parameter, and its gradient after E1.
    eta : float
        Step size.
    lambd : float
        Decay, in [0, inf).

    Returns
    -------
    array
        theta - eta (gradient + lambd theta), a new array.
    """
    number, size = theta.dtype.type, _number("eta", eta, "[0, inf)")
    decay = _number("lambd", lambd, "[0, inf)")
    total = gradient if decay == 0 else gradient + number(decay) * theta
    updated: NDArray[Any] = theta - number(size) * total
    return updated


def averaging_weight(t: int, *, t0: float) -> float:
    """Weight of the newest iterate in the average (E4).

    Parameters
    ----------
    t : int
        Step, shifted by the convention's ``mu_lag``.
    t0 : float
        Step at which averaging begins, in [0, inf].

    Returns
    -------
    float
        1 / max(1, t - t0), correctly rounded to float64 where t - t0 is exact.
    """
    return 1.0 / max(1.0, _terms(t, t0))


def _terms(t: int, t0: float) -> float:
    """Steps since t0, rounded once, also where t is too large for a float."""
    begin = check_hyperparameter("t0", t0)
    if math.isinf(begin):
        return -begin
    whole = int(begin)
    try:
        return float(t - whole) - (begin - whole)
    except OverflowError:
        raise ValueError(f"t must be in (-2**1023, 2**1023), got {shown(t)}") from None


def average(average: NDArray[Any], theta: NDArray[Any], *, mu: float) -> NDArray[Any]:
    """Average with the newest iterate taken in (E5).

    Parameters
    ----------
    average, theta : array of one shape and dtype
        The average so far, and the newest iterate.
    mu : float
        Weight of ``theta``, in [0, 1].

    Returns
    -------
    array
        average + mu (theta - average), a new array; ``theta`` itself where mu = 1.
    """
    weight = _number("mu", mu, "[0, 1]")
    return theta if weight == 1 else average + theta.dtype.type(weight) * (theta - average)


def step(
    theta: NDArray[Any],
    average: NDArray[Any],
    t: int,
    grad: NDArray[Any],
    *,
    lr: float,
    lambd: float,
    alpha: float,
    t0: float,
    weight_decay: float,
    maximize: bool = False,
    convention: str | Convention = "documented",
    scheduled: tuple[float, float, float, float] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Step t of one parameter (E6).

    Parameters
    ----------
    theta, average, grad : array of one shape and dtype
        Parameter and average after step t - 1, and the gradient.
    t : int
        The step to take, 1 for the first.
    lr, lambd, alpha, t0, weight_decay, maximize
        Hyperparameters in force.
    convention : str or Convention
        Reading of ASGD.
    scheduled : (lr, lambd, alpha, t0), optional
        What eta and mu are computed with, where a convention stores them; else those in force.

    Returns
    -------
    theta, average : array
        After step t; ``average`` is ``theta`` itself where mu = 1.
    """
    rule = convention if isinstance(convention, Convention) else find_convention(convention)
    lr, lambd_of_eta, alpha, t0 = scheduled or (lr, lambd, alpha, t0)
    eta = step_size(t - rule.eta_lag, lr=lr, lambd=lambd_of_eta, alpha=alpha, dtype=theta.dtype)
    total = gradient(grad, theta, weight_decay=weight_decay, maximize=maximize)
    updated = descend(theta, total, eta=eta, lambd=lambd)
    if rule.divisor == "t-t0":
        return updated, _literal_average(theta, average, updated, t, t0)
    mu = averaging_weight(t - rule.mu_lag, t0=rule.read_t0(check_hyperparameter("t0", t0)))
    return updated, _average(average, updated, mu=mu)


# The parameter `average` of `step` hides the function.
_average = average


def _literal_average(before: Any, average: Any, theta: Any, t: int, t0: float) -> Any:
    """Sum of theta_t0 .. theta_t divided by t - t0, as printed; nan where t = t0 (E6)."""
    if t < t0:
        return theta
    if t == t0:
        return np.full_like(theta, math.nan)
    weight = theta.dtype.type(1 / _terms(t, t0))
    if t - 1 < t0:  # The sum's first term, with t0 between two steps.
        return weight * theta
    if t - 1 == t0:  # The sum's first two terms; the average of one is undefined.
        return before + theta
    return average + weight * (theta - average)
