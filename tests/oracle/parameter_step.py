"""One parameter over one step: theta and the average, judged from what the port showed before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from asgd.reference import Enclosure
from asgd.reference.certified.enclosure import PRECISION
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
)
from asgd.spec import Hyperparameters

from .blocks import Block, descend_balls
from .filter import Ball, Query
from .judgement import Judgement, Place, failed
from .one_number import (
    Number,
    Rates,
    StepSize,
    Term,
    Update,
    compare,
    exact_step_size,
    term,
)
from .storage import Past
from .window import Window


@dataclass(frozen=True)
class ThetaStep:
    """Theta of one parameter, over one step."""

    place: Place
    before: Sequence[float]
    grad: Sequence[float]
    after: Sequence[float]
    hyper: Hyperparameters
    size: StepSize
    arithmetic: Arithmetic

    def block(self) -> Block:
        """What is judged of it."""
        hyper = self.hyper
        if self.size.number is not Enclosure:
            return Block("theta", self.place, self.after, self._judge, self._enclose)
        query = Query(
            (self.before, self.grad),
            _coefficients(*self.size.rates, hyper.lambd, hyper.weight_decay, hyper.maximize),
            self.after,
            self._tolerance,
            self.arithmetic.fmt.u,
            None if self.arithmetic.storage else (id(self.size), hyper.lambd, hyper.weight_decay),
        )
        return Block("theta", self.place, self.after, self._judge, self._enclose, query)

    def _tolerance(self, j: Any, theta: Any, grad: Any, size: Any) -> Any:
        bound = self._bound(theta, grad, size)
        # A finite bound: nothing overflows, so what is multiplied by 0 is 0.
        rests = self._rests(theta, grad) & (bound < math.inf)
        if isinstance(j, int):
            return 0.0 if rests else bound
        return np.where(rests, 0.0, bound)

    def _rests(self, theta: Any, grad: Any) -> Any:
        """Whether an element may not move at all (tolerance.md, "What may not move")."""
        hyper = self.hyper
        decays = hyper.lambd > 0 or hyper.weight_decay > 0
        rests = (self.size.size == 0) | ((grad == 0) & (not decays))
        if self.arithmetic.storage is not None:
            # What is stored may be divided, and a divisor of 1 take over.
            return rests & (theta == 0)
        if self.arithmetic.policy.ftz:
            rests &= (theta == 0) | (abs(theta) >= self.arithmetic.fmt.smallest_normal)
        return rests

    def _bound(self, theta: Any, grad: Any, size: Any) -> Any:
        return descend_tolerance(
            theta,
            grad,
            size,
            lr=self.size.rates[1][0],
            eta=self.size.size,
            eta_error=self.size.error,
            lambd=self.hyper.lambd,
            weight_decay=self.hyper.weight_decay,
            arithmetic=self.arithmetic,
        )

    def _update(self, j: int) -> Update:
        return Update(self.before[j], self.grad[j], self.hyper, self.size)

    def _enclose(self, j: int) -> Enclosure:
        return self._update(j).enclosure(PRECISION)

    def _spoiled(self, j: int) -> float:
        """What becomes of an element that is not finite, or whose gradient is not."""
        theta, hyper = self.before[j], self.hyper
        total = -self.grad[j] if hyper.maximize else self.grad[j]
        for rate in (hyper.weight_decay, hyper.lambd):
            total += rate * theta if rate else 0.0
        return theta - total

    def _beyond(self, j: int, exact: Enclosure) -> float:
        """The infinity that an element overflows to; 0 if it may not (tolerance.md, "Overflow")."""
        of, hyper, size = self.size.number.of, self.hyper, self.size
        # What is stored may be divided by an infinity.
        if self.arithmetic.storage is not None or 64 * size.bound() > size.size:
            return 0.0
        theta, grad = of(abs(self.before[j])), of(abs(self.grad[j]))
        terms = theta + size.enclosure(PRECISION) * (
            grad + (of(hyper.lambd) + of(hyper.weight_decay)) * theta
        )
        # Of the exact result a quarter: twice the largest number may be none.
        quarter, half = exact * of(0.25), of(self.arithmetic.fmt.largest / 2)
        for sign in (1.0, -1.0):
            part = quarter * of(sign)
            if (part - half).low > 0 and (part - terms * of(0.0625)).low > 0:
                return sign * math.inf
        return 0.0

    def _judge(self, j: int) -> Judgement | None:
        here, got = self.place._replace(element=j), self.after[j]
        if not (math.isfinite(self.before[j]) and math.isfinite(self.grad[j])):
            # A step size that may round to 0 need not take anything over.
            moves = self.size.size > self.size.bound() + self.arithmetic.tiny
            wrong = math.isfinite(got) and moves
            return failed("theta", here, got, self._spoiled(j)) if wrong else None
        update = self._update(j)
        exact = update.enclosure(PRECISION)
        bound = float(self._tolerance(j, self.before[j], self.grad[j], exact.magnitude()))
        if bound == math.inf:
            beyond = self._beyond(j, exact)
            return failed("theta", here, got, beyond) if beyond and math.isfinite(got) else None
        return compare("theta", here, update.enclosure, got, bound, exact)


@dataclass(frozen=True)
class AverageStep:
    """The average of one parameter, over one step."""

    place: Place
    before: Sequence[float] | None
    past: Past
    theta: Sequence[float]
    after: Sequence[float]
    opened: Window
    weights: tuple[Ball, Ball]
    arithmetic: Arithmetic
    number: Number

    def block(self) -> Block:
        """What is judged of it."""
        opened, old = self.opened, self.before
        if old is None and opened.mu == 1:
            old = self.theta
        query = None
        if opened.is_mean and old is not None and self.number is Enclosure:
            mu = float(opened.new)
            error = averaging_weight_error(mu, opened.begin, arithmetic=self.arithmetic)
            tolerance = partial(self._tolerance, mu, error)
            u = self.arithmetic.fmt.u
            alike = None if self.past.matters else (mu, error)
            query = Query((old, self.theta), self.weights, self.after, tolerance, u, alike)
        return Block("average", self.place, self.after, self._judge, self._enclose, query)

    def _tolerance(
        self, mu: float, error: float, j: Any, before: Any, theta: Any, size: Any
    ) -> Any:
        above: Any = math.nextafter if isinstance(j, int) else np.nextafter
        return average_tolerance(
            before,
            theta,
            above(abs(theta - before), math.inf),
            size,
            mu=mu,
            mu_error=error,
            arithmetic=self.arithmetic,
            **self.past.at(j),
        )

    def _term(self, j: int) -> Term | None:
        old = None if self.before is None else self.before[j]
        past = self.past
        row = (self.opened, old, past.previous[j], self.theta[j], self.arithmetic, self.number)
        return term(*row, None if past.largest is None else past.largest[j])

    def _enclose(self, j: int) -> Enclosure:
        found = self._term(j)
        assert found is not None, "only what can be said is asked for"
        return found.enclosure(PRECISION)

    def _judge(self, j: int) -> Judgement | None:
        here, got = self.place._replace(element=j), self.after[j]
        found = self._term(j)
        if found is None:
            return None
        if not all(map(math.isfinite, found.inputs)):
            hidden = math.isfinite(got) and not math.isfinite(self.theta[j])
            return failed("average", here, got, self.theta[j]) if hidden else None
        old = None if self.before is None else self.before[j]
        # average + 1 (theta - average) keeps what is not finite: a finding (E5), no deviation.
        kept = old is not None and not math.isfinite(old) and not math.isfinite(got)
        if kept or found.tolerance == math.inf:
            return None
        return compare("average", here, found.enclosure, got, found.tolerance)


# A long run has thousands of step sizes and weights, the same ones in both dtypes.
@lru_cache(maxsize=1 << 15)
def _coefficients(
    clock: int, scheduled: Rates, lambd: float, weight_decay: float, maximize: bool
) -> tuple[Ball, Ball]:
    """What theta and the gradient are multiplied by in a step."""
    # As `StepSize` asks for it, so that it is computed once.
    eta = exact_step_size(clock, *scheduled, PRECISION, Enclosure)
    return descend_balls(eta, lambd, weight_decay, maximize=maximize)
