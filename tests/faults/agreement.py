"""Whether one rule agrees with a trace, step by step."""

import math
from collections.abc import Iterator, Sequence

from asgd.reference import formats

from ..ports.protocol import Observation
from ..ports.scenario import Scenario, Step
from .moments import Moments
from .running_error import Running
from .variant import Moment, Variant


def moments(
    scenario: Scenario, trace: Sequence[Observation], u: float, *, skips: bool
) -> Iterator[tuple[Moment | None, int, Sequence[float] | None, int]]:
    """Moment, parameter, gradient and call of each step; no moment where nothing is to happen."""
    walk = Moments(scenario.groups, lambda x: Running(x, abs(x) * u, u))
    calls = iter(range(len(trace)))
    for event in scenario.events:
        if not isinstance(event, Step):
            walk.set(event)
            continue
        call = next(calls)
        present = walk.moments([grad is not None for grad in event.grads])
        for i, (moment, grad) in enumerate(zip(present, event.grads, strict=True)):
            there = walk.absent(i) if moment is None and not skips else moment
            yield there, i, grad, call


def agrees_in_theta(
    variant: Variant, scenario: Scenario, trace: Sequence[Observation], dtype: str, scalar_u: float
) -> bool:
    """Whether a variant gives every theta (and eta) of a trace, within its running error."""
    u, tiny = formats[dtype].u, formats[dtype].tiny
    before = list(scenario.params)
    for moment, i, grad, call in moments(scenario, trace, u, skips=variant.skips):
        seen = trace[call]
        old, new = before[i], seen.theta[i]
        before[i] = new
        if moment is None:
            if not _same(old, new):
                return False
            continue
        etas = [_coarse(variant.eta(moment), scalar_u)]
        if variant.starts(moment):  # lr, stored when the state is made, or the formula at t = 0
            etas.append(_coarse(variant.source(moment).lr * 1.0, scalar_u))
        shown = seen.eta[i]
        if shown is not None and grad is not None and not any(e.near(shown, tiny) for e in etas):
            return False
        pairs = list(zip(old, grad or (0.0,) * len(old), new, strict=True))
        if not any(updates(variant, moment, eta, pairs, u, tiny) for eta in etas):
            return False
    return True


def updates(
    variant: Variant,
    moment: Moment,
    eta: Running,
    pairs: Sequence[tuple[float, float, float]],
    u: float,
    tiny: float,
) -> bool:
    """Whether every element's update is the variant's: theta and gradient before, theta after."""
    for theta, grad, got in pairs:
        moment.theta, moment.grad = Running(theta, 0.0, u), Running(grad, 0.0, u)
        if not _number(variant.theta(moment, eta), u).near(got, tiny):
            return False
    return True


def agrees_in_average(
    variant: Variant, scenario: Scenario, trace: Sequence[Observation], dtype: str, scalar_u: float
) -> bool:
    """Whether a variant gives every average of a trace, within its running error."""
    u, tiny = formats[dtype].u, formats[dtype].tiny
    start = scenario.params
    zero = variant.start_at_zero
    before: list[Sequence[float] | None] = [tuple(0.0 for _ in p) if zero else p for p in start]
    thetas = list(start)
    for moment, i, _, call in moments(scenario, trace, u, skips=variant.skips):
        seen = trace[call]
        shown, old, previous = seen.average[i], before[i], thetas[i]
        thetas[i] = seen.theta[i]
        if shown is None or old is None:
            # What is not shown has no step to be compared with, and the next has nothing before.
            before[i] = shown
            continue
        if moment is None:
            # Before a parameter's first step, what its average starts as is there to be seen.
            if not _same(old, shown):
                return False
            before[i] = shown
            continue
        for j, got in enumerate(shown):
            moment.theta = Running(previous[j], 0.0, u)
            moment.average = Running(old[j], 0.0, u)
            moment.start = Running(start[i][j], 0.0, u)
            expected = variant.average(moment, Running(seen.theta[i][j], 0.0, u))
            if expected is None:
                continue
            number = _number(expected, u)
            sizes = (number.value, seen.theta[i][j], old[j])
            spread = sum(abs(x) for x in sizes if math.isfinite(x))
            widened = Running(number.value, number.error + 8 * scalar_u * spread, u)
            if not widened.near(got, tiny):
                return False
        before[i] = shown
    return True


def _same(old: Sequence[float], new: Sequence[float]) -> bool:
    return all(x == y or x != x for x, y in zip(old, new, strict=True))  # noqa: PLR0124 - nan


def _coarse(eta: Running, scalar_u: float) -> Running:
    number = _number(eta, eta.u)
    return Running(number.value, number.error + 8 * scalar_u * abs(number.value), number.u)


def _number(x: Running | float, u: float) -> Running:
    return x if isinstance(x, Running) else Running(float(x), 0.0, u)
