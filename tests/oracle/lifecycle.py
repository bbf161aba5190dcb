"""What the laws of the lifecycle judge in a trace.

Sameness is judged to the bit; truth as everywhere, by the certified judge.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..ports.protocol import Observation
from ..ports.scenario import Group, Scenario, Step, Vector
from .judgement import Judgement, Place, Quantity, equal
from .stepwise import Rule, judge

_ALL = frozenset({"eta", "theta", "mu", "average"})


def all_quantities(
    scenario: Scenario, trace: Sequence[Observation], rule: Rule
) -> Iterator[Judgement]:
    """Judge every number."""
    return judge(scenario, trace, rule, _ALL)


def replays_equal(
    scenario: Scenario,
    trace: Sequence[Observation],
    _rule: Rule,
) -> Iterator[Judgement]:
    """What comes after the first run must be its end once more."""
    first, second = trace[: scenario.steps], trace[scenario.steps :]
    start = len(first) - len(second)
    for call, (old, new) in enumerate(zip(first[start:], second, strict=True), start + 1):
        yield from _same(call, old, new)


def _same(call: int, old: Observation, new: Observation) -> Iterator[Judgement]:
    rows: tuple[tuple[Quantity, Any, Any], ...] = (
        ("theta", old.theta, new.theta),
        ("average", old.average, new.average),
    )
    for quantity, one, other in rows:
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            if a is not None:
                lost = (math.nan,) * len(a)
                yield from _all_equal(quantity, Place(call, call, i), a, lost if b is None else b)
    scalars: tuple[tuple[Quantity, Any, Any], ...] = (
        ("eta", old.eta, new.eta),
        ("mu", old.mu, new.mu),
    )
    for quantity, one, other in scalars:
        for i, (x, y) in enumerate(zip(one, other, strict=True)):
            # A port may know eta only after its first step.
            if x is not None and y is not None:
                yield equal(quantity, Place(call, call, i), x, y)


def _all_equal(
    quantity: Quantity, place: Place, old: Sequence[float], new: Sequence[float]
) -> Iterator[Judgement]:
    for j, (x, y) in enumerate(zip(old, new, strict=True)):
        yield equal(quantity, place._replace(element=j), x, y)


def columns(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
    """Judge one of all elements with the same history; a large array has few different ones."""
    small, seen, places = distinct_columns(scenario, trace)
    for judgement in judge(small, seen, rule, _ALL):
        if judgement.quantity in {"theta", "average"}:
            element = places[judgement.parameter][judgement.element]
            yield replace(judgement, place=judgement.place._replace(element=element))
        else:
            yield judgement


def special(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
    """Judge, and look where the numbers are not finite ("Non-finite numbers" in asgd.md)."""
    yield from judge(scenario, trace, rule, _ALL)
    hyper = scenario.groups[0].hyper
    before = scenario.params
    steps = [event for event in scenario.events if isinstance(event, Step)]
    for call, (event, seen) in enumerate(zip(steps, trace, strict=True), 1):
        for i, grad in enumerate(event.grads):
            if grad is None:
                continue
            average = seen.average[i]
            for j, (old, g, new) in enumerate(zip(before[i], grad, seen.theta[i], strict=True)):
                if math.isfinite(old) and math.isinf(g) and hyper.lr > 0:
                    sign = g if hyper.maximize else -g
                    yield equal("theta", Place(call, call, i, j), sign, new)
                # Before the window of every convention: t0 is beyond the last step. nan is what an
                # average that is computed there, not copied, makes of an infinity.
                mean = math.nan if average is None else average[j]
                if hyper.t0 > len(steps) and not (math.isfinite(new) or math.isnan(mean)):
                    yield equal("average", Place(call, call, i, j), new, mean)
        before = seen.theta


def gradients_unchanged(
    scenario: Scenario,
    trace: Sequence[Observation],
    _rule: Rule,
) -> Iterator[Judgement]:
    """The gradients, which stand in the place of theta, must be those that were given."""
    steps = [event for event in scenario.events if isinstance(event, Step)]
    for call, (event, seen) in enumerate(zip(steps, trace, strict=True), 1):
        for i, grad in enumerate(event.grads):
            assert grad is not None
            yield from _all_equal("gradient", Place(call, call, i), grad, seen.theta[i])


# Many elements, few histories.


def distinct_columns(
    scenario: Scenario, trace: Sequence[Observation]
) -> tuple[Scenario, list[Observation], list[list[int]]]:
    """The scenario and its trace with only one of all elements whose numbers are the same.

    Returns
    -------
    scenario, trace : Scenario, list of Observation
        Over the elements that are kept.
    places : list of lists of int
        For each parameter, where the kept elements stood.
    """
    steps = [event for event in scenario.events if isinstance(event, Step)]
    places: list[list[int]] = []
    for i, start in enumerate(scenario.params):
        if not start:
            places.append([])
            continue
        rows: list[Sequence[float]] = [start]
        for event, seen in zip(steps, trace, strict=True):
            rows += [r for r in (event.grads[i], seen.theta[i], seen.average[i]) if r is not None]
        columns = np.array(rows).T.copy()
        # One nan for all: nan has many bit patterns, and columns are compared bit by bit.
        columns[np.isnan(columns)] = np.nan
        bits = columns.view(np.dtype((np.void, columns.itemsize * len(rows)))).ravel()
        places.append(sorted(np.unique(bits, return_index=True)[1].tolist()))

    def kept(vectors: Sequence[Vector | None]) -> tuple[Any, ...]:
        return tuple(
            None if v is None else tuple(v[j] for j in place)
            for v, place in zip(vectors, places, strict=True)
        )

    params = iter(kept(scenario.params))
    groups = tuple(Group(g.hyper, tuple(next(params) for _ in g.params)) for g in scenario.groups)
    events = tuple(Step(kept(e.grads)) if isinstance(e, Step) else e for e in scenario.events)
    seen_ = [replace(s, theta=kept(s.theta), average=kept(s.average)) for s in trace]
    return Scenario(groups, events), seen_, places
