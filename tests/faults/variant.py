"""Variants: rules that ports compute, right and wrong, made of replaceable parts.

A variant is a convention with some of its parts replaced (`catalogue.py`). The parts are written
for any arithmetic: on NumPy arrays they are a port, on `Running` numbers they explain a trace.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from asgd.reference import equations as truth
from asgd.spec import CONVENTIONS, Convention

from .running_error import at_least, choose, head, is_zero, overall

Number = Any
"""A number of the arithmetic at hand: an array, or a `Running`."""


class Hyper(NamedTuple):
    """Hyperparameters as numbers of the arithmetic at hand; ``t0`` and ``maximize`` are plain."""

    lr: Number
    lambd: Number
    alpha: Number
    t0: Any
    weight_decay: Number
    maximize: Any


class Sources(NamedTuple):
    """Where hyperparameters can be read.

    The own group; the same at construction; the first and the last group; and the first group at
    construction, which is what a constructor is given beside groups.
    """

    own: Hyper
    opened: Hyper
    first: Hyper
    last: Hyper
    given: Hyper


@dataclass
class Moment:
    """One step of one parameter, as a port sees it; or many, in arrays.

    Attributes
    ----------
    t : int
        Steps of this parameter, the present one included.
    call, index, count, position, size : int
        Calls of step(), the parameter's place among all, their number, its place among those that
        have a gradient in this call, and its elements.
    first_t, past_first_t : int
        Steps of the first parameter that has a gradient in this call; the same at this parameter's
        step before.
    updates : int
        Steps of all parameters, the present one included.
    taken, since : int
        Steps of this parameter, the present one included, at which t was t0 or more; those from
        the last at which it was t0 or less.
    opening, foremost : bool
        Whether it is the parameter's first step, and the first of any.
    behind, behind_in_group : bool
        Whether a parameter before it, or one of its group before it, has no gradient in this call.
    ahead, ahead_in_group : int
        Steps of this parameter at which that was not so.
    idle : bool
        Whether its gradient is zero in all elements.
    active : int
        Steps of this parameter at which that was not so.
    now, past : Sources
        Hyperparameters at the call, and at the parameter's step before (or now, where none was).
    preceding : Hyper
        Those of the parameter that took a step just before this one, at that step.
    grad, theta, average, start : Number
        Gradient; theta and average before the step; the initial theta.
    sum : Number
        Sum of theta after earlier steps that are ``taken``; only diagnosis knows it.
    velocity : callable or None
        Sum of the gradients after E1 that decays by a factor; only diagnosis knows it.
    head, overall : callable
        The parameter's first element, and the mean of all, in the place of each.
    """

    t: Any
    call: Any
    index: Any
    count: Any
    position: Any
    size: Any
    first_t: Any
    past_first_t: Any
    updates: Any
    taken: Any
    since: Any
    opening: Any
    foremost: Any
    behind: Any
    behind_in_group: Any
    ahead: Any
    ahead_in_group: Any
    idle: Any
    active: Any
    now: Sources
    past: Sources
    preceding: Hyper
    grad: Number = None
    theta: Number = None
    average: Number = None
    start: Number = None
    sum: Number = None
    velocity: Callable[[float], Number] | None = None
    head: Callable[[Number], Number] = head
    overall: Callable[[Number], Number] = overall


class Narrow(NamedTuple):
    """A quantity with too few bits: stored in them, or computed from numbers that were.

    ``quantity`` is "eta", "mu", "theta", "average", or "decay": the factor 1 - eta lambd.
    """

    quantity: str
    bits: int
    stored: bool


def own_clock(moment: Moment) -> Any:
    """Steps of the parameter itself (E6)."""
    return moment.t


def step_size(t: Any, h: Hyper) -> Number:
    """E2."""
    return truth.step_size(t, lr=h.lr, lambd=h.lambd, alpha=h.alpha)


def gradient(grad: Number, theta: Number, h: Hyper) -> Number:
    """E1."""
    return choose(h.maximize, -grad, grad) + h.weight_decay * theta


def descend(theta: Number, total: Number, eta: Number, h: Hyper) -> Number:
    """E3."""
    return truth.descend(theta, total, eta=eta, lambd=h.lambd)


def unchanged(updated: Number, _moment: Moment, _eta: Number, _h: Hyper) -> Number:
    """Nothing comes after E3."""
    return updated


def averaging_weight(t: Any, t0: Any, _h: Hyper, _moment: Moment) -> Number:
    """E4, as a plain number."""
    return 1.0 / at_least(t - t0, 1.0)


def mean(average: Number, theta: Number, mu: Number, _moment: Moment, _h: Hyper) -> Number:
    """E5."""
    return truth.average(average, theta, mu=mu)


_ANY = next(iter(CONVENTIONS.values()))


@dataclass(frozen=True)
class Variant:
    """A rule: the parts of one step, each replaceable; the defaults are the spec's.

    Attributes
    ----------
    convention : Convention
        What it is a variant of.
    eta_lag, mu_lag, stored
        As the convention's.
    faults : tuple of str
        Ids of the faults that replaced parts.
    clock : callable
        t of a moment.
    origin : tuple of (str, str)
        Hyperparameters that are read elsewhere, and where: a field of `Sources`.
    late : frozenset of str
        Hyperparameters of the schedule that are stored where they should be in force, or reversed.
    reader : callable or None
        What becomes of hyperparameters when they are read.
    exempt : tuple of str
        Hyperparameters that parameters of size 1 are exempt from.
    size : callable
        Step size of a t.
    total : callable
        Gradient with sign and penalty.
    pull : callable or None
        The same from earlier gradients too.
    update, after : callable
        theta, and what is done to it afterwards.
    bracket : bool
        The lr in eta's bracket is that of the construction.
    eta_from : str
        Whose lr, lambd and alpha eta is computed with: a field of `Sources`, or its own.
    stops : str
        Which parameters are left alone, too: the field of `Moment` that says so, or none.
    stale : str
        Term of E3 that has the eta of the step before: "decay", "gradient", or none.
    reading : callable or None
        What becomes of a t0 between two steps, if not what the convention says.
    weight : callable
        Averaging weight of a t.
    mean : callable
        Average after the step.
    eta_clock, mu_clock : callable or None
        t of eta and of mu, where they have clocks of their own.
    in_loop : bool
        eta and mu advance inside the loop over parameters.
    start_at_zero : bool
        The average starts as zero instead of theta_0.
    skips : bool
        A parameter without gradient is left alone.
    written : bool
        The average is written into theta.
    narrow : tuple of Narrow
        Quantities of too few bits; only diagnosis asks for them.
    """

    convention: Convention
    eta_lag: int
    mu_lag: int
    stored: bool
    faults: tuple[str, ...] = ()
    clock: Callable[[Moment], Any] = own_clock
    origin: tuple[tuple[str, str], ...] = ()
    late: frozenset[str] = frozenset()
    reader: Callable[[Hyper], Hyper] | None = None
    exempt: tuple[str, ...] = ()
    size: Callable[[Any, Hyper], Number] = step_size
    total: Callable[[Number, Number, Hyper], Number] = gradient
    pull: Callable[[Moment], Number] | None = None
    update: Callable[[Number, Number, Number, Hyper], Number] = descend
    after: Callable[[Number, Moment, Number, Hyper], Number] = unchanged
    bracket: bool = False
    eta_from: str = ""
    stops: str = ""
    stale: str = ""
    reading: Callable[[Any], Any] | None = None
    weight: Callable[[Any, Any, Hyper, Moment], Number] = averaging_weight
    mean: Callable[[Number, Number, Number, Moment, Hyper], Number] = mean
    eta_clock: Callable[[Moment], Any] | None = None
    mu_clock: Callable[[Moment], Any] | None = None
    in_loop: bool = False
    start_at_zero: bool = False
    skips: bool = True
    written: bool = False
    narrow: tuple[Narrow, ...] = ()

    @classmethod
    def of(cls, convention: Convention) -> "Variant":
        """The convention itself, without a fault."""
        stored = convention.hyperparameters == "stored"
        return cls(convention, convention.eta_lag, convention.mu_lag, stored)

    @property
    def of_theta(self) -> "Variant":
        """One for all variants that theta cannot tell apart."""
        if self.written:
            return self
        plain = Variant.of(self.convention)
        return replace(
            self,
            convention=_ANY,
            faults=(),
            mu_lag=0,
            reading=plain.reading,
            weight=plain.weight,
            mean=plain.mean,
            mu_clock=plain.mu_clock,
            narrow=tuple(n for n in self.narrow if n.quantity not in {"mu", "average"}),
        )

    def source(self, sources: Sources) -> Hyper:
        """Hyperparameters as they are read."""
        h = sources.own
        for name, where in self.origin:
            change: dict[str, Any] = {name: getattr(getattr(sources, where), name)}
            h = h._replace(**change)
        return self.reader(h) if self.reader else h

    def _scheduled(self, moment: Moment) -> Hyper:
        """What eta and mu are computed with."""
        if self.in_loop:
            return self.reader(moment.preceding) if self.reader else moment.preceding
        h, other = self.source(moment.now), self.source(moment.past)
        if self.stored:
            h, other = other, h
        changes: dict[str, Any] = {name: getattr(other, name) for name in self.late}
        return h._replace(**changes)

    def starts(self, moment: Moment) -> Any:
        """Whether eta is that of a first step, which ports that store it have from elsewhere."""
        return self.stored and (moment.foremost if self.in_loop else moment.opening)

    def _steps(self, moment: Moment, clock: Callable[[Moment], Any] | None) -> Any:
        t = (clock or self.clock)(moment)
        return t + (moment.position > 0) if self.in_loop else t

    def eta(self, moment: Moment, back: int = 0) -> Number:
        """Step size of the moment, or so many steps back."""
        if self.eta_from:
            names = ("lr", "lambd", "alpha")
            other = replace(self, origin=tuple((n, self.eta_from) for n in names), eta_from="")
            return other.eta(moment, back)
        t = at_least(self._steps(moment, self.eta_clock) - self.eta_lag - back, 0)
        h = self._scheduled(moment)
        if self.bracket:
            opened = moment.now.opened.lr
            first = choose(is_zero(opened), 1.0, opened)
            share = self.size(t, h._replace(lr=opened)) / first
            return choose(is_zero(opened), h.lr, share * h.lr)
        return self.size(t, h)

    def theta(self, moment: Moment, eta: Number) -> Number:
        """Parameter after the moment."""
        h = self.source(moment.now)
        for name in self.exempt:
            x = getattr(h, name)
            change: dict[str, Any] = {name: choose(moment.size == 1, 0 * x, x)}
            h = h._replace(**change)
        pull = self.pull
        total = pull(moment) if pull else self.total(moment.grad, moment.theta, h)
        updated = self.after(self.update(moment.theta, total, eta, h), moment, eta, h)
        if self.stale:
            term = h.lambd * moment.theta if self.stale == "decay" else total
            updated = updated + (eta - self.eta(moment, 1)) * term
        taken = self._mean(moment, updated) if self.written else None
        return self._if_reached(moment, updated if taken is None else taken, moment.theta)

    def average(self, moment: Moment, theta: Number) -> Number | None:
        """Average after the moment, with the parameter's new value; None where it is undefined."""
        taken = theta * 1.0 if self.written else self._mean(moment, theta)
        return None if taken is None else self._if_reached(moment, taken, moment.average)

    def _if_reached(self, moment: Moment, taken: Number, before: Number) -> Number:
        """What is taken over unless the parameter is left alone."""
        if not self.stops:
            return taken
        return choose(getattr(moment, self.stops), before * 1.0, taken)

    def undefined(self, moment: Moment) -> Any:
        """Whether the convention leaves the average undefined."""
        t0 = self._t0(self._scheduled(moment))
        return (self.convention.divisor == "t-t0") & (self._steps(moment, self.mu_clock) == t0)

    def _t0(self, h: Hyper) -> Any:
        if self.reading is not None:
            return self.reading(h.t0)
        if isinstance(h.t0, np.ndarray):
            return np.ceil(h.t0) if self.convention.t0_reading == "ceil" else h.t0
        return self.convention.read_t0(h.t0)

    def mu(self, moment: Moment) -> Number:
        """Averaging weight of the moment."""
        h = self._scheduled(moment)
        t = self._steps(moment, self.mu_clock) - self.mu_lag
        return self.weight(t, self._t0(h), h, moment)

    def _mean(self, moment: Moment, theta: Number) -> Number | None:
        h = self._scheduled(moment)
        t, t0 = self._steps(moment, self.mu_clock), self._t0(h)
        mu = self.mu(moment)
        taken = self.mean(moment.average, theta, mu, moment, h)
        if self.convention.divisor == "terms":
            return taken
        terms = t - t0
        undefined = terms == 0
        if not isinstance(undefined, np.ndarray) and undefined:
            return None
        some = choose(terms == 0, 1.0, terms)
        begun = choose(terms < 1, theta / some, moment.theta + theta)
        literal = choose(terms > 1, self.mean(moment.average, theta, 1.0 / some, moment, h), begun)
        return choose(terms > 0, literal, taken)
