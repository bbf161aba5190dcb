"""Theta and the average as linear functionals of the inputs, with certified coefficients.

A step is linear in theta, the average and the gradient, so after k steps each of the two is a sum
of coefficients times inputs, the same for all elements. The coefficients of one step are the
equations themselves, run on enclosures of 0 and 1; those of k steps follow by walking backward.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from asgd.spec import Convention, Hyperparameters

from ..equations import average, averaging_weight, descend, gradient, literal_average
from .certificate import enclosed_step_size, rational_step_size
from .enclosure import Enclosure

# Beyond any step that is taken; so the window of t0 = inf never opens.
NEVER = 2.0**80

Fixed = tuple[int, int]
"""A number in fixed point, and a bound of its error, both in units of the last place."""


@dataclass(frozen=True)
class Tick:
    """One step taken: its number, the hyperparameters in force, and those that eta and mu read."""

    t: int
    hyper: Hyperparameters
    scheduled: Hyperparameters


def ticks(
    present: Iterable[bool],
    hyper: Hyperparameters,
    changes: Mapping[int, Mapping[str, Any]],
    rule: Convention,
) -> Iterator[Tick | None]:
    """Tick of each call; None where there is no gradient and so no step (E6, "Counting")."""
    t, scheduled = 0, None
    for call, taken in enumerate(present, 1):
        hyper = hyper._replace(**changes.get(call, {}))
        if not taken:
            yield None
            continue
        t += 1
        stored = rule.hyperparameters == "stored" and scheduled is not None
        yield Tick(t, hyper, scheduled if stored and scheduled is not None else hyper)
        scheduled = hyper


@dataclass(frozen=True)
class Transition:
    """One step as a linear map of theta, the average and the gradient.

    theta' = decay theta + gain grad, and average' = old average + before theta + new theta'.
    ``defined`` is False where the convention leaves the average undefined; its weights are 0 then.
    """

    decay: Any
    gain: Any
    old: Any
    before: Any
    new: Any
    defined: bool = True


def transition(tick: Tick, rule: Convention, precision: int) -> Transition:
    """Enclosures of the coefficients of one step.

    Raises
    ------
    TooWideError
        If the precision is too poor.
    """
    scheduled = tick.scheduled
    eta = enclosed_step_size(
        tick.t - rule.eta_lag,
        lr=scheduled.lr,
        lambd=scheduled.lambd,
        alpha=scheduled.alpha,
        precision=precision,
    )
    return _transition(tick, rule, eta, lambda x: Enclosure.of(x, precision))


def rational_transition(tick: Tick, rule: Convention) -> Transition | None:
    """Coefficients of one step as exact fractions; None where the step size is irrational."""
    scheduled = tick.scheduled
    eta = rational_step_size(
        tick.t - rule.eta_lag, lr=scheduled.lr, lambd=scheduled.lambd, alpha=scheduled.alpha
    )
    return None if eta is None else _transition(tick, rule, eta, Fraction)


def _transition(tick: Tick, rule: Convention, eta: Any, number: Callable[[Any], Any]) -> Transition:
    """E1, E3, E4 and E5 on zeros and ones, in the arithmetic of ``number``."""
    hyper = tick.hyper
    zero, one = number(0), number(1)
    lambd, weight_decay = number(hyper.lambd), number(hyper.weight_decay)

    def moved(theta: Any, grad: Any) -> Any:
        total = gradient(grad, theta, weight_decay=weight_decay, maximize=hyper.maximize)
        return descend(theta, total, eta=eta, lambd=lambd)

    decay, gain = moved(one, zero), moved(zero, one)
    weights = window_weights(tick.t, tick.scheduled.t0, rule, number)
    if weights is None:
        return Transition(decay, gain, zero, zero, zero, defined=False)
    return Transition(decay, gain, *weights)


def window_weights(
    t: int, t0: float, rule: Convention, number: Callable[[Any], Any]
) -> tuple[Any, Any, Any] | None:
    """Weights of the old average, the old theta and the new theta in the average (E4, E5).

    Parameters
    ----------
    t : int
        Step of the parameter.
    t0 : float
        Hyperparameter that the window is computed with.
    rule : Convention
        Reading of ASGD.
    number : callable
        Number of the arithmetic at hand, for example `Fraction`.

    Returns
    -------
    tuple or None
        None where the convention leaves the average undefined.
    """
    zero, one = number(0), number(1)
    begin = number(min(rule.read_t0(t0), NEVER))
    if rule.divisor != "t-t0":
        mu = averaging_weight(t - rule.mu_lag, t0=begin)
        return average(one, zero, mu=mu), zero, average(zero, one, mu=mu)
    units = ((zero, one, zero), (one, zero, zero), (zero, zero, one))
    old, previous, new = (literal_average(b, m, x, t, begin) for b, m, x in units)
    return None if old is None else (old, previous, new)


def stays_defined(before: bool, step: Transition) -> bool:
    """Whether the average is defined after ``step``: made of nothing that is not."""
    return step.defined and (before or step.old.low == step.old.high == 0)


def fixed(x: Enclosure, scale: int) -> Fixed:
    """``x`` in fixed point of ``scale`` fraction bits: its low end, and the distance to the high.

    Examples
    --------
    >>> fixed(Enclosure.of(0.75), 4)
    (12, 0)
    """
    shift = x.exponent + scale
    low = x.low << shift if shift >= 0 else x.low >> -shift
    high = x.high << shift if shift >= 0 else -(-x.high >> -shift)
    return low, high - low


def product(x: Fixed, y: Fixed, scale: int) -> Fixed:
    """Product in fixed point: |x y - X Y| <= |x| e_Y + |y| e_X + e_X e_Y, and 1 for rounding down.

    Where nothing is rounded and both factors are exact, so is the product.
    """
    (a, ea), (b, eb) = x, y
    exact = a * b
    value = exact >> scale
    error = abs(a) * eb + abs(b) * ea + ea * eb
    if not error:
        return value, int(value << scale != exact)
    return value, (error >> scale) + 2


def add(x: Fixed, y: Fixed) -> Fixed:
    """Sum in fixed point: exact, and the errors add up."""
    return x[0] + y[0], x[1] + y[1]


@dataclass(frozen=True)
class FixedTransition:
    """A `Transition` in fixed point; the gain has its own unit (``gain_exponent``)."""

    decay: Fixed
    gain: Fixed
    old: Fixed
    before: Fixed
    new: Fixed
    defined: bool


def gain_exponent(transitions: Sequence[Transition]) -> int:
    """Smallest E such that every gain is at most 2**E in magnitude; 0 where all are 0."""
    tops = [
        max(abs(x.gain.low), abs(x.gain.high)).bit_length() + x.gain.exponent
        for x in transitions
        if x.gain.low or x.gain.high
    ]
    return max(tops, default=0)


def to_fixed(x: Transition, scale: int, exponent: int) -> FixedTransition:
    """``x`` in fixed point; its gain is divided by 2**exponent."""
    return FixedTransition(
        fixed(x.decay, scale),
        fixed(x.gain, scale - exponent),
        fixed(x.old, scale),
        fixed(x.before, scale),
        fixed(x.new, scale),
        x.defined,
    )


def theta_row(steps: Sequence[FixedTransition], scale: int) -> list[Fixed]:
    """Coefficients of theta after ``steps``, over theta, the average and each gradient."""
    p: Fixed = (1 << scale, 0)
    gains: list[Fixed] = []
    for step in reversed(steps):
        gains.append(product(p, step.gain, scale))
        p = product(p, step.decay, scale)
    return [p, (0, 0), *reversed(gains)]


def average_row(steps: Sequence[FixedTransition], scale: int) -> list[Fixed]:
    """Coefficients of the average after ``steps``, as `theta_row`.

    p and q are the coefficients of theta and of the average after the step that is walked over.
    """
    p: Fixed = (0, 0)
    q: Fixed = (1 << scale, 0)
    gains: list[Fixed] = []
    for step in reversed(steps):
        p = add(p, product(q, step.new, scale))
        gains.append(product(p, step.gain, scale))
        p = add(product(p, step.decay, scale), product(q, step.before, scale))
        q = product(q, step.old, scale)
    return [p, q, *reversed(gains)]
