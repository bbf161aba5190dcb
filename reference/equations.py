"""The equations, transcribed: this is the definition that everything else is held to.

They are written once, for any arithmetic. The precision is that of the numbers put in: `real` for
mpmath at a chosen precision, `Enclosure` for intervals that contain the exact result.
"""

from asgd.spec import Convention
from asgd.spec import convention as find_convention

from .numbers import Real


def gradient(grad: Real, theta: Real, *, weight_decay: Real, maximize: bool = False) -> Real:
    """Gradient with sign and L2 penalty (E1).

    Parameters
    ----------
    grad, theta : Real
        The gradient, and the parameter it was taken at.
    weight_decay : Real
        L2 penalty, in [0, inf).
    maximize : bool
        Ascend: the sign of ``grad`` is turned, that of the penalty is not.

    Returns
    -------
    Real
    """
    return (-grad if maximize else grad) + weight_decay * theta


def step_size(t: int, *, lr: Real, lambd: Real, alpha: Real) -> Real:
    """Step size after t steps (E2).

    Parameters
    ----------
    t : int
        Steps, >= 0.
    lr, lambd, alpha : Real
        Hyperparameters, each in [0, inf).

    Returns
    -------
    Real
    """
    return lr / (1 + lambd * lr * t) ** alpha


def descend(theta: Real, gradient: Real, *, eta: Real, lambd: Real) -> Real:
    """Updated parameter (E3).

    Parameters
    ----------
    theta, gradient : Real
        The parameter, and its gradient after E1.
    eta : Real
        Step size.
    lambd : Real
        Decay, in [0, inf).

    Returns
    -------
    Real
    """
    return theta - eta * (gradient + lambd * theta)


def averaging_weight(t: int, *, t0: Real) -> Real | int:
    """Weight of the newest iterate in the average (E4).

    Parameters
    ----------
    t : int
        Step, shifted by the convention's ``mu_lag``.
    t0 : Real
        Step at which averaging begins, in [0, inf].

    Returns
    -------
    Real or int
        1 / max(1, t - t0); the integer 1 where that is 1.
    """
    terms = t - t0
    return 1 / terms if terms > 1 else 1


def average(average: Real, theta: Real, *, mu: Real | int) -> Real:
    """Average with the newest iterate taken in (E5).

    Parameters
    ----------
    average, theta : Real
        The average so far, and the newest iterate.
    mu : Real
        Weight of ``theta``, in [0, 1].

    Returns
    -------
    Real
    """
    return average + mu * (theta - average)


def step(
    theta: Real,
    average: Real | None,
    t: int,
    grad: Real,
    *,
    lr: Real,
    lambd: Real,
    alpha: Real,
    t0: Real,
    weight_decay: Real,
    maximize: bool = False,
    convention: str | Convention = "documented",
    scheduled: tuple[Real, Real, Real, Real] | None = None,
) -> tuple[Real, Real | None]:
    """Step t of one parameter (E6).

    Parameters
    ----------
    theta, average, grad : Real
        Parameter and average after step t - 1, and the gradient.
    t : int
        The step to take, 1 for the first.
    lr, lambd, alpha, t0, weight_decay, maximize
        Hyperparameters in force.
    convention : str or Convention
        Reading of ASGD. Where it reads a t0 between two steps as the later one, ``t0`` must have
        been read so already (`Convention.read_t0`).
    scheduled : (lr, lambd, alpha, t0), optional
        What eta and mu are computed with, where a convention stores them; else those in force.

    Returns
    -------
    theta, average : Real
        After step t. The average is None where the convention leaves it undefined.
    """
    rule = convention if isinstance(convention, Convention) else find_convention(convention)
    lr, lambd_of_eta, alpha, t0 = scheduled or (lr, lambd, alpha, t0)
    eta = step_size(t - rule.eta_lag, lr=lr, lambd=lambd_of_eta, alpha=alpha)
    total = gradient(grad, theta, weight_decay=weight_decay, maximize=maximize)
    updated = descend(theta, total, eta=eta, lambd=lambd)
    if rule.divisor == "t-t0":
        return updated, literal_average(theta, average, updated, t, t0)
    mu = averaging_weight(t - rule.mu_lag, t0=t0)
    assert average is not None
    return updated, _average(average, updated, mu=mu)


# The parameter `average` of `step` hides the function.
_average = average


def literal_average(
    before: Real, average: Real | None, theta: Real, t: int, t0: Real
) -> Real | None:
    """Sum of theta_t0 .. theta_t divided by t - t0, as printed; None where t = t0 (E6)."""
    if t0 > t:
        return theta
    if not t0 < t:
        return None
    if t0 > t - 1:  # The sum's first term, with t0 between two steps.
        return theta / (t - t0)
    if not t0 < t - 1:  # The sum's first two terms; the average of one is undefined.
        return before + theta
    assert average is not None
    return _average(average, theta, mu=1 / (t - t0))
