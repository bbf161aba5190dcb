"""The judge: a trace against the certified truth, one re-synchronised step at a time.

The port's own stored theta and average are exact inputs of the next step, so that each step is
judged alone: an early error is never blamed on a later step, and bounds do not grow with t.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial

from asgd.reference import Enclosure
from asgd.reference import equations as truth
from asgd.reference.certified.enclosure import HIGHEST_PRECISION, PRECISION, TooWideError
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
    step_size_error,
    weighted_sum_tolerance,
)
from asgd.spec import Convention, Hyperparameters

from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..ports.timeline import Turn, turns
from .judgement import Judgement, Place, Quantity, Verdict, equal, failed
from .window import Window, window

# Below this no result of either format can be told from zero.
_NEGLIGIBLE = -1400


@dataclass(frozen=True)
class Rule:
    """What a trace is judged against: a convention, a format and a policy."""

    convention: Convention
    arithmetic: Arithmetic


@lru_cache(maxsize=8192)
def exact_step_size(t: int, lr: float, lambd: float, alpha: float, precision: int) -> Enclosure:
    """Enclosure of E2, of a relative width below 2**-(precision - 32) unless it is negligible."""
    bits = precision
    while True:
        try:
            eta = truth.step_size(
                t,
                lr=Enclosure.of(lr, bits),
                lambd=Enclosure.of(lambd, bits),
                alpha=Enclosure.of(alpha, bits),
            )
            assert isinstance(eta, Enclosure)
            narrow = (eta.high - eta.low).bit_length() <= eta.high.bit_length() - precision + 32
            if narrow or eta.high.bit_length() + eta.exponent < _NEGLIGIBLE:
                return Enclosure.of(eta, precision)
        except TooWideError:
            pass
        bits *= 2


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
    begun = start or [(0, p) for p in scenario.params]
    states = [_Seen(p, a) for p, (_, a) in zip(scenario.params, begun, strict=True)]
    counts = [t for t, _ in begun]
    rows = zip(turns(scenario, counts), trace, strict=True)
    for call, ((event, made), seen) in enumerate(rows, 1):
        for i, (state, grad, turn) in enumerate(zip(states, event.grads, made, strict=True)):
            if grad is None or turn is None:
                place = Place(call, counts[i], i)
                yield from _unchanged(state, seen, place, quantities)
            else:
                place = Place(call, turn.t, i)
                counts[i] = turn.t
                yield from _one_step(state, seen, place, grad, turn, rule, quantities)
            state.theta = seen.theta[i]
            if grad is not None or seen.average[i] is not None:
                state.average = seen.average[i] or state.copied


def _unchanged(
    state: _Seen, seen: Observation, place: Place, quantities: frozenset[str]
) -> Iterator[Judgement]:
    i = place.parameter
    pairs: tuple[tuple[Quantity, Sequence[float] | None, Sequence[float] | None], ...] = (
        ("theta", state.theta, seen.theta[i]),
        ("average", state.average, seen.average[i]),
    )
    for quantity, before, after in pairs:
        if quantity not in quantities or before is None or after is None:
            continue
        for j, (old, new) in enumerate(zip(before, after, strict=True)):
            if math.isfinite(old):
                yield equal(quantity, place._replace(element=j), old, new)


def _one_step(
    state: _Seen,
    seen: Observation,
    place: Place,
    grad: Sequence[float],
    turn: Turn,
    rule: Rule,
    quantities: frozenset[str],
) -> Iterator[Judgement]:
    convention, arithmetic = rule.convention, rule.arithmetic
    i, hyper = place.parameter, turn.now
    scheduled = turn.scheduled(convention)
    size = _StepSize(turn.t - convention.eta_lag, scheduled, arithmetic)

    eta = seen.eta[i]
    if "eta" in quantities and eta is not None:
        exact = size.enclosure(PRECISION)
        relative, absolute = size.error
        bound = relative * exact.magnitude() + absolute
        if bound < math.inf:
            yield compare("eta", place, size.enclosure, eta, bound)

    if "theta" in quantities:
        for j, (theta, g, got) in enumerate(zip(state.theta, grad, seen.theta[i], strict=True)):
            here = place._replace(element=j)
            update = _Update(theta, g, hyper, size, arithmetic)
            if not (math.isfinite(theta) and math.isfinite(g)):
                if math.isfinite(got) and hyper.lr > 0:
                    yield failed("theta", here, got)
                continue
            exact = update.enclosure(PRECISION)
            bound = update.tolerance(exact)
            if bound < math.inf:
                yield compare("theta", here, update.enclosure, got, bound, exact)

    yield from _averaging(state, seen, place, scheduled.t0, rule, quantities)


def _averaging(
    state: _Seen,
    seen: Observation,
    place: Place,
    t0: float,
    rule: Rule,
    quantities: frozenset[str],
) -> Iterator[Judgement]:
    arithmetic, i = rule.arithmetic, place.parameter
    opened = window(place.t, t0, rule.convention)
    weight = None if opened is None else opened.mu
    state.copied = seen.theta[i] if weight == 1 else None
    if opened is None:
        return
    mu = seen.mu[i]
    if "mu" in quantities and mu is not None and weight is not None:
        relative = averaging_weight_error(float(weight), opened.begin, arithmetic=arithmetic)
        bound = relative * float(weight) + arithmetic.tiny
        if bound < math.inf:
            yield compare("mu", place, partial(Enclosure.of, weight), mu, bound)
    after = seen.average[i]
    if "average" not in quantities or after is None:
        return
    before = state.average
    for j, (theta, got) in enumerate(zip(seen.theta[i], after, strict=True)):
        here = place._replace(element=j)
        old = None if before is None else before[j]
        term = _term(opened, old, state.theta[j], theta, arithmetic)
        if term is None:
            continue
        if not all(map(math.isfinite, term.inputs)):
            if math.isfinite(got) and not math.isfinite(theta):
                yield failed("average", here, got)
            continue
        # average + 1 (theta - average) keeps what is not finite: a finding (E5), no deviation.
        kept = old is not None and not math.isfinite(old) and not math.isfinite(got)
        if term.tolerance < math.inf and not kept:
            yield compare("average", here, term.enclosure, got, term.tolerance)


class _StepSize:
    """eta of one step: its enclosure at any precision, and the error allowed."""

    def __init__(self, clock: int, hyper: Hyperparameters, arithmetic: Arithmetic) -> None:
        self.clock, self.hyper = clock, hyper
        self.error = step_size_error(
            clock, lr=hyper.lr, lambd=hyper.lambd, alpha=hyper.alpha, arithmetic=arithmetic
        )

    def enclosure(self, precision: int) -> Enclosure:
        hyper = self.hyper
        return exact_step_size(self.clock, hyper.lr, hyper.lambd, hyper.alpha, precision)


@dataclass(frozen=True)
class _Update:
    """theta of one element after one step."""

    theta: float
    grad: float
    hyper: Hyperparameters
    size: _StepSize
    arithmetic: Arithmetic

    def enclosure(self, precision: int) -> Enclosure:
        hyper = self.hyper
        theta = Enclosure.of(self.theta, precision)
        total = truth.gradient(
            Enclosure.of(self.grad, precision),
            theta,
            weight_decay=Enclosure.of(hyper.weight_decay, precision),
            maximize=hyper.maximize,
        )
        eta = self.size.enclosure(precision)
        updated = truth.descend(theta, total, eta=eta, lambd=Enclosure.of(hyper.lambd, precision))
        assert isinstance(updated, Enclosure)
        return updated

    def tolerance(self, exact: Enclosure) -> float:
        return descend_tolerance(
            self.theta,
            self.grad,
            exact.magnitude(),
            eta=self.size.enclosure(PRECISION).magnitude(),
            eta_error=self.size.error,
            lambd=self.hyper.lambd,
            weight_decay=self.hyper.weight_decay,
            arithmetic=self.arithmetic,
        )


@dataclass(frozen=True)
class _Term:
    """The average of one element after one step: a weighted sum of exact inputs."""

    inputs: tuple[float, ...]
    weights: tuple[Fraction, ...]
    tolerance: float

    def enclosure(self, precision: int) -> Enclosure:
        total = Enclosure.of(0, precision)
        for x, weight in zip(self.inputs, self.weights, strict=True):
            total = total + Enclosure.of(x, precision) * Enclosure.of(weight, precision)
        return total


def _term(
    opened: Window, old: float | None, previous: float, theta: float, arithmetic: Arithmetic
) -> _Term | None:
    """Inputs, weights and tolerance of one element; None where nothing can be said."""
    if not opened.is_mean:
        return _sum(opened, previous, theta, arithmetic)
    if opened.mu == 1 and (old is None or not math.isfinite(old)):
        old = theta
    if old is None:
        return None
    term = _Term((old, theta), (opened.old, opened.new), math.inf)
    if not (math.isfinite(old) and math.isfinite(theta)):
        return term
    mu = float(opened.new)
    tolerance = average_tolerance(
        old,
        theta,
        math.nextafter(abs(theta - old), math.inf),
        term.enclosure(PRECISION).magnitude(),
        mu=mu,
        mu_error=averaging_weight_error(mu, opened.begin, arithmetic=arithmetic),
        arithmetic=arithmetic,
    )
    return replace(term, tolerance=tolerance)


def _sum(opened: Window, previous: float, theta: float, arithmetic: Arithmetic) -> _Term:
    pairs = [(x, w) for x, w in ((previous, opened.previous), (theta, opened.new)) if w]
    inputs, weights = zip(*pairs, strict=True)
    term = _Term(inputs, weights, math.inf)
    if not all(map(math.isfinite, inputs)):
        return term
    terms = sum(abs(x) * float(w) for x, w in zip(inputs, weights, strict=True))
    size = term.enclosure(PRECISION).magnitude()
    return replace(term, tolerance=weighted_sum_tolerance(terms, size, arithmetic=arithmetic))


def compare(
    quantity: Quantity,
    place: Place,
    enclose: Callable[[int], Enclosure],
    got: float,
    tolerance: float,
    exact: Enclosure | None = None,
) -> Judgement:
    """Judge one number, at the precision that it needs; ``exact`` is its first enclosure."""
    verdict: Verdict
    precision = PRECISION
    while True:
        exact = enclose(precision) if exact is None else exact
        verdict = "fail"
        if not math.isfinite(got):
            break
        difference = exact - Enclosure.of(got, precision)
        if difference.magnitude() <= tolerance:
            verdict = "pass"
            break
        bound = Enclosure.of(tolerance, precision)
        if (difference - bound).low > 0 or (difference + bound).high < 0:
            break
        precision *= 2
        if precision > HIGHEST_PRECISION:
            verdict = "undecided"
            break
        exact = None
    return Judgement(
        quantity=quantity, place=place, exact=exact, got=got, tolerance=tolerance, verdict=verdict
    )


def true_step_size(t: int, hyper: Hyperparameters) -> float:
    """Step size after t steps (E2), to float64."""
    exact = exact_step_size(max(t, 0), hyper.lr, hyper.lambd, hyper.alpha, PRECISION)
    low, high = exact.bounds()
    return float((low + high) / 2)
