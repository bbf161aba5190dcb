"""Laws whose scalar is measured: eta or mu is what one element shows, and the others must follow.

So a port that has the wrong step size (E2) is not blamed for its update (E3), and one that has the
wrong averaging weight (E4) not for its average (E5).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from asgd.reference import Enclosure
from asgd.reference import equations as truth
from asgd.reference.certified.bounded import Approximation
from asgd.reference.tolerance import Arithmetic, average_tolerance, descend_tolerance
from asgd.spec import Hyperparameters

from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..ports.timeline import turns
from .blocks import Block, at, descend_balls, judged
from .filter import Query, ball
from .judgement import Judgement, Place, Quantity
from .one_number import Number
from .stepwise import Rule
from .storage import Past, Storages

_EXACT = (0.0, 0.0)
# What a few roundings in float64 may take, relatively.
_COARSE = 2.0**-48


def judge_update(
    scenario: Scenario, trace: Sequence[Observation], rule: Rule
) -> Iterator[Judgement]:
    """Judge E1 and E3 alone: one step size, whatever it is, makes every element's update.

    It is measured at each step on an element whose theta is 0 before, and whose gradient is not:
    there theta becomes eta times the gradient's size. Steps without such an element are left out.
    """
    return judged(_updates(scenario, trace, rule))


def _updates(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Block]:
    before = list(scenario.params)
    storages = Storages(rule.convention, rule.arithmetic, before, [0] * len(before))
    for call, ((event, made), seen) in enumerate(zip(turns(scenario), trace, strict=True), 1):
        for i, (grad, turn) in enumerate(zip(event.grads, made, strict=True)):
            old, before[i] = before[i], seen.theta[i]
            if grad is not None and turn is not None:
                update = (old, grad, seen.theta[i])
                place = Place(call, turn.t, i)
                yield from _one_update(place, update, turn.now, storages.step(i, turn), rule.number)


def _one_update(
    place: Place,
    update: tuple[Sequence[float], Sequence[float], Sequence[float]],
    hyper: Hyperparameters,
    arithmetic: Arithmetic,
    number: Number,
) -> Iterator[Block]:
    theta, grad, got = update
    shows = (j for j, (x, g) in enumerate(zip(theta, grad, strict=True)) if x == 0 and g != 0)
    gauge = next(shows, None)
    if gauge is None or not all(map(math.isfinite, (*theta, *grad, *got))):
        return

    def allowed(x: Any, g: Any, size: float, largest: Any) -> Any:
        return descend_tolerance(
            x,
            g,
            largest,
            lr=hyper.lr,
            eta=size,
            eta_error=_EXACT,
            lambd=hyper.lambd,
            weight_decay=hyper.weight_decay,
            arithmetic=arithmetic,
        )

    shown, push = abs(got[gauge]), abs(grad[gauge])
    error = allowed(theta[gauge], grad[gauge], shown / push, shown)
    if not math.isfinite(error):
        return
    of = number.of
    eta = _around(of(shown), error) / of(push)
    size, middle, half = eta.magnitude(), _middle(eta), _half(eta)
    lambd, weight_decay = of(hyper.lambd), of(hyper.weight_decay)

    def enclose(j: int) -> Enclosure:
        x = of(theta[j])
        total = truth.gradient(of(grad[j]), x, weight_decay=weight_decay, maximize=hyper.maximize)
        exact = truth.descend(x, total, eta=eta, lambd=lambd)
        assert isinstance(exact, Enclosure)
        return exact

    def judge(j: int) -> Judgement | None:
        exact = enclose(j)
        bound = allowed(theta[j], grad[j], size, exact.magnitude())
        if not math.isfinite(bound):
            return None
        return _follows("theta", place._replace(element=j), exact, got[j], bound)

    def tolerance(_: Any, x: Any, g: Any, largest: Any) -> Any:
        # Every step size of the interval is granted, so theta may move by half its width and more.
        pull = (hyper.lambd + hyper.weight_decay) * x
        slope = abs((-1.0 if hyper.maximize else 1.0) * g + pull)
        sure = slope - _COARSE * (abs(g) + abs(pull))
        return allowed(x, g, size, largest) + half * (sure * (sure > 0))

    if number is not Enclosure:
        yield Block("theta", place, got, judge, enclose)
        return
    balls = descend_balls(middle, hyper.lambd, hyper.weight_decay, maximize=hyper.maximize)
    query = Query((theta, grad), balls, got, tolerance, arithmetic.fmt.u)
    yield Block("theta", place, got, judge, enclose, query)


def judge_average(
    scenario: Scenario, trace: Sequence[Observation], rule: Rule
) -> Iterator[Judgement]:
    """Judge E5 alone: one weight, whatever it is, makes every element's average.

    The weight is measured on element 0 of each parameter, whose theta must be far from its average
    at every step; the other elements must follow with the same one. So a port that has the wrong
    weight (E4) is not blamed for its average.
    """
    return judged(_averages(scenario, trace, rule))


def _averages(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Block]:
    before: list[Sequence[float] | None] = list(scenario.params)
    thetas = list(scenario.params)
    storages = Storages(rule.convention, rule.arithmetic, thetas, [0] * len(thetas))
    for call, ((_, made), seen) in enumerate(zip(turns(scenario), trace, strict=True), 1):
        for i, turn in enumerate(made):
            if turn is None:
                continue
            arithmetic = storages.step(i, turn)
            past, thetas[i] = storages.past(i, thetas[i], seen.theta[i]), seen.theta[i]
            old, theta, after = before[i], seen.theta[i], seen.average[i]
            before[i] = after
            # A port may hide its average while it is theta; then there is nothing to go on from.
            if old is None or after is None:
                continue
            if all(map(math.isfinite, [*theta, *after, *old])) and theta[0] != old[0]:
                place = Place(call, turn.t, i)
                yield from _one_average(place, (old, theta, after), past, arithmetic, rule.number)


def _one_average(
    place: Place,
    average: tuple[Sequence[float], Sequence[float], Sequence[float]],
    past: Past,
    arithmetic: Arithmetic,
    number: Number,
) -> Iterator[Block]:
    before, theta, after = average
    of = number.of
    old, new, got = (of(x[0]) for x in average)
    swing = new - old
    measured = ((got - old) / swing).magnitude()
    # No mean of as many terms as a scenario has steps weighs the newest less than this.
    weight = min(1.0, max(measured, 2.0**-20))

    def allowed(j: int) -> float:
        bound: float = average_tolerance(
            before[j],
            theta[j],
            math.nextafter(abs(theta[j] - before[j]), math.inf),
            max(abs(before[j]), abs(theta[j]), abs(after[j])),
            mu=weight,
            mu_error=0.0,
            arithmetic=arithmetic,
            **past.at(j),
        )
        return bound

    bounds = [allowed(j) for j in range(len(theta))]
    if not math.isfinite(max(bounds)):
        return
    mu = _around(got - old, bounds[0]) / swing
    middle, half = _middle(mu), _half(mu)

    def enclose(j: int) -> Enclosure:
        exact = truth.average(of(before[j]), of(theta[j]), mu=mu)
        assert isinstance(exact, Enclosure)
        return exact

    def judge(j: int) -> Judgement | None:
        if j == 0:  # The gauge itself.
            return None
        return _follows("average", place._replace(element=j), enclose(j), after[j], bounds[j])

    def tolerance(j: Any, x: Any, y: Any, _largest: Any) -> Any:
        apart = abs(y - x) * (1 - _COARSE)
        return at(bounds, j) + half * apart

    if number is not Enclosure:
        yield Block("average", place, after, judge, enclose)
        return
    balls = (ball(1 - middle), ball(middle))
    # nan keeps the gauge, which cannot be judged by itself, out of the filter.
    query = Query((before, theta), balls, (math.nan, *after[1:]), tolerance, 0.0)
    yield Block("average", place, after, judge, enclose, query)


def _middle(x: Enclosure) -> Enclosure:
    """The interval's middle, exact."""
    total = x.low + x.high
    return Enclosure(total, total, x.exponent - 1, x.precision + 2)


def _half(x: Enclosure) -> float:
    """Lower bound of half the interval's width."""
    width = x.high - x.low
    drop = max(0, width.bit_length() - 53)
    try:
        return math.ldexp(float(width >> drop), x.exponent - 1 + drop)
    except OverflowError:
        return 0.0


def _around(x: Enclosure, error: float) -> Enclosure:
    """Interval of all that is within ``error`` of ``x``."""
    if isinstance(x, Approximation):
        return x.widened(error)
    return Enclosure.hull(x - Enclosure.of(error), x + Enclosure.of(error))


def _follows(
    quantity: Quantity, place: Place, exact: Enclosure, got: float, tolerance: float
) -> Judgement:
    """Judge a number by an enclosure that is as wide as its scalar was measured."""
    difference, bound = exact - Enclosure.of(got), Enclosure.of(tolerance)
    apart = (difference - bound).low > 0 or (difference + bound).high < 0
    return Judgement(
        quantity=quantity,
        place=place,
        enclosed=exact,
        got=got,
        tolerance=tolerance,
        verdict="fail" if apart else "pass",
    )
