"""The judge: a trace against the certified truth, one re-synchronised step at a time.

The port's own stored theta and average are exact inputs of the next step, so that each step is
judged alone: an early error is never blamed on a later step, and bounds do not grow with t.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np

from asgd.reference import Enclosure
from asgd.reference.certified.bounded import Approximation
from asgd.reference.certified.enclosure import PRECISION
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
)
from asgd.spec import Convention, Hyperparameters

from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..ports.timeline import Turn, turns
from .blocks import Block, at, descend_balls, judged
from .filter import NOTHING, Ball, Query, alone, ball
from .judgement import Judgement, Place, Quantity, equal, failed
from .one_number import (
    Number,
    Rates,
    StepSize,
    Term,
    Update,
    compare,
    exact_step_size,
    step_size_of,
    term,
)
from .storage import Storages
from .window import Window, window

Oracle = Literal["integers", "mpmath"]
"""What exact values are made of."""


@dataclass(frozen=True)
class Rule:
    """What a trace is judged against: a convention, a format and a policy.

    ``oracle`` is "integers", the certificate, or "mpmath" alone.
    """

    convention: Convention
    arithmetic: Arithmetic
    oracle: Oracle = "integers"

    @property
    def number(self) -> Number:
        """Type of exact values."""
        return Enclosure if self.oracle == "integers" else Approximation


@dataclass
class _Seen:
    """What has been seen of one parameter.

    ``copied`` is theta after a step of weight 1, which the average then is, seen or not: a port
    that shows its averages only where they differ from theta is held to them from the first on.
    """

    theta: Sequence[float]
    average: Sequence[float] | None
    copied: Sequence[float] | None = None


def judge(
    scenario: Scenario,
    trace: Sequence[Observation],
    rule: Rule,
    quantities: frozenset[str],
    start: Sequence[tuple[int, Sequence[float]]] | None = None,
) -> Iterator[Judgement]:
    """Judge ``quantities`` of a trace, in the order of the calls.

    Parameters
    ----------
    scenario : Scenario
        What was asked of the port.
    trace : sequence of Observation
        What was seen, one entry per step.
    rule : Rule
        What to judge against.
    quantities : set of str
        Among "eta", "theta", "mu" and "average"; what the port does not show is passed over.
    start : sequence of (int, vector), optional
        Steps taken before, and the average, of each parameter; none, and theta, if not given.

    Yields
    ------
    Judgement
        One for each number that can be judged. A parameter without a gradient must keep its bits.
    """
    return judged(_blocks(scenario, trace, rule, quantities, start))


def _blocks(
    scenario: Scenario,
    trace: Sequence[Observation],
    rule: Rule,
    quantities: frozenset[str],
    start: Sequence[tuple[int, Sequence[float]]] | None,
) -> Iterator[Block]:
    begun = start or [(0, p) for p in scenario.params]
    states = [_Seen(p, a) for p, (_, a) in zip(scenario.params, begun, strict=True)]
    counts = [t for t, _ in begun]
    storages = Storages(rule.convention, rule.arithmetic, counts)
    rows = zip(turns(scenario, counts), trace, strict=True)
    for call, ((event, made), seen) in enumerate(rows, 1):
        # A group that has not joined yet has no gradients.
        for i, (state, grad, turn) in enumerate(zip(states, event.grads, made, strict=False)):
            if grad is None or turn is None:
                place = Place(call, counts[i], i)
                yield from _unchanged(state, seen, place, quantities)
            else:
                place = Place(call, turn.t, i)
                counts[i] = turn.t
                now = replace(rule, arithmetic=storages.step(i, turn))
                yield from _one_step(state, seen, place, grad, turn, now, quantities)
            state.theta = seen.theta[i]
            if grad is not None or seen.average[i] is not None:
                state.average = seen.average[i] or state.copied


def _unchanged(
    state: _Seen, seen: Observation, place: Place, quantities: frozenset[str]
) -> Iterator[Block]:
    i = place.parameter
    pairs: tuple[tuple[Quantity, Sequence[float] | None, Sequence[float] | None], ...] = (
        ("theta", state.theta, seen.theta[i]),
        ("average", state.average, seen.average[i]),
    )
    for quantity, before, after in pairs:
        if quantity in quantities and before is not None and after is not None:
            yield Block(quantity, place, after, partial(_kept, quantity, place, before, after))


def _kept(
    quantity: Quantity, place: Place, before: Sequence[float], after: Sequence[float], j: int
) -> Judgement | None:
    if not math.isfinite(before[j]):
        return None
    return equal(quantity, place._replace(element=j), before[j], after[j])


def _one_step(
    state: _Seen,
    seen: Observation,
    place: Place,
    grad: Sequence[float],
    turn: Turn,
    rule: Rule,
    quantities: frozenset[str],
) -> Iterator[Block]:
    convention, arithmetic = rule.convention, rule.arithmetic
    i = place.parameter
    scheduled = turn.scheduled(convention)
    size = step_size_of(turn.t - convention.eta_lag, scheduled, arithmetic, rule.number)
    eta = seen.eta[i]
    if "eta" in quantities and eta is not None and size.bound() < math.inf:
        yield _scalar("eta", place, size.enclosure, eta, size.bound())
    if "theta" in quantities:
        step = _ThetaStep(place, state.theta, grad, seen.theta[i], turn.now, size, arithmetic)
        yield step.block()
    opened, weights = _opened(place.t, scheduled.t0, convention)
    weight = None if opened is None else opened.mu
    state.copied = seen.theta[i] if weight == 1 else None
    if opened is None:
        return
    mu = seen.mu[i]
    if "mu" in quantities and mu is not None and weight is not None:
        relative = averaging_weight_error(float(weight), opened.begin, arithmetic=arithmetic)
        bound = relative * float(weight) + arithmetic.tiny
        if bound < math.inf:
            yield _scalar("mu", place, partial(rule.number.of, weight), mu, bound)
    after = seen.average[i]
    if "average" in quantities and after is not None:
        rows = (state.average, state.theta, seen.theta[i], after)
        mean = _AverageStep(place, *rows, opened, weights, arithmetic, rule.number)
        yield mean.block()


def _scalar(
    quantity: Quantity,
    place: Place,
    enclose: Callable[[int], Enclosure],
    got: float,
    tolerance: float,
) -> Block:
    exact = enclose(PRECISION)
    return Block(
        quantity,
        place,
        (got,),
        lambda _: compare(quantity, place, enclose, got, tolerance, exact),
        lambda _: exact,
        alone(ball(exact), got, tolerance) if type(exact) is Enclosure else None,
    )


@dataclass(frozen=True)
class _ThetaStep:
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
            return None
        return compare("theta", here, update.enclosure, got, bound, exact)


@dataclass(frozen=True)
class _AverageStep:
    """The average of one parameter, over one step."""

    place: Place
    before: Sequence[float] | None
    previous: Sequence[float]
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
            alike = None if self.arithmetic.storage else (mu, error)
            query = Query((old, self.theta), self.weights, self.after, tolerance, u, alike)
        return Block("average", self.place, self.after, self._judge, self._enclose, query)

    def _tolerance(
        self, mu: float, error: float, j: Any, before: Any, theta: Any, size: Any
    ) -> Any:
        above: Any = math.nextafter if isinstance(j, int) else np.nextafter
        stored = self.arithmetic.storage is not None
        return average_tolerance(
            before,
            theta,
            above(abs(theta - before), math.inf),
            size,
            mu=mu,
            mu_error=error,
            arithmetic=self.arithmetic,
            previous=at(self.previous, j) if stored else None,
        )

    def _term(self, j: int) -> Term | None:
        old = None if self.before is None else self.before[j]
        row = (self.opened, old, self.previous[j], self.theta[j])
        return term(*row, self.arithmetic, self.number)

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


@lru_cache(maxsize=1 << 15)
def _opened(t: int, t0: float, convention: Convention) -> tuple[Window | None, tuple[Ball, Ball]]:
    """The window at a step, and its weights of the old average and of theta."""
    opened = window(t, t0, convention)
    if opened is None:
        return None, (NOTHING, NOTHING)
    return opened, (ball(Enclosure.of(opened.old)), ball(Enclosure.of(opened.new)))
