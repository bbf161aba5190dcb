"""The truth from end to end: what a port must show after each step, and how far off it may be.

The judge takes a port's own numbers as exact inputs of the next step. Those who cannot run it need
the whole trajectory, and bounds that hold for every step at once: ``spec/vectors.md`` derives them.
"""

from collections.abc import Iterator
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

from ..ports.scenario import Scenario, Step, Vector

_PRECISION = 320
# Beyond every step that is taken, so the window of t0 = inf never opens.
_NEVER = 2.0**80
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
class _Track:
    theta: list[Known]
    average: list[Known] | None
    t: int = 0
    past: Hyperparameters | None = None


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
    hypers = [group.hyper for group in scenario.groups]
    owner = [i for i, group in enumerate(scenario.groups) for _ in group.params]
    tracks = [_Track(_known(p), _known(p)) for p in scenario.params]
    for event in scenario.events:
        if not isinstance(event, Step):
            changes: dict[str, Any] = dict(event.changes)
            hypers[event.group] = hypers[event.group]._replace(**changes)
            continue
        yield [
            Shown(track.theta, track.average)
            if grad is None
            else _step(track, grad, hypers[owner[i]], convention, arithmetic)
            for i, (track, grad) in enumerate(zip(tracks, event.grads, strict=True))
        ]


def _known(values: Vector) -> list[Known]:
    return [Known(_exact(x), 0.0) for x in values]


def _exact(x: float | Fraction) -> Enclosure:
    return Enclosure.of(x, _PRECISION)


def _step(
    track: _Track, grad: Vector, hyper: Hyperparameters, rule: Convention, arithmetic: Arithmetic
) -> Shown:
    track.t += 1
    stored = rule.hyperparameters == "stored" and track.past is not None
    scheduled = track.past if stored and track.past is not None else hyper
    track.past = hyper
    clock = track.t - rule.eta_lag
    lr, lambd, alpha = scheduled.lr, scheduled.lambd, scheduled.alpha
    eta = truth.step_size(clock, lr=_exact(lr), lambd=_exact(lambd), alpha=_exact(alpha))
    assert isinstance(eta, Enclosure)
    errors = step_size_error(clock, lr=lr, lambd=lambd, alpha=alpha, arithmetic=arithmetic)
    before = track.theta
    track.theta = [
        _descend(theta, g, hyper, eta, errors, arithmetic)
        for theta, g in zip(before, grad, strict=True)
    ]
    window = _Window(track.t, min(rule.read_t0(scheduled.t0), _NEVER), rule, arithmetic)
    means: list[Any] = [None] * len(before) if track.average is None else [*track.average]
    track.average = window.averages(means, before, track.theta)
    used = Known(eta, (errors[0] * eta.magnitude() + errors[1]) * _UPWARD)
    return Shown(track.theta, track.average, used, window.weight())


def _descend(
    theta: Known,
    g: float,
    hyper: Hyperparameters,
    eta: Enclosure,
    errors: tuple[float, float],
    arithmetic: Arithmetic,
) -> Known:
    """E1 and E3 from a theta that is itself off: the slope in theta is 1 - eta (lambd + decay)."""
    lambd, decay = _exact(hyper.lambd), _exact(hyper.weight_decay)
    total = truth.gradient(_exact(g), theta.exact, weight_decay=decay, maximize=hyper.maximize)
    exact = truth.descend(theta.exact, total, eta=eta, lambd=lambd)
    assert isinstance(exact, Enclosure)
    carried = (1 - eta * (lambd + decay)).magnitude() * theta.error
    own = descend_tolerance(
        theta.size,
        g,
        exact.magnitude() + carried,
        eta=eta.magnitude(),
        eta_error=errors,
        lambd=hyper.lambd,
        weight_decay=hyper.weight_decay,
        arithmetic=arithmetic,
    )
    return Known(exact, (carried + own) * _UPWARD)


class _Window:
    """E4 and E5 at one step."""

    def __init__(self, t: int, t0: float, rule: Convention, arithmetic: Arithmetic) -> None:
        self.t0, self.arithmetic = t0, arithmetic
        self.literal = rule.divisor == "t-t0" and t >= t0
        self.lead = t - Fraction(t0)
        self.mu = 1 / max(Fraction(1), t - rule.mu_lag - Fraction(t0))

    def weight(self) -> Known | None:
        if self.literal:
            return None
        mu = float(self.mu)
        error = averaging_weight_error(mu, self.t0, arithmetic=self.arithmetic) * mu
        return Known(_exact(self.mu), (error + self.arithmetic.tiny) * _UPWARD)

    def averages(
        self, means: list[Any], before: list[Known], thetas: list[Known]
    ) -> list[Known] | None:
        if not self.literal:
            mu = self.mu
        elif self.lead == 0:
            return None
        elif self.lead < 1:
            return [self._sum([theta], 1 / self.lead) for theta in thetas]
        elif self.lead == 1:
            pairs = zip(before, thetas, strict=True)
            return [self._sum([old, theta], Fraction(1)) for old, theta in pairs]
        else:
            mu = 1 / self.lead
        return [self._mean(m, theta, mu) for m, theta in zip(means, thetas, strict=True)]

    def _mean(self, mean: Known | None, theta: Known, mu: Fraction) -> Known:
        mean = theta if mean is None else mean
        exact = mean.exact + _exact(mu) * (theta.exact - mean.exact)
        carried = float(1 - mu) * mean.error + float(mu) * theta.error * _UPWARD
        own = average_tolerance(
            mean.size,
            theta.size,
            (theta.exact - mean.exact).magnitude() + mean.error + theta.error,
            exact.magnitude() + carried,
            mu=float(mu),
            mu_error=averaging_weight_error(float(mu), self.t0, arithmetic=self.arithmetic),
            arithmetic=self.arithmetic,
        )
        return Known(exact, (carried + own) * _UPWARD)

    def _sum(self, terms: list[Known], weight: Fraction) -> Known:
        exact = _exact(0)
        for term in terms:
            exact = exact + term.exact * _exact(weight)
        scale = float(weight) * _UPWARD
        carried = sum(term.error for term in terms) * scale
        own = weighted_sum_tolerance(
            sum(term.size for term in terms) * scale,
            exact.magnitude() + carried,
            arithmetic=self.arithmetic,
        )
        return Known(exact, (carried + own) * _UPWARD)
