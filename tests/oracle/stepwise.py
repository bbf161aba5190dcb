"""The judge: a trace against the certified truth, one re-synchronised step at a time.

The port's own stored theta and average are exact inputs of the next step, so that each step is
judged alone: an early error is never blamed on a later step, and bounds do not grow with t.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from asgd.reference import Enclosure
from asgd.reference import equations as truth
from asgd.reference.certified.enclosure import HIGHEST_PRECISION, PRECISION, TooWideError
from asgd.reference.rounding import ulp
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
from ..ports.scenario import Scenario, Step

# Beyond every step of a scenario, so the window of t0 = inf never opens.
_NEVER = 2.0**80
# Below this no result of either format can be told from zero.
_NEGLIGIBLE = -1400
_ZERO = Enclosure.of(0)


@dataclass(frozen=True)
class Judgement:
    """One number of a port against its exact value.

    Attributes
    ----------
    quantity : str
        "eta", "gradient", "theta", "mu" or "average"; at a refusal, the hyperparameter.
    call : int
        Index of the step call, from 1.
    t : int
        Steps of the parameter, this one included.
    parameter, element : int
        Which number; element 0 for eta and mu.
    exact : Enclosure
        Enclosure of the exact value.
    got : float
        What the port has.
    tolerance : float
        Derived bound of the error.
    verdict : "pass", "fail" or "undecided"
    """

    quantity: str
    call: int
    t: int
    parameter: int
    element: int
    exact: Enclosure
    got: float
    tolerance: float
    verdict: str

    @property
    def error(self) -> float:
        """Distance from the enclosure of the exact value."""
        if not math.isfinite(self.got):
            return math.inf
        apart = self.exact - Enclosure.of(self.got)
        nearest = max(apart.low, -apart.high, 0)
        return Enclosure(nearest, nearest, apart.exponent).magnitude()

    @property
    def error_bounds(self) -> float:
        """Error in units of the tolerance."""
        return self.error / self.tolerance if self.tolerance else math.inf * bool(self.error)

    def error_ulp(self, arithmetic: Arithmetic) -> float:
        """Error in units in the last place of the larger one, the exact value or what was got."""
        larger = max(self.exact.magnitude(), abs(self.got))
        return self.error / ulp(larger, arithmetic.fmt)


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
class _Track:
    """What has been seen of one parameter.

    ``copied`` is theta after a step of weight 1, which the average then is, seen or not: a port
    that shows its averages only where they differ from theta is held to them from the first on.
    """

    theta: Sequence[float]
    average: Sequence[float] | None
    t: int = 0
    scheduled: Hyperparameters | None = None
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
    hypers = [group.hyper for group in scenario.groups]
    owner = [i for i, group in enumerate(scenario.groups) for _ in group.params]
    begun = start or [(0, p) for p in scenario.params]
    tracks = [_Track(p, a, t) for p, (t, a) in zip(scenario.params, begun, strict=True)]
    calls = iter(enumerate(trace, 1))
    for event in scenario.events:
        if not isinstance(event, Step):
            changes: dict[str, Any] = dict(event.changes)
            hypers[event.group] = hypers[event.group]._replace(**changes)
            continue
        call, seen = next(calls)
        for i, track in enumerate(tracks):
            grad = event.grads[i]
            if grad is None:
                yield from _unchanged(track, seen, call, i, quantities)
            else:
                yield from _one_step(
                    track, seen, (call, i), grad, hypers[owner[i]], rule, quantities
                )
            track.theta = seen.theta[i]
            if grad is not None or seen.average[i] is not None:
                track.average = seen.average[i] or track.copied


def _unchanged(
    track: _Track, seen: Observation, call: int, i: int, quantities: frozenset[str]
) -> Iterator[Judgement]:
    pairs = (("theta", track.theta, seen.theta[i]), ("average", track.average, seen.average[i]))
    for quantity, before, after in pairs:
        if quantity not in quantities or before is None or after is None:
            continue
        for j, (old, new) in enumerate(zip(before, after, strict=True)):
            if math.isfinite(old):
                verdict = "pass" if old == new else "fail"
                exact = Enclosure.of(old)
                yield Judgement(quantity, call, track.t, i, j, exact, new, 0.0, verdict)


def _one_step(
    track: _Track,
    seen: Observation,
    where: tuple[int, int],
    grad: Sequence[float],
    hyper: Hyperparameters,
    rule: Rule,
    quantities: frozenset[str],
) -> Iterator[Judgement]:
    call, i = where
    convention, arithmetic = rule.convention, rule.arithmetic
    track.t += 1
    t = track.t
    stored = convention.hyperparameters == "stored" and track.scheduled is not None
    scheduled = track.scheduled if stored and track.scheduled is not None else hyper
    track.scheduled = hyper
    clock = t - convention.eta_lag
    size = _StepSize(clock, scheduled, arithmetic)
    place = (call, t, i)

    eta = seen.eta[i]
    if "eta" in quantities and eta is not None:
        exact = size.enclosure(PRECISION)
        relative, absolute = size.error
        bound = relative * exact.magnitude() + absolute
        if bound < math.inf:
            yield _compare("eta", place, 0, size.enclosure, eta, bound)

    if "theta" in quantities:
        for j, (theta, g, got) in enumerate(zip(track.theta, grad, seen.theta[i], strict=True)):
            update = _Update(theta, g, hyper, size, arithmetic)
            if not (math.isfinite(theta) and math.isfinite(g)):
                if math.isfinite(got) and hyper.lr > 0:
                    yield Judgement("theta", call, t, i, j, _ZERO, got, 0.0, "fail")
                continue
            exact = update.enclosure(PRECISION)
            bound = update.tolerance(exact)
            if bound < math.inf:
                yield _compare("theta", place, j, update.enclosure, got, bound, exact)

    yield from _averaging(track, seen, place, scheduled.t0, rule, quantities)


def _averaging(
    track: _Track,
    seen: Observation,
    place: tuple[int, int, int],
    t0: float,
    rule: Rule,
    quantities: frozenset[str],
) -> Iterator[Judgement]:
    call, t, i = place
    convention, arithmetic = rule.convention, rule.arithmetic
    window = _Window(t, min(convention.read_t0(t0), _NEVER), convention, arithmetic)
    track.copied = seen.theta[i] if window.mu == 1 else None
    mu = seen.mu[i]
    if "mu" in quantities and mu is not None and window.mu is not None:
        weight = window.mu
        bound = window.error * float(weight) + arithmetic.tiny
        if bound < math.inf:
            yield _compare("mu", place, 0, lambda p: Enclosure.of(weight, p), mu, bound)
    after = seen.average[i]
    if "average" not in quantities or after is None:
        return
    before = track.average
    for j, (theta, got) in enumerate(zip(seen.theta[i], after, strict=True)):
        old = None if before is None else before[j]
        previous = track.theta[j]
        term = window.term(old, previous, theta)
        if term is None:
            continue
        if not all(map(math.isfinite, term.inputs)):
            if math.isfinite(got) and not math.isfinite(theta):
                yield Judgement("average", call, t, i, j, _ZERO, got, 0.0, "fail")
            continue
        # average + 1 (theta - average) keeps what is not finite: a finding (E5), no deviation.
        kept = old is not None and not math.isfinite(old) and not math.isfinite(got)
        if term.tolerance < math.inf and not kept:
            yield _compare("average", place, j, term.enclosure, got, term.tolerance)


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


class _Window:
    """The averaging window at one step (E4, E6): weights of the average before and of theta."""

    def __init__(self, t: int, t0: float, convention: Convention, arithmetic: Arithmetic) -> None:
        self.t, self.t0, self.arithmetic = t, t0, arithmetic
        self.literal = convention.divisor == "t-t0"
        # The reference's averaging weight, as an exact fraction.
        terms = t - convention.mu_lag - Fraction(t0)
        self.mu = None if self.literal and t >= t0 else 1 / max(Fraction(1), terms)
        self.error = averaging_weight_error(
            1.0 if self.mu is None else float(self.mu), t0, arithmetic=arithmetic
        )

    def term(self, old: float | None, previous: float, theta: float) -> _Term | None:
        """Inputs, weights and tolerance of one element; None where nothing is specified."""
        if self.mu is None:
            return self._literal(old, previous, theta)
        if self.mu == 1 and (old is None or not math.isfinite(old)):
            old = theta
        if old is None:
            return None
        return self._mean(old, theta, self.mu, self.error)

    def _mean(self, old: float, theta: float, mu: Fraction, error: float) -> _Term:
        tolerance = math.inf
        term = _Term((old, theta), (1 - mu, mu), tolerance)
        if math.isfinite(old) and math.isfinite(theta):
            tolerance = average_tolerance(
                old,
                theta,
                math.nextafter(abs(theta - old), math.inf),
                term.enclosure(PRECISION).magnitude(),
                mu=float(mu),
                mu_error=error,
                arithmetic=self.arithmetic,
            )
        return replace(term, tolerance=tolerance)

    def _literal(self, old: float | None, previous: float, theta: float) -> _Term | None:
        lead = self.t - Fraction(self.t0)
        if lead == 0:
            return None
        if lead < 1:
            return self._sum((theta,), (1 / lead,))
        if lead == 1:
            return self._sum((previous, theta), (Fraction(1), Fraction(1)))
        if old is None:
            return None
        relative = averaging_weight_error(float(1 / lead), self.t0, arithmetic=self.arithmetic)
        return self._mean(old, theta, 1 / lead, relative)

    def _sum(self, inputs: tuple[float, ...], weights: tuple[Fraction, ...]) -> _Term:
        tolerance = math.inf
        term = _Term(inputs, weights, tolerance)
        if all(map(math.isfinite, inputs)):
            terms = sum(abs(x) * float(w) for x, w in zip(inputs, weights, strict=True))
            tolerance = weighted_sum_tolerance(
                terms, term.enclosure(PRECISION).magnitude(), arithmetic=self.arithmetic
            )
        return replace(term, tolerance=tolerance)


def _compare(
    quantity: str,
    place: tuple[int, int, int],
    element: int,
    enclose: Callable[[int], Enclosure],
    got: float,
    tolerance: float,
    exact: Enclosure | None = None,
) -> Judgement:
    """Judge one number, at the precision that it needs; ``exact`` is its first enclosure."""
    call, t, parameter = place
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
    return Judgement(quantity, call, t, parameter, element, exact, got, tolerance, verdict)


def true_step_size(t: int, hyper: Hyperparameters) -> float:
    """Step size after t steps (E2), to float64."""
    exact = exact_step_size(max(t, 0), hyper.lr, hyper.lambd, hyper.alpha, PRECISION)
    low, high = exact.bounds()
    return float((low + high) / 2)
