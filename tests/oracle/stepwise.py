"""The judge: a trace against the certified truth, one re-synchronised step at a time.

The port's own stored theta and average are exact inputs of the next step, so that each step is
judged alone: an early error is never blamed on a later step, and bounds do not grow with t.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Literal

from asgd.reference import Enclosure
from asgd.reference.certified.bounded import Approximation
from asgd.reference.certified.enclosure import PRECISION
from asgd.reference.tolerance import Arithmetic, averaging_weight_error
from asgd.spec import Convention

from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..ports.timeline import Turn, turns
from .blocks import Block, judged
from .filter import NOTHING, Ball, alone, ball
from .judgement import Judgement, Place, Quantity, equal
from .one_number import Number, compare, step_size_of
from .parameter_step import AverageStep, ThetaStep
from .storage import Past, Storages
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
    storages = Storages(rule.convention, rule.arithmetic, scenario.params, counts)
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
                arithmetic = storages.step(i, turn)
                same = arithmetic is rule.arithmetic
                now = rule if same else replace(rule, arithmetic=arithmetic)
                past = storages.past(i, state.theta, seen.theta[i])
                yield from _one_step(state, past, seen, place, grad, turn, now, quantities)
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
    past: Past,
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
        step = ThetaStep(place, state.theta, grad, seen.theta[i], turn.now, size, arithmetic)
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
        rows = (state.average, past, seen.theta[i], after)
        mean = AverageStep(place, *rows, opened, weights, arithmetic, rule.number)
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


@lru_cache(maxsize=1 << 15)
def _opened(t: int, t0: float, convention: Convention) -> tuple[Window | None, tuple[Ball, Ball]]:
    """The window at a step, and its weights of the old average and of theta."""
    opened = window(t, t0, convention)
    if opened is None:
        return None, (NOTHING, NOTHING)
    return opened, (ball(Enclosure.of(opened.old)), ball(Enclosure.of(opened.new)))
