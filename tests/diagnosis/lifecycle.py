"""Classify lifecycle failures when the evidence identifies one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asgd.spec import POLICIES

from ..faults.agreement import Table
from ..faults.catalogue import PRECISION
from ..faults.variant import Variant
from ..laws.equations import LAWS
from ..laws.law import LawName, worst
from ..laws.long_run import counts_otherwise
from ..laws.metamorphic import copied, resumed
from ..laws.outcome import Failure, Subject
from ..oracle.lifecycle import replays_equal
from ..oracle.stepwise import judge
from ..ports.capabilities import capabilities
from ..ports.layouts import PLAIN
from ..ports.protocol import Observation, RaisedError, asking
from ..ports.scenario import Add, Group, PausedScenario, Scenario, Step, begin, play, rest_of
from ..scenarios.lifecycle import paused
from ..scenarios.strong import STRONG
from .match import made
from .nonfinite import hides_nonfinite

_NAMES = {
    "sizes": "size-dependent",
    "layouts": "layout-dependent",
    "added": "added-group-wrong",
    "repeat": "not-repeatable",
    "twins": "state-shared",
    "gradients": "gradient-modified",
    "refusal": "bad-input-accepted",
}
# Steps in which a counter of 7, 8, 15 or 16 bits begins anew, or one in float16 stands still; a
# convention may see it one step later, or two.
_WIDTHS = frozenset(2**bits + late for bits in (7, 8, 11, 15, 16) for late in (0, 1, 2))
# A number kept in half precision differs from what it was by less than this share.
_SHARE = 2.0**-6
# A few roundings in float64 change a number by a smaller share than this, and a cast to float32
# nearly always by a larger one.
_FEW_ULPS = 2.0**-40
_UNKNOWN = "unknown"
_PAUSE = 3
_BOTH = frozenset({"theta", "average"})


def lifecycle_fault(law: LawName, failure: Failure, subject: Subject) -> str:
    """Id of what broke a law of the lifecycle, or "unknown".

    Parameters
    ----------
    law : str
        Name of the law.
    failure : Failure
        Where it shows.
    subject : Subject
        The port, under the policy by which it was judged.
    """
    scenario = failure.scenario
    if law == "resume":
        return _resumed(failure, subject)
    if law == "repeat" and isinstance(scenario, PausedScenario) and scenario.unread:
        return "depends-on-reading"
    if not failure.raised and _fails_without(law, failure.scenario, subject):
        return _UNKNOWN
    special = {
        "counter-wraps": law == "long"
        and failure.judgement.t in _WIDTHS
        and counts_otherwise(failure, subject),
        "shape-dependent": law == "layouts" and _plain_in_memory(failure.scenario),
        "nonfinite-hidden": law in {"special", "window"} and hides_nonfinite(failure),
    }
    return next((name for name, fits in special.items() if fits), _NAMES.get(law, _UNKNOWN))


def _plain_in_memory(scenario: Scenario) -> bool:
    return all(layout[1:] == (PLAIN, PLAIN) for layout in scenario.layouts)


def _fails_without(law: LawName, scenario: Scenario, subject: Subject) -> bool:
    """Whether it is not what the law is about that is wrong.

    The same fails without the layouts, or without the group that joins late; or no parameter fails
    alone, whatever its size.
    """
    if law == "layouts":
        return _fails(replace(scenario, layouts=()), subject)
    if law == "sizes" and len(scenario.groups) == 1 < len(scenario.params):
        return not any(_fails(alone, subject) for alone in _alone(scenario))
    if law != "added":
        return False
    joined = [k for k, event in enumerate(scenario.events) if isinstance(event, Add)]
    if not joined:
        return False
    later = replace(scenario, events=scenario.events[joined[-1] + 1 :])
    return _fails(later, subject) or _fails(_first_ones(scenario), subject)


def _first_ones(scenario: Scenario) -> Scenario:
    """The scenario without the groups that join, which are its last ones."""
    adds = {event.group for event in scenario.events if isinstance(event, Add)}
    groups = scenario.groups[: min(adds)]
    count = sum(len(group.params) for group in groups)
    events = [
        Step(event.grads[:count]) if isinstance(event, Step) else event
        for event in scenario.events
        if isinstance(event, Step) or event.group not in adds
    ]
    return Scenario(groups, tuple(events), layouts=scenario.layouts[:count])


def _alone(scenario: Scenario) -> Iterator[Scenario]:
    """Split a scenario of one group into one scenario for each parameter."""
    [group] = scenario.groups
    for i, theta in enumerate(group.params):
        events = (
            Step(event.grads[i : i + 1]) if isinstance(event, Step) else event
            for event in scenario.events
        )
        yield Scenario((replace(group, params=(theta,)),), tuple(events))


def _fails(scenario: Scenario, subject: Subject) -> bool:
    try:
        trace = subject.trace(scenario)
    except RaisedError:
        return False
    return worst(LAWS["step"].check(scenario, trace, subject.rule))[0] is not None


def _resumed(failure: Failure, subject: Subject) -> str:
    """What was lost on the way through save and load, in every run that shows a loss."""
    # Interrupted once: what a second load makes of a loss says nothing of its kind.
    designed = [
        run
        for run in paused(subject.hello.supports)
        if isinstance(run, PausedScenario) and run.earlier is None and not run.used
    ]
    # With t0 = 0 the average matters at every step, so that its loss and the count's differ.
    designed += [_at_once(run) for run in designed]
    scenario = failure.scenario
    assert isinstance(scenario, PausedScenario)
    if _is_aliased(subject, scenario):
        return "state-aliased"
    again = replace(subject, run=resumed)
    fresh = replace(scenario, earlier=None, used=False)
    if scenario.used and _is_replayed(again, fresh):
        return "state-not-replaced"
    possible = None
    for run in (fresh, *designed):
        try:
            trace = again.trace(run)
        except RaisedError:
            continue  # what raises is another fault
        if all(j.verdict == "pass" for j in replays_equal(run, trace, subject.rule)):
            continue
        lost = set(_losses(run, trace, subject))
        possible = lost if possible is None else possible & lost
    name = next((name for name in _LOSSES if name in (possible or ())), _UNKNOWN)
    recast = name == "state-rounded" and subject.dtype == "float64"
    return (_recast_factor(subject) if recast else "") or name


def _is_replayed(subject: Subject, scenario: Scenario) -> bool:
    trace = subject.trace(scenario)
    return all(j.verdict == "pass" for j in replays_equal(scenario, trace, subject.rule))


def is_right_after_load(failure: Failure, subject: Subject) -> bool:
    """Whether what follows a load is right in itself, so that what came before was not."""
    scenario = failure.scenario
    assert isinstance(scenario, PausedScenario)
    run = replace(scenario, earlier=None, used=False)
    trace = replace(subject, run=resumed).trace(run)
    first, second = trace[: run.steps], trace[run.steps :]
    begun = len(first) - len(second)
    rest = rest_of(run, run.pause, first[begun - 1].theta if begun else ())
    averages = first[begun - 1].average if begun else ()
    starts = [*averages, *rest.params[len(averages) :]]
    counts = _counts(run, run.events[: run.pause])
    pairs = zip(counts, starts, rest.params, strict=True)
    return _true(rest, second, subject, [(t, p if a is None else a) for t, a, p in pairs])


def _at_once(run: PausedScenario) -> PausedScenario:
    groups = tuple(replace(group, hyper=group.hyper._replace(t0=0.0)) for group in run.groups)
    return replace(run, groups=groups)


# The first that explains everything is the one to be named.
_LOSSES = (
    *("parameters-detached", "eta-narrowed-at-load", "eta-widened-at-load"),
    *("count-lost", "state-lost", "averaging-count-lost", "average-lost", "state-rounded"),
)


def _losses(
    scenario: PausedScenario, trace: Sequence[Observation], subject: Subject
) -> Iterator[str]:
    """Names of what may have been lost in one run."""
    first, second = trace[: scenario.steps], trace[scenario.steps :]
    begun = len(first) - len(second)
    expected = first[begun:]
    rest = rest_of(scenario, scenario.pause, first[begun - 1].theta if begun else ())
    # A group that joins later has its own values.
    theta = rest.params
    counts = _counts(scenario, scenario.events[: scenario.pause])
    kept = first[begun - 1].average if begun else ()
    kept = (*kept, *theta[len(kept) :])
    averages = [a if a is not None else p for a, p in zip(kept, theta, strict=True)]
    joining = {event.group for event in rest.events if isinstance(event, Add)}
    there = sum(len(g.params) for i, g in enumerate(rest.groups) if i not in joining)
    still = all(seen.theta[:there] == theta[:there] for seen in second)
    if still and any(seen.theta[:there] != theta[:there] for seen in expected):
        yield "parameters-detached"
    if _near(expected, second):
        starts = list(zip(counts, averages, strict=True))
        yield from _recast(expected, second, rest, starts, subject)
    # Where what follows a load is right with nothing lost, the count says nothing.
    if not _true(rest, second, subject, list(zip(counts, averages, strict=True))):
        if _true(rest, second, subject, [(0, p) for p in theta]):
            yield "state-lost"
        if _true(rest, second, subject, [(0, a) for a in averages]):
            yield "count-lost"
    of_average = frozenset({"average"})
    right = _true(rest, second, subject, list(zip(counts, averages, strict=True)), of_average)
    if not right and all(a.theta == b.theta for a, b in zip(expected, second, strict=True)):
        # A count of terms starts afresh with that of steps, or at once where t0 has been reached.
        hypers = [group.hyper for group in rest.groups for _ in group.params]
        rule = subject.convention
        opened = [max(0.0, rule.read_t0(h.t0) + rule.mu_lag) for h in hypers]
        at_once = [int(min(t, first)) for t, first in zip(counts, opened, strict=True)]
        afresh = [0] * len(at_once)
        anew = (list(zip(start, averages, strict=True)) for start in (at_once, afresh))
        if any(_true(rest, second, subject, start, of_average) for start in anew):
            yield "averaging-count-lost"
        zeros = [tuple(0.0 for _ in p) for p in theta]
        begins = (theta, zeros, scenario.params)
        if any(_true(rest, second, subject, list(zip(counts, s, strict=True))) for s in begins):
            yield "average-lost"
    if _near(expected, second):
        yield "state-rounded"


def interruption(failure: Failure, subject: Subject) -> tuple[Scenario, Any] | None:
    """What a program is opened with after an interruption, and the state that it then loads.

    None for other ports, whose state need not be JSON.
    """
    scenario = failure.scenario
    port, dtype = subject.port, subject.dtype
    if not capabilities(port).json_state or not isinstance(scenario, PausedScenario):
        return None
    begin(port, scenario, dtype)
    seen = play(port, scenario, scenario.events[: scenario.pause], dtype)
    theta = seen[-1].theta if seen else scenario.params
    with asking("save"):
        state = port.save()
    return rest_of(scenario, scenario.pause, theta), state


def _is_aliased(subject: Subject, scenario: Scenario) -> bool:
    if capabilities(subject.port).copies_state:
        return False
    return _is_replayed(replace(subject, run=copied), scenario)


def _recast(
    expected: Sequence[Observation],
    second: Sequence[Observation],
    rest: Scenario,
    starts: Sequence[tuple[int, Sequence[float]]],
    subject: Subject,
) -> Iterator[str]:
    """Whether eta or mu has another precision after a load: as it is shown, else as it acts."""
    pairs = [
        (x, y)
        for one, other in zip(expected, second, strict=True)
        for x, y in zip((*one.eta, *one.mu), (*other.eta, *other.mu), strict=True)
        if x is not None and y is not None and x != y
    ]
    if pairs:
        if _narrows(pairs):
            yield "eta-narrowed-at-load"
        if _narrows([(y, x) for x, y in pairs]):
            yield "eta-widened-at-load"
        return
    exact = replace(subject, policy=POLICIES["native"])
    if subject.dtype == "float64" and subject.policy != exact.policy:
        before = _true(rest, expected, exact, starts)
        after = _true(rest, second, exact, starts)
        if before != after:
            yield "eta-narrowed-at-load" if before else "eta-widened-at-load"


def _narrows(pairs: Sequence[tuple[float, float]]) -> bool:
    """Whether each second number is the first one cast to float32, and not merely near it."""
    lost = max((abs(x - y) / abs(x) for x, y in pairs if x), default=0.0)
    return lost > _FEW_ULPS and all(float(np.float32(x)) == y for x, y in pairs)


def _recast_factor(subject: Subject) -> str:
    """Whether 1 - lambd eta has another precision after a load, with an eta of the same value."""
    # Without gradients, and where lambd eta is small, what eta may lose hides nothing.
    group = Group(STRONG._replace(lambd=1e-3, weight_decay=0.0), ((1.0, -0.75, 3.0),))
    run = PausedScenario((group,), (Step(((0.0, 0.0, 0.0),)),) * 8, _PAUSE)
    trace = replace(subject, run=resumed).trace(run)
    rest = rest_of(run, _PAUSE, trace[_PAUSE - 1].theta)
    halves = trace[_PAUSE : run.steps], trace[run.steps :]
    was, became = (_is_narrow(rest, half, [_PAUSE], subject) for half in halves)
    if {was, became} != {True, False}:
        return ""
    return "eta-widened-at-load" if was else "eta-narrowed-at-load"


def _is_narrow(
    scenario: Scenario, trace: Sequence[Observation], counts: Sequence[int], subject: Subject
) -> bool | None:
    """Whether theta shows a factor of float32; None where neither precision explains it."""
    table = Table(subject.dtype, [(scenario, trace)], counts)
    base = Variant.of(subject.convention)
    for narrow in (False, True):
        names = ("eta-float32-computed", "decay-float32-computed")[: 1 + narrow]
        variant = made(base, [(name, PRECISION[name][0]) for name in names])
        if table.expected_theta(variant).agrees.all():
            return narrow
    return None


def _counts(scenario: Scenario, events: Sequence[Any]) -> list[int]:
    """Steps of each parameter in ``events``."""
    steps = [event for event in events if isinstance(event, Step)]
    return [
        sum(s.grads[i : i + 1] not in {(), (None,)} for s in steps)
        for i in range(len(scenario.params))
    ]


def _true(
    scenario: Scenario,
    trace: Sequence[Observation],
    subject: Subject,
    start: Sequence[tuple[int, Sequence[float]]],
    quantities: frozenset[str] = _BOTH,
) -> bool:
    """Whether a run is right that begins with these counts and averages."""
    judged = list(judge(scenario, trace, subject.rule, quantities, start))
    return bool(judged) and all(judgement.verdict == "pass" for judgement in judged)


def _near(one: Sequence[Observation], other: Sequence[Observation]) -> bool:
    """Whether two runs differ by no more than a rounding of the state."""
    for a, b in zip(one, other, strict=True):
        rows = [*zip(a.theta, b.theta, strict=True), *zip(a.average, b.average, strict=True)]
        for x, y in rows:
            if x is None or y is None:
                if x is not y:
                    return False
                continue
            scale = max(map(abs, x), default=0.0)
            if any(abs(p - q) > _SHARE * scale for p, q in zip(x, y, strict=True)):
                return False
    return True
