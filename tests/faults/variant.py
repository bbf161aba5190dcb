"""Variants: rules that ports compute, right and wrong, made of replaceable parts.

A variant is a convention with some of its parts replaced (`faults.py`). The parts are written for
any arithmetic: on NumPy arrays they are a port, on `Running` numbers they explain a trace.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from asgd.reference import equations as truth
from asgd.spec import Convention

Number = Any
"""A number of the arithmetic at hand: an array, or a `Running`."""


class Hyper(NamedTuple):
    """Hyperparameters as numbers of the arithmetic at hand; ``t0`` and ``maximize`` are plain."""

    lr: Number
    lambd: Number
    alpha: Number
    t0: float
    weight_decay: Number
    maximize: bool


@dataclass
class Moment:
    """One step of one parameter, as a port sees it.

    Attributes
    ----------
    t : int
        Steps of this parameter, the present one included.
    call, index, count : int
        Calls of step(), the parameter's place among all, and their number.
    first_t, past_first_t : int
        Steps of the first parameter that has a gradient in this call; the same at this parameter's
        step before.
    now, past, opened, first, last : Hyper
        Hyperparameters in force; at the parameter's step before; at construction; of the first
        group; of the last one.
    grad, theta, average, start : Number
        Gradient; theta and average before the step; the initial theta.
    """

    t: int
    call: int
    index: int
    count: int
    first_t: int
    past_first_t: int
    now: Hyper
    past: Hyper | None
    opened: Hyper
    first: Hyper
    last: Hyper
    grad: Number
    theta: Number
    average: Number
    start: Number


def own_clock(moment: Moment) -> int:
    """Steps of the parameter itself (E6)."""
    return moment.t


def in_force(moment: Moment) -> Hyper:
    """Hyperparameters of the parameter's group at the call (E6)."""
    return moment.now


def step_size(t: int, h: Hyper) -> Number:
    """E2."""
    return truth.step_size(t, lr=h.lr, lambd=h.lambd, alpha=h.alpha)


def gradient(grad: Number, theta: Number, h: Hyper) -> Number:
    """E1."""
    return truth.gradient(grad, theta, weight_decay=h.weight_decay, maximize=h.maximize)


def descend(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    """E3."""
    return truth.descend(theta, total, eta=eta, lambd=h.lambd)


def unchanged(updated: Number, moment: Moment, eta: Number, h: Hyper) -> Number:  # noqa: ARG001
    """Nothing comes after E3."""
    return updated


def averaging_weight(t: int, t0: float, h: Hyper, moment: Moment) -> Number:  # noqa: ARG001
    """E4, as a plain number."""
    return 1.0 / max(1.0, t - t0)


def mean(average: Number, theta: Number, mu: Number, moment: Moment, h: Hyper) -> Number:  # noqa: ARG001
    """E5."""
    return truth.average(average, theta, mu=mu)


@dataclass(frozen=True)
class Variant:
    """A rule: the parts of one step, each replaceable; the defaults are the spec's.

    Attributes
    ----------
    convention : Convention
        What it is a variant of.
    faults : tuple of str
        Ids of the faults that replaced parts.
    eta_lag, mu_lag, stored
        As the convention's.
    clock : callable
        t of a moment.
    source : callable
        Hyperparameters in force.
    size : callable
        Step size of a t.
    total : callable
        Gradient with sign and penalty.
    update, after : callable
        theta, and what is done to it afterwards.
    weight : callable
        Averaging weight of a t.
    mean : callable
        Average after the step.
    start_at_zero : bool
        The average starts as zero instead of theta_0.
    skips : bool
        A parameter without gradient is left alone.
    """

    convention: Convention
    eta_lag: int
    mu_lag: int
    stored: bool
    faults: tuple[str, ...] = ()
    clock: Callable[[Moment], int] = own_clock
    source: Callable[[Moment], Hyper] = in_force
    size: Callable[[int, Hyper], Number] = step_size
    total: Callable[[Number, Number, Hyper], Number] = gradient
    update: Callable[[Number, Number, Number, Hyper], Number] = descend
    after: Callable[[Number, Moment, Number, Hyper], Number] = unchanged
    weight: Callable[[int, float, Hyper, Moment], Number] = averaging_weight
    mean: Callable[[Number, Number, Number, Moment, Hyper], Number] = mean
    eta_clock: Callable[[Moment], int] | None = None
    start_at_zero: bool = False
    skips: bool = True

    @classmethod
    def of(cls, convention: Convention) -> "Variant":
        """The convention itself, without a fault."""
        stored = convention.hyperparameters == "stored"
        return cls(convention, convention.eta_lag, convention.mu_lag, stored)

    def _scheduled(self, moment: Moment) -> Hyper:
        """What eta and mu are computed with."""
        if self.stored and moment.past is not None and self.source is in_force:
            return moment.past
        return self.source(moment)

    def starts(self, moment: Moment) -> bool:
        """Whether eta is that of a first step, which ports that store it have from elsewhere."""
        return self.stored and moment.past is None

    def eta(self, moment: Moment) -> Number:
        """Step size of the moment."""
        clock = self.eta_clock or self.clock
        return self.size(max(clock(moment) - self.eta_lag, 0), self._scheduled(moment))

    def theta(self, moment: Moment, eta: Number) -> Number:
        """Parameter after the moment."""
        h = self.source(moment)
        total = self.total(moment.grad, moment.theta, h)
        return self.after(self.update(moment.theta, total, eta, h), moment, eta, h)

    def average(self, moment: Moment, theta: Number) -> Number | None:
        """Average after the moment, with the parameter's new value; None where it is undefined."""
        h = self._scheduled(moment)
        t, t0 = self.clock(moment), self.convention.read_t0(h.t0)
        if self.convention.divisor == "t-t0" and t >= t0:
            return self._literal(moment, theta, t, t0, h)
        mu = self.weight(t - self.mu_lag, t0, h, moment)
        return self.mean(moment.average, theta, mu, moment, h)

    def _literal(self, moment: Moment, theta: Number, t: int, t0: float, h: Hyper) -> Number | None:
        if t == t0:
            return None
        if t - 1 < t0:
            return theta / (t - t0)
        if t - 1 == t0:
            return moment.theta + theta
        return self.mean(moment.average, theta, 1.0 / (t - t0), moment, h)
