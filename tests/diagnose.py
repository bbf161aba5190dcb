"""Diagnosis: which known rule a port computes, from the traces of the designed scenarios.

Every rule, a convention with up to two faults, is asked for each step that the port took, from the
port's own theta and average before it. Theta's parts are matched first, then the average's, given
the thetas that the port had: so the number of rules to try is a sum, not a product.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from asgd.reference import formats
from asgd.spec import Convention

from .faults import CHANGES, combine
from .port import Observation
from .running import Running
from .scenario import Scenario, Step
from .variants import Moment, Variant
from .walk import Walk

THETA_PARTS = {"eta_lag", "stored", "clock", "source", "size", "total", "update", "after"}
THETA_PARTS |= {"eta_clock", "skips"}
"""Parts of a variant that theta depends on."""

AVERAGE_PARTS = {"mu_lag", "stored", "clock", "source", "weight", "mean", "skips"}
AVERAGE_PARTS |= {"start_at_zero"}
"""Parts of a variant that the average depends on, theta being what it is."""

_FLOAT32 = formats["float32"].u


@dataclass(frozen=True)
class Traces:
    """What is known of a port in one dtype: designed scenarios and what was seen in them."""

    dtype: str
    runs: tuple[tuple[Scenario, Sequence[Observation]], ...]


@dataclass(frozen=True)
class Explanation:
    """A rule that agrees with everything seen of a port.

    Attributes
    ----------
    convention : Convention
        What it is a variant of.
    faults : tuple of str
        Ids of its faults, the fewest that explain the port.
    stored : tuple of str
        Ids of the faults of precision that had to be granted: eta or mu in float32.
    """

    convention: Convention
    faults: tuple[str, ...]
    stored: tuple[str, ...] = ()


def explain(traces: Traces, conventions: Sequence[Convention]) -> list[Explanation]:
    """Simplest explanations of a port; several where they cannot be told apart, none if unknown.

    Parameters
    ----------
    traces : Traces
        What was seen of the port.
    conventions : sequence of Convention
        What it may be a variant of.
    """
    u = formats[traces.dtype].u
    grants = [(u, u)]
    if u < _FLOAT32:
        grants += [(_FLOAT32, u), (u, _FLOAT32), (_FLOAT32, _FLOAT32)]
    for eta_u, mu_u in grants:
        stored = ("eta-float32-stored",) * (eta_u > u) + ("mu-float32-stored",) * (mu_u > u)
        found = list(_explain(traces, conventions, eta_u, mu_u))
        if found:
            fewest = min(len(e.faults) for e in found)
            simple = [e for e in found if len(e.faults) == fewest]
            return [Explanation(e.convention, e.faults, stored) for e in simple]
    return []


def _explain(
    traces: Traces, conventions: Sequence[Convention], eta_u: float, mu_u: float
) -> Iterator[Explanation]:
    thetas: dict[tuple[int, bool], list[tuple[str, ...]]] = {}
    for convention in conventions:
        base = Variant.of(convention)
        key = (base.eta_lag, base.stored)
        if key not in thetas:
            thetas[key] = matching(base, THETA_PARTS, traces, eta_u, theta=True)
    for convention in conventions:
        base = Variant.of(convention)
        of_theta = thetas[base.eta_lag, base.stored]
        if not of_theta:
            continue
        of_average = matching(base, AVERAGE_PARTS, traces, mu_u, theta=False)
        seen = set()
        for one, other in product(of_theta, of_average):
            faults = tuple(dict.fromkeys(one + other))
            variant = combine(base, *faults)
            if variant is None or frozenset(faults) in seen:
                continue
            seen.add(frozenset(faults))
            # A fault found in one part may change the other too, and must agree there as well.
            if all(
                _agrees_in_theta(variant, *run, traces.dtype, eta_u)
                and _agrees_in_average(variant, *run, traces.dtype, mu_u)
                for run in traces.runs
            ):
                yield Explanation(convention, faults)


def touching(base: Variant, parts: set[str]) -> list[str]:
    """Faults that change one of ``parts``."""
    return [ident for ident, change in CHANGES.items() if parts & set(change(base))]


def matching(
    base: Variant, parts: set[str], traces: Traces, scalar_u: float, *, theta: bool
) -> list[tuple[str, ...]]:
    """Smallest sets of faults (none, one, or two) with which ``base`` agrees with the traces."""
    ids = touching(base, parts)
    agrees = _agrees_in_theta if theta else _agrees_in_average
    for size in range(3):
        found = []
        for chosen in combinations(ids, size):
            variant = combine(base, *chosen)
            if variant is not None and all(
                agrees(variant, scenario, trace, traces.dtype, scalar_u)
                for scenario, trace in traces.runs
            ):
                found.append(chosen)
        if found:
            return found
    return []


def moments(
    scenario: Scenario, trace: Sequence[Observation], u: float, *, skips: bool
) -> Iterator[tuple[Moment | None, int, Sequence[float] | None, int]]:
    """Moment, parameter, gradient and call of each step; no moment where nothing is to happen."""
    walk = Walk(scenario, lambda x: Running(x, abs(x) * u, u))
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


def _agrees_in_theta(
    variant: Variant, scenario: Scenario, trace: Sequence[Observation], dtype: str, scalar_u: float
) -> bool:
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


def _agrees_in_average(
    variant: Variant, scenario: Scenario, trace: Sequence[Observation], dtype: str, scalar_u: float
) -> bool:
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
