"""The truth from end to end: what a port must show after each step, and how far off it may be.

The judge takes a port's own numbers as exact inputs of the next step. Those who cannot run it need
the whole trajectory, and bounds that hold for every step at once: ``spec/vectors.md`` derives them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from asgd.reference import Enclosure, Format
from asgd.reference import equations as truth
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
    step_size_error,
    weighted_sum_tolerance,
)
from asgd.spec import Convention, Hyperparameters

from ..ports.scenario import Scenario, Vector
from ..ports.timeline import Turn, turns
from .window import Window, window

_PRECISION = 320
# The few float operations of a bound's recursion lose less than this.
_UPWARD = 1 + 2.0**-40


@dataclass(frozen=True)
class Known:
    """An exact number, and how far a reasonable implementation may be from it."""

    exact: Enclosure
    error: float

    @property
    def size(self) -> float:
        """Upper bound of what an implementation may hold, in magnitude."""
        return self.exact.magnitude() + self.error

    def rounded(self, fmt: Format) -> tuple[float, float]:
        """The correctly rounded value, and the bound of an implementation's distance from it."""
        value = self.exact.rounded(fmt)
        if value is None:
            raise ArithmeticError(f"undecided at {_PRECISION} bits: {self.exact!r}")
        apart = (self.exact - Enclosure.of(value)).magnitude()
        return value, (self.error + apart) * _UPWARD


@dataclass(frozen=True)
class Shown:
    """What is known of one parameter after one step; None: nothing is specified."""

    theta: list[Known]
    average: list[Known] | None
    eta: Known | None = None
    mu: Known | None = None


@dataclass
class _State:
    theta: list[Known]
    average: list[Known] | None


def trajectories(
    scenario: Scenario, convention: Convention, arithmetic: Arithmetic
) -> Iterator[list[Shown]]:
    """What is known of every parameter after each step of ``scenario``.

    Parameters
    ----------
    scenario : Scenario
        Groups and events, of finite numbers.
    convention : Convention
        Reading of ASGD.
    arithmetic : Arithmetic
        Format and policy.

    Yields
    ------
    list of Shown
        One for each parameter.
    """
    states = [_State(_known(p), _known(p)) for p in scenario.params]
    for event, made in turns(scenario):
        yield [
            Shown(state.theta, state.average)
            if turn is None or grad is None
            else _step(state, grad, turn, convention, arithmetic)
            for state, grad, turn in zip(states, event.grads, made, strict=True)
        ]


def _known(values: Vector) -> list[Known]:
    return [Known(_exact(x), 0.0) for x in values]


def _exact(x: float | Fraction) -> Enclosure:
    return Enclosure.of(x, _PRECISION)


def _step(
    state: _State, grad: Vector, turn: Turn, rule: Convention, arithmetic: Arithmetic
) -> Shown:
    scheduled = turn.scheduled(rule)
    clock = turn.t - rule.eta_lag
    lr, lambd, alpha = scheduled.lr, scheduled.lambd, scheduled.alpha
    eta = truth.step_size(clock, lr=_exact(lr), lambd=_exact(lambd), alpha=_exact(alpha))
    assert isinstance(eta, Enclosure)
    errors = step_size_error(clock, lr=lr, lambd=lambd, alpha=alpha, arithmetic=arithmetic)
    before = state.theta
    state.theta = [
        _descend(theta, g, turn.now, (lr, eta, errors), arithmetic)
        for theta, g in zip(before, grad, strict=True)
    ]
    opened = window(turn.t, scheduled.t0, rule)
    used = Known(eta, (errors[0] * eta.magnitude() + errors[1]) * _UPWARD)
    if opened is None:
        state.average = None
        return Shown(state.theta, None, used)
    means: list[Any] = [None] * len(before) if state.average is None else [*state.average]
    rows = zip(means, before, state.theta, strict=True)
    state.average = [_average(*row, opened, arithmetic) for row in rows]
    return Shown(state.theta, state.average, used, _weight(opened, arithmetic))


def _descend(
    theta: Known,
    g: float,
    hyper: Hyperparameters,
    size: tuple[float, Enclosure, tuple[float, float]],
    arithmetic: Arithmetic,
) -> Known:
    """E1 and E3 from a theta that is itself off: the slope in theta is 1 - eta (lambd + decay).

    ``size`` is lr, eta, and the error allowed in eta.
    """
    lr, eta, errors = size
    lambd, decay = _exact(hyper.lambd), _exact(hyper.weight_decay)
    total = truth.gradient(_exact(g), theta.exact, weight_decay=decay, maximize=hyper.maximize)
    exact = truth.descend(theta.exact, total, eta=eta, lambd=lambd)
    assert isinstance(exact, Enclosure)
    carried = (1 - eta * (lambd + decay)).magnitude() * theta.error
    own = descend_tolerance(
        theta.size,
        g,
        exact.magnitude() + carried,
        lr=lr,
        eta=eta.magnitude(),
        eta_error=errors,
        lambd=hyper.lambd,
        weight_decay=hyper.weight_decay,
        arithmetic=arithmetic,
    )
    return Known(exact, (carried + own) * _UPWARD)


def _weight(opened: Window, arithmetic: Arithmetic) -> Known | None:
    if opened.mu is None:
        return None
    mu = float(opened.mu)
    error = averaging_weight_error(mu, opened.begin, arithmetic=arithmetic) * mu
    return Known(_exact(opened.mu), (error + arithmetic.tiny) * _UPWARD)


def _average(
    mean: Known | None,
    before: Known,
    theta: Known,
    opened: Window,
    arithmetic: Arithmetic,
) -> Known:
    if opened.is_mean:
        return _mean(theta if mean is None else mean, theta, opened.new, opened.begin, arithmetic)
    return _sum([(before, opened.previous), (theta, opened.new)], arithmetic)


def _mean(mean: Known, theta: Known, mu: Fraction, t0: float, arithmetic: Arithmetic) -> Known:
    exact = mean.exact + _exact(mu) * (theta.exact - mean.exact)
    carried = float(1 - mu) * mean.error + float(mu) * theta.error * _UPWARD
    own = average_tolerance(
        mean.size,
        theta.size,
        (theta.exact - mean.exact).magnitude() + mean.error + theta.error,
        exact.magnitude() + carried,
        mu=float(mu),
        mu_error=averaging_weight_error(float(mu), t0, arithmetic=arithmetic),
        arithmetic=arithmetic,
    )
    return Known(exact, (carried + own) * _UPWARD)


def _sum(terms: Sequence[tuple[Known, Fraction]], arithmetic: Arithmetic) -> Known:
    exact, carried, size = _exact(0), 0.0, 0.0
    for term, weight in terms:
        exact = exact + term.exact * _exact(weight)
        carried += term.error * float(weight) * _UPWARD
        size += term.size * float(weight) * _UPWARD
    own = weighted_sum_tolerance(size, exact.magnitude() + carried, arithmetic=arithmetic)
    return Known(exact, (carried + own) * _UPWARD)
