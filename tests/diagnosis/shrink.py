"""Make a failing scenario as small as it can be: fewest steps, parameters, elements and digits.

The equations are elementwise and parameters are independent, so nearly everything around the first
wrong number can go. Each attempt runs the port; what no longer fails is put back.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from asgd.spec import EquationName

from ..laws.outcome import Failure, Subject
from ..oracle.stepwise import judge
from ..ports.scenario import Event, Group, Scenario, Step, Vector
from .evidence import Shows

_ATTEMPTS = 120


_SHOWS = {
    "gradient": ({"theta"},),
    "step_size": ({"theta"}, {"eta"}),
    "descend": ({"theta"},),
    "averaging_weight": ({"average"}, {"mu"}),
    "average": ({"average"},),
    "step": ({"theta"}, {"average"}, {"eta"}, {"mu"}),
}
"""Quantities that show a broken equation, the plainest first."""


def shrink(
    failure: Failure, subject: Subject, equation: EquationName = "step", shows: Shows | None = None
) -> Failure:
    """Simplest failure found near ``failure``, in a quantity that shows the equation.

    Parameters
    ----------
    failure : Failure
        Where to begin.
    subject : Subject
        The port.
    equation : str
        Name of the equation that is broken.
    shows : callable, optional
        Whether a failure is one of the fault that is to be shown; all are by default.
    """
    best = None
    for quantities in _SHOWS[equation]:
        best = _attempt(failure.scenario, subject, frozenset(quantities), shows)
        if best is not None:
            break
    if best is None:
        return failure  # it shows only where its scalar is measured
    left = _ATTEMPTS
    improved = True
    while improved and left > 0:
        improved = False
        for smaller in _smaller(best):
            left -= 1
            found = None
            if left >= 0:
                found = _attempt(smaller, subject, frozenset(quantities), shows)
            if found is not None:
                best, improved = found, True
                break
    return best


def _attempt(
    scenario: Scenario, subject: Subject, quantities: frozenset[str], shows: Shows | None
) -> Failure | None:
    trace = subject.trace(scenario)
    for judgement in judge(scenario, trace, subject.rule, quantities):
        if judgement.verdict == "fail" and (shows is None or shows(judgement, scenario, trace)):
            return Failure(judgement, scenario)
    return None


def _smaller(failure: Failure) -> Iterator[Scenario]:
    """Simpler scenarios, the boldest simplification first."""
    scenario, judgement = failure.scenario, failure.judgement
    yield from _cut_after(scenario, judgement.call)
    yield from _keep_parameter(scenario, judgement.parameter)
    yield from _keep_element(scenario, judgement.parameter, judgement.element)
    for i in range(len(scenario.events)):
        if len(scenario.events) > 1:
            yield replace(scenario, events=scenario.events[:i] + scenario.events[i + 1 :])
    yield from _plainer_hyper(scenario)
    yield from _plainer_values(scenario)


def _cut_after(scenario: Scenario, call: int) -> Iterator[Scenario]:
    seen = 0
    for i, event in enumerate(scenario.events):
        seen += isinstance(event, Step)
        if seen == call and i + 1 < len(scenario.events):
            yield replace(scenario, events=scenario.events[: i + 1])


def _map(scenario: Scenario, change: Callable[[int, Vector], Vector | None]) -> Scenario:
    """Scenario with each vector of each parameter changed; a parameter changed to None goes."""
    groups, index = [], 0
    for group in scenario.groups:
        params = []
        for vector in group.params:
            changed = change(index, vector)
            if changed is not None:
                params.append(changed)
            index += 1
        groups.append(Group(group.hyper, tuple(params)))
    events: list[Event] = []
    for event in scenario.events:
        if not isinstance(event, Step):
            events.append(event)
            continue
        kept = []
        for i, (grad, vector) in enumerate(zip(event.grads, scenario.params, strict=True)):
            if change(i, vector) is not None:
                kept.append(None if grad is None else change(i, grad))
        events.append(Step(tuple(kept)))
    return Scenario(tuple(groups), tuple(events))


def _keep_parameter(scenario: Scenario, parameter: int) -> Iterator[Scenario]:
    if len(scenario.groups) == 1 and len(scenario.params) > 1:
        yield _map(scenario, lambda i, v: v if i == parameter else None)


def _keep_element(scenario: Scenario, parameter: int, element: int) -> Iterator[Scenario]:
    if len(scenario.params[parameter]) > 1:
        yield _slice(scenario, parameter, slice(element, element + 1))
        for part in (slice(0, element + 1), slice(element, None)):
            if len(scenario.params[parameter][part]) < len(scenario.params[parameter]):
                yield _slice(scenario, parameter, part)


def _slice(scenario: Scenario, parameter: int, part: slice) -> Scenario:
    return _map(scenario, lambda i, v: v[part] if i == parameter else v)


def _plainer_hyper(scenario: Scenario) -> Iterator[Scenario]:
    plain = {"weight_decay": 0.0, "alpha": 1.0, "lambd": 1.0, "lr": 1.0, "t0": 0.0}
    for i, group in enumerate(scenario.groups):
        for name, value in plain.items():
            now = getattr(group.hyper, name)
            for candidate in (value, float(round(now)), float(f"{now:.1e}")):
                if _digits(candidate) < _digits(now):
                    changes: dict[str, float] = {name: candidate}
                    hyper = group.hyper._replace(**changes)  # type: ignore[arg-type]
                    groups = list(scenario.groups)
                    groups[i] = Group(hyper, group.params)
                    yield replace(scenario, groups=tuple(groups))


def _plainer_values(scenario: Scenario) -> Iterator[Scenario]:
    simplest: tuple[Callable[[float], float], ...] = (
        lambda _: 0.0,
        lambda _: 1.0,
        lambda x: float(round(x)) if math.isfinite(x) else 0.0,
    )
    for simple in simplest:
        for i, event in enumerate(scenario.events):
            if isinstance(event, Step):
                grads = tuple(
                    None if g is None else tuple(_plainer(x, simple(x)) for x in g)
                    for g in event.grads
                )
                if grads != event.grads:
                    events = (*scenario.events[:i], Step(grads), *scenario.events[i + 1 :])
                    yield replace(scenario, events=events)
        groups = tuple(
            Group(g.hyper, tuple(tuple(_plainer(x, simple(x)) for x in p) for p in g.params))
            for g in scenario.groups
        )
        if groups != scenario.groups:
            yield replace(scenario, groups=groups)


def _plainer(x: float, candidate: float) -> float:
    # Only small integers: both dtypes hold them, as they hold what strategies draw.
    fits = candidate.is_integer() and abs(candidate) < 2**20
    return candidate if fits and _digits(candidate) < _digits(x) else x


def _digits(x: float) -> int:
    """How much there is to read in a number."""
    return int(x) if x in {0.0, 1.0} else len(repr(x))
