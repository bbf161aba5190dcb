"""Series: what a port computes step by step, beside what its convention says."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from asgd.spec import EquationName

from ..laws.equations import LAWS
from ..laws.outcome import Failure, Subject
from ..oracle.judgement import Judgement, Quantity
from ..oracle.one_number import true_step_size
from ..oracle.stepwise import judge
from ..ports.protocol import RaisedError
from ..ports.scenario import Scenario, Step
from .impulse_response import telling
from .weights import Weights, averaging_weights

ALL: frozenset[str] = frozenset({"eta", "theta", "mu", "average"})

# A picture shows a few dozen steps; scenarios of more numbers are left to the laws.
_STEPS, _NUMBERS = 64, 4096
# Steps of the ladder: those that lead to the first wrong number, and its own.
_RUNGS = 4


@dataclass(frozen=True)
class StepSizes:
    """Step sizes at steps 1, 2, ... that impulses show, and the true ones."""

    hyper: str
    expected: tuple[float, ...]
    got: tuple[float, ...]


@dataclass(frozen=True)
class Share:
    """Largest error of a quantity at a step, as a share of the tolerance."""

    step: int
    quantity: Quantity
    share: float


@dataclass(frozen=True)
class Rung:
    """One number on the way to the first wrong one: inputs, exact value, and what was got."""

    step: int
    quantity: Quantity
    gradient: float | None
    before: float | None
    expected: float
    got: float
    share: float


@dataclass(frozen=True)
class Series:
    """What pictures are made of.

    Attributes
    ----------
    step_sizes, weights : optional
        What impulses show; None where the port does not show it.
    scenario : str
        Whose errors are shown: the fault's id, or the law's name.
    shares : tuple of Share
        Largest error at each step.
    ladders : tuple
        For each deviation, the numbers that lead to the first wrong one.
    """

    step_sizes: StepSizes | None
    weights: Weights | None
    scenario: str
    shares: tuple[Share, ...]
    ladders: tuple[tuple[Rung, ...], ...]


_T = TypeVar("_T")


def series(subject: Subject, failures: Sequence[tuple[str, EquationName, Failure]]) -> Series:
    """What pictures of a port are made of.

    Parameters
    ----------
    subject : Subject
        The port.
    failures : sequence of (id, equation, Failure)
        What deviates; the first is shown.
    """
    broken = {equation: failure for _, equation, failure in reversed(failures)}
    ordinary = max(LAWS["step"].designed(subject.hello.supports), key=lambda s: s.steps)
    scenario, found = "step", _unless_raised(lambda: _judged(subject, ordinary)) or []
    if failures and all(one.verdict != "fail" for one in found):
        ident, _, first = failures[0]
        other = _unless_raised(lambda: _judged(subject, first.scenario)) or []
        if any(one.verdict == "fail" for one in other):
            scenario, found = ident, other
    return Series(
        _unless_raised(lambda: _step_sizes(subject, broken)),
        _unless_raised(lambda: _weights(subject, broken)),
        scenario,
        tuple(_shares(found)),
        tuple(
            _unless_raised(lambda f=failure: _ladder(subject, f)) or ()  # type: ignore[misc]
            for _, _, failure in failures
        ),
    )


def _unless_raised(make: Callable[[], _T]) -> _T | None:
    """A series; None where the port raises in its scenario."""
    try:
        return make()
    except RaisedError:
        return None


def _is_small(scenario: Scenario) -> bool:
    steps = scenario.steps
    return steps <= _STEPS and steps * sum(map(len, scenario.params)) <= _NUMBERS


def _judged(subject: Subject, scenario: Scenario) -> list[Judgement]:
    if not _is_small(scenario):
        return []
    return [*judge(scenario, subject.trace(scenario), subject.rule, ALL)]


def _shares(judgements: Sequence[Judgement]) -> Iterator[Share]:
    largest: dict[tuple[int, Quantity], float] = {}
    for one in judgements:
        key = (one.call, one.quantity)
        largest[key] = max(largest.get(key, 0.0), one.error_bounds)
    for (step, quantity), share in largest.items():
        yield Share(step, quantity, share)


def _step_sizes(subject: Subject, broken: Mapping[EquationName, Failure]) -> StepSizes | None:
    scenario = telling(subject, "step_size", 0, broken)
    if len(scenario.groups) != 1 or len(scenario.params[0]) < scenario.steps:
        return None
    trace = subject.trace(scenario)
    hyper = scenario.groups[0].hyper
    clocks = [t - subject.convention.eta_lag for t in range(1, len(trace) + 1)]
    return StepSizes(
        f"lr={hyper.lr}, lambd={hyper.lambd}, alpha={hyper.alpha}",
        tuple(true_step_size(t, hyper) for t in clocks),
        tuple(-seen.theta[0][t] for t, seen in enumerate(trace)),
    )


def _weights(subject: Subject, broken: Mapping[EquationName, Failure]) -> Weights | None:
    found = averaging_weights(subject, broken)
    return found if found is not None and found.expected else None


def _ladder(subject: Subject, failure: Failure) -> tuple[Rung, ...]:
    """The numbers of one element in the steps that lead to the first wrong one."""
    scenario, last = failure.scenario, failure.judgement
    if failure.raised or not _is_small(scenario) or last.parameter >= len(scenario.params):
        return ()
    trace = subject.trace(scenario)
    i, j = last.parameter, last.element
    steps = [event for event in scenario.events if isinstance(event, Step)]
    rungs = []
    for one in judge(scenario, trace, subject.rule, ALL):
        place = (one.parameter, one.element)
        shared = one.quantity in {"eta", "mu"} and one.parameter == i
        if not (shared or place == (i, j)) or not last.call - _RUNGS < one.call <= last.call:
            continue
        grads = steps[one.call - 1].grads[i]
        # A group that has just joined was not seen before.
        last_seen = trace[one.call - 2] if one.call > 1 else None
        there = last_seen is not None and i < len(last_seen.theta)
        before: float | None = None
        if one.quantity == "theta":
            before = last_seen.theta[i][j] if last_seen and there else scenario.params[i][j]
        elif one.quantity == "average" and last_seen and there:
            average = last_seen.average[i]
            before = None if average is None else average[j]
        gradient = grads[j] if grads is not None and one.quantity == "theta" else None
        rungs.append(_rung(one, gradient, before))
    first = (last.call, last.quantity)
    if first not in {(rung.step, rung.quantity) for rung in rungs}:
        rungs.append(_rung(last, None, None))
    # What follows the first wrong number in its own step says nothing more.
    at = next(k for k, rung in enumerate(rungs) if (rung.step, rung.quantity) == first)
    return tuple(rungs[: at + 1])


def _rung(one: Judgement, gradient: float | None, before: float | None) -> Rung:
    low, high = one.exact.bounds()
    expected = _float((low + high) / 2) if one.wanted is None else one.wanted
    return Rung(one.call, one.quantity, gradient, before, expected, one.got, one.error_bounds)


def _float(x: Fraction) -> float:
    try:
        return float(x)
    except OverflowError:
        return math.copysign(math.inf, x)
