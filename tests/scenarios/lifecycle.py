"""Designed scenarios for the laws of the lifecycle."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from ..ports.scenario import Add, Event, Group, PausedScenario, Scenario, Set, Step, Vector, single
from . import together
from .arrays import arranged, taken
from .strong import OTHER, STRONG, THETA, tiled, wave

Supports = frozenset[str]


def watched(supports: Supports) -> list[Scenario]:
    """Each way that a term may take into the gradient: small, large, many and in each layout."""
    turns = (False, True) if "maximize" in supports else (False,)
    layouts = tuple(taken(supports))
    each = tuple(layout.size for layout in layouts)
    runs = []
    for lambd, decay, turned in product((0.5, 0.0), (0.25, 0.0), turns):
        hyper = STRONG._replace(lambd=lambd, weight_decay=decay, maximize=turned)
        for sizes in filter(None, ((3, 2), (400, 5003), (2,) * 130, each)):
            group = Group(hyper, tuple(tiled(THETA, size) for size in sizes))
            steps = (Step(tuple(tiled(wave(t, 5), size) for size in sizes)) for t in range(2))
            shapes = layouts if sizes is each else ()
            runs.append(Scenario((group,), tuple(steps), layouts=shapes))
    return runs


def plain(supports: Supports) -> list[Scenario]:
    """A few steps with decay, penalty and, where there is one, ascent."""
    hypers = [STRONG]
    if "maximize" in supports:
        hypers.append(STRONG._replace(maximize=True))
    return [single(hyper, (THETA,), tuple((wave(t, 3),) for t in range(3))) for hyper in hypers]


def windows(supports: Supports) -> list[Scenario]:
    """The averaging window crossed; parameters that skip, come late or never come; changes."""
    turns = (False, True) if "maximize" in supports else (False,)
    runs: list[Scenario] = [
        single(
            STRONG._replace(t0=t0, weight_decay=decay, maximize=maximize),
            (THETA,),
            tuple((wave(t, 3),) for t in range(6)),
        )
        for t0, decay, maximize in product((0.0, 1.0, 3.0, 2.5, math.inf), (0.0, 0.25), turns)
    ]
    if "skip" in supports:
        runs += [_skips(Group(STRONG, (THETA,) * 4)), _skips(Group(OTHER, (THETA,) * 4))]
    if {"skip", "groups"} <= supports:
        late = [
            Step((wave(t, 3), None if t < 3 else wave(t, 2))) for t in range(7)
        ]  # the second group comes late
        runs.append(Scenario((Group(STRONG, (THETA,)), Group(OTHER, ((2.0, -1.0),))), (*late,)))
    if "set" in supports:
        others = OTHER._replace(t0=5.0)._asdict()  # 1 would be past (E6)
        runs += [_changes(name, value, supports) for name, value in others.items()][:5]
        # The window closes for good; lr changes by millionths; and where lr is tiny.
        slightly = _changes("lr", 0.5 + 2.0**-19, supports)
        runs += [_changes("t0", math.inf, supports), slightly, _tiny_rates()]
        runs += [_slight_changes(), _two_at_once(), _moved_twice(5.0, 5.5)]
        runs.append(_moved_twice(math.inf, 6.0))
    if {"set", "skip"} <= supports:
        runs.append(_moved_while_resting())
    if "groups" in supports:
        runs += [*_groups_apart(supports), _many_groups(supports), _crowd(supports, 260, 2)]
    runs.append(_crowd(supports, 520, 1))
    # Without decay, an element without gradient may not move; nor may any where lr is 0.
    still = STRONG._replace(lambd=0.0, weight_decay=0.0)
    rows = tuple(((0.0, *wave(t, 2)) if t % 2 else (*wave(t, 2), 0.0),) for t in range(6))
    runs += [single(hyper, (THETA,), rows) for hyper in (still, STRONG._replace(lr=0.0))]
    # And a decay of eta by thousands.
    runs.append(single(STRONG._replace(lr=8.0, lambd=512.0), (THETA,), rows[:4]))
    # A t0 that no integer of 64 bits holds; a decay and a penalty that are small, but not 0; a
    # theta that has decayed for long.
    runs.append(single(STRONG._replace(t0=2.0**63 + 2.0**12), (THETA,), rows[:4]))
    runs.append(single(STRONG._replace(t0=1e30), (THETA,), rows[:4]))
    small = 2.0**-30
    runs += [
        single(still._replace(lambd=lambd, weight_decay=decay), (THETA,), rows[:4])
        for lambd, decay in ((small, 0.0), (0.0, small))
    ]
    waves = tuple((wave(t % 8, 3),) for t in range(60))
    runs.append(single(still._replace(lambd=0.5, alpha=0.0, t0=0.0), (THETA,), waves))
    return [*runs, *together.shared_keys(supports), training(supports)]


def training(supports: Supports) -> Scenario:
    """A run that looks like training, beyond what a count of 8 bits holds."""
    group = STRONG._replace(lr=0.125, lambd=2.0**-7, weight_decay=2.0**-6, t0=100.0)
    groups = [Group(group, (THETA[:2], THETA[1:]))]
    if "groups" in supports:
        other = group._replace(lr=0.0625, alpha=0.5, t0=20.0, weight_decay=0.0)
        groups.append(Group(other, (THETA[:2],)))
    shapes = [len(p) for group in groups for p in group.params]
    events: list[Event] = []
    for t in range(264):
        if "set" in supports and t in {60, 200}:
            events.append(Set(len(groups) - 1, {"lr": 0.09375 if t == 60 else 0.0625}))
        rests = "skip" in supports and t % 50 == 7
        grads = [_noise(t, i, n) for i, n in enumerate(shapes)]
        events.append(Step((*grads[:1], *(None if rests else grad for grad in grads[1:]))))
    return Scenario(tuple(groups), tuple(events))


def _noise(t: int, i: int, size: int) -> Vector:
    """Gradients that repeat only after hundreds of steps."""
    return tuple((((t + 5 * i) * 37 + 11 * j) % 101 - 50) / 32 for j in range(size))


def _skips(group: Group) -> Scenario:
    """Parameters that have every gradient; from step 3 on; none in the middle; none at all."""
    patterns = ((), (0, 1), (2, 3), range(7))
    steps = (
        Step(tuple(None if t in pattern else wave(t + i, 3) for i, pattern in enumerate(patterns)))
        for t in range(7)
    )
    return Scenario((group,), tuple(steps))


def _changes(name: str, value: float, supports: Supports) -> Scenario:
    """A hyperparameter changes; a parameter that takes its first steps then has no old eta."""
    count = 2 if "skip" in supports else 1
    rows = ((wave(t, 3), wave(t + 1, 3) if t >= 3 else None)[:count] for t in range(7))
    events: list[Event] = [Step(row) for row in rows]
    events.insert(3, Set(0, {name: value}))
    return Scenario((Group(STRONG, (THETA, THETA[::-1])[:count]),), tuple(events))


def _slight_changes() -> Scenario:
    """Each hyperparameter of theta changes by so little that only float64 shows it."""
    events: list[Event] = []
    for t, name in enumerate(("lr", "lambd", "alpha", "weight_decay"), 2):
        events += [Step((wave(t - 2, 3),)), Set(0, {name: getattr(STRONG, name) * (1 + 2.0**-36)})]
    events += [Step((wave(t, 3),)) for t in range(4, 7)]
    return Scenario((Group(STRONG, (THETA,)),), tuple(events))


def _two_at_once() -> Scenario:
    """Two changes of one group before the same step."""
    events: list[Event] = [Step((wave(t, 3),)) for t in range(6)]
    events[3:3] = [Set(0, {"lr": 0.125}), Set(0, {"lambd": 2.0})]
    return Scenario((Group(STRONG, (THETA,)),), tuple(events))


def _moved_twice(first: float, second: float) -> Scenario:
    """A t0 that moves before it has come, and again."""
    events: list[Event] = [Step((wave(t, 3),)) for t in range(9)]
    events.insert(2, Set(0, {"t0": second}))
    events.insert(1, Set(0, {"t0": first}))
    return Scenario((Group(STRONG, (THETA,)),), tuple(events))


def _tiny_rates() -> Scenario:
    """A change between learning rates that are small, seen where theta is 0."""
    events: list[Event] = [Step(((1.0, -0.5),)) for _ in range(4)]
    events.insert(2, Set(0, {"lr": 2.0**-38}))
    hyper = STRONG._replace(lr=2.0**-40, weight_decay=0.0)
    return Scenario((Group(hyper, ((0.0, 0.0),)),), tuple(events))


def _moved_while_resting() -> Scenario:
    """A window that is open is moved while one of two parameters has no gradient."""
    rests = {4, 5}
    events: list[Event] = [
        Step((wave(t, 3), None if t in rests else wave(t, 2))) for t in range(11)
    ]
    events.insert(4, Set(0, {"t0": 6.0}))
    return Scenario((Group(STRONG._replace(t0=1.0), (THETA, (2.0, -1.0))),), tuple(events))


def _groups_apart(supports: Supports) -> Iterator[Scenario]:
    """Two groups that differ in one hyperparameter."""
    others = {**OTHER._asdict(), "t0": 5.0, "maximize": "maximize" in supports}
    events = tuple(Step((wave(t, 3), wave(t, 2))) for t in range(7))
    for name, value in others.items():
        if value != getattr(STRONG, name):
            other = STRONG._replace(**{name: value})
            yield Scenario((Group(STRONG, (THETA,)), Group(other, (THETA[:2],))), events)


def _crowd(supports: Supports, count: int, groups: int) -> Scenario:
    """More parameters than tables and fused paths are made for: ascent, penalty, some at rest."""
    hyper = STRONG._replace(t0=1.0, maximize="maximize" in supports)
    params = tuple((THETA[i % 3] + i / 1024,) for i in range(count))
    rests = "skip" in supports
    rows = (
        tuple(None if rests and (t + i) % 7 == 3 else wave(t + i % 5, 1) for i in range(count))
        for t in range(3)
    )
    each = count // groups
    made = (
        Group(hyper._replace(lr=0.5 / (i + 1)), params[i * each : (i + 1) * each])
        for i in range(groups)
    )
    return Scenario(tuple(made), tuple(map(Step, rows)))


def _many_groups(supports: Supports) -> Scenario:
    """Seventeen groups, of which three change before the same step."""
    count, turned = 17, "maximize" in supports
    groups = [
        Group(
            STRONG._replace(lr=0.5 - i / 64, t0=i % 7 + i / 32, maximize=turned and i % 3 == 1),
            ((1.0 + i / 4, -0.75),),
        )
        for i in range(count)
    ]
    events: list[Event] = [Step(tuple(wave(t + i, 2) for i in range(count))) for t in range(8)]
    if "set" in supports:
        events[3:3] = [Set(1, {"lr": 0.125}), Set(4, {"lr": 0.375}), Set(14, {"lambd": 0.25})]
    return Scenario(tuple(groups), tuple(events))


def long(supports: Supports) -> list[Scenario]:
    """Beyond what a counter of 8 bits holds, and one in float16; in a later parameter too.

    Its window opens late: beyond what t0 may be in 8 bits. And a parameter rests for long.
    """
    run = alternating(2100)
    [group] = run.groups
    rests = "skip" in supports
    groups = [replace(group, params=group.params * (2 + rests))]
    if "groups" in supports:
        groups.append(replace(group, hyper=group.hyper._replace(t0=1500.0)))
    count = sum(len(each.params) for each in groups)
    events = []
    for t, event in enumerate(run.events):
        assert isinstance(event, Step)
        rows = [*event.grads * count]
        if rests and 20 <= t < 2080:
            rows[2] = None
        events.append(Step(tuple(rows)))
    return [Scenario(tuple(groups), tuple(events))]


def alternating(steps: int) -> Scenario:
    """A long run in which eta, mu and theta go on changing: the gradient's sign does."""
    hyper = STRONG._replace(lr=0.25, lambd=2.0**-6, weight_decay=0.0, t0=12.0)
    turns = (((1.0, -0.5),), ((-1.0, 0.75),))
    return single(hyper, ((1.0, -0.75),), tuple(turns[t % 2] for t in range(steps)))


def far(steps: int, supports: Supports) -> list[Scenario]:
    """A run of so many steps, and a window that opens just before its end."""
    run = alternating(steps)
    [group] = run.groups
    late = replace(group, hyper=group.hyper._replace(t0=steps - 6.0))
    if "groups" not in supports:
        return [run, Scenario((late,), run.events)]
    both = tuple(Step(event.grads * 2) for event in run.events if isinstance(event, Step))
    return [Scenario((group, late), both)]


def added(supports: Supports) -> list[Scenario]:
    """A group that joins before the first step, in the window, late, or behind another."""
    runs = [joined(_two(supports), at) for at in (0, 3, 9)]
    groups = runs[1].groups
    # Two join, at once and one by one.
    third = Group(STRONG._replace(lr=0.25, t0=4.0), ((-1.5,),))
    for first, second in ((2, 2), (2, 5)):
        events: list[Event] = [Step((wave(t, 3),)) for t in range(first)]
        events += [Add(1), *(Step((wave(t, 3), wave(t, 2))) for t in range(first, second)), Add(2)]
        events += [Step((wave(t, 3), wave(t, 2), wave(t, 1))) for t in range(second, 9)]
        runs.append(Scenario((*groups, third), tuple(events)))
    return [*runs, *together.growing(supports), *together.growing_matrix(supports)]


def _two(supports: Supports) -> Scenario:
    """Two groups; what is changed, is changed in both."""
    events: list[Event] = [Step((wave(t, 3), wave(t + 1, 2))) for t in range(14)]
    if "set" in supports:
        events.insert(11, Set(1, {"lr": 0.25, "lambd": 1.0}))
        events.insert(6, Set(0, {"lr": 0.25}))
    return Scenario((Group(STRONG, (THETA,)), Group(OTHER, ((2.0, -1.0),))), tuple(events))


def joined(scenario: Scenario, steps: int) -> Scenario:
    """The scenario, but its last group joins after some steps."""
    last = len(scenario.groups) - 1
    before = len(scenario.params) - len(scenario.groups[last].params)
    events: list[Event] = []
    taken = 0
    for event in scenario.events:
        if taken == steps and Add(last) not in events:
            events.append(Add(last))
        if isinstance(event, Step):
            events.append(Step(event.grads[:before]) if taken < steps else event)
            taken += 1
        elif taken >= steps or event.group != last:
            events.append(event)
    return replace(scenario, events=tuple(events))


def specials(supports: Supports) -> list[Scenario]:
    """Gradients of inf and nan beside finite ones, before the window and in it."""
    start: Vector = (1.0, -0.75, 3.0, 0.5)
    bad: Vector = (math.inf, -math.inf, math.nan, 1.0)
    good: Vector = (1.0, 0.5, -1.0, 2.0)
    steps = ((good,), (bad,), (good,), (good,))
    hypers = [STRONG._replace(t0=t0) for t0 in (0.0, 1e6)]
    hypers.append(STRONG._replace(t0=1e6, lambd=0.0, weight_decay=0.0))
    # theta (1 - eta lambd) keeps an infinity, so that the average of a port that computes so can
    # be compared with it.
    hypers.append(STRONG._replace(t0=1e6, lambd=2.0**-10, weight_decay=0.0))
    if "maximize" in supports:
        hypers += [hyper._replace(maximize=True) for hyper in hypers]
    # Beyond the widest vectors, and alone.
    wide = (tiled(start, 75), tuple(-math.inf if j == 33 else 0.5 for j in range(75)))
    spoiled = tuple(math.nan if j == 9 else x for j, x in enumerate(wide[1]))
    rows = ((wide[1], (math.nan,)), (spoiled, (1.0,)), (wave(2, 75), (1.0,)))
    runs = [single(hyper, (start,), steps) for hyper in hypers]
    runs.append(single(hypers[1], (wide[0], (2.0,)), rows))
    # Theta grows beyond the largest number: at once in float32, and in float64 at the sixth step.
    large = hypers[2]._replace(lr=2.0**100, lambd=2.0**100, alpha=0.0, maximize=False)
    return [*runs, single(large, ((1.0, -1.5),), (((0.5, 0.25),),) * 7)]


def paused(supports: Supports) -> list[Scenario]:
    """Runs with a pause at each event: before the window, at its opening, inside."""
    first, *others = unpaused(supports)
    # A save by an optimizer that was loaded itself; and one beyond what a count of 8 bits holds.
    pauses = [replace(first, pause=pause) for pause in range(len(first.events))]
    twice = replace(pauses[-1], earlier=2)
    # Before a parameter has taken a step, where parameters may skip; and in the window.
    again = [replace(first, pause=pause, used=True) for pause in (2, 5)]
    # The last count has more bits than bfloat16 and float16.
    saved = (*together.saved(), _large(supports), _saved_late(2051))
    return [*pauses, twice, *again, *others, *saved]


def _large(supports: Supports) -> PausedScenario:
    """A state of more numbers than a text of it shows, of many parameters and groups."""
    count = 12
    groups = [Group(STRONG._replace(t0=1.0), (tiled(THETA, 1100),))]
    equal = tuple((2.0 + i / 8, -1.0) for i in range(count))
    if "groups" in supports:
        rates = [STRONG._replace(lr=0.5 - i / 32, t0=float(i % 4)) for i in range(count)]
        groups += [Group(rate, (theta,)) for rate, theta in zip(rates, equal, strict=True)]
    else:
        groups = [Group(groups[0].hyper, (*groups[0].params, *equal))]
    steps = tuple(Step((wave(t, 1100), *(wave(t + i, 2) for i in range(count)))) for t in range(6))
    return PausedScenario(tuple(groups), steps, 4)


def repeatable(supports: Supports) -> list[Scenario]:
    """The same runs, each once, and a longer one: they are run again without a pause."""
    runs = {(run.groups, run.events): run for run in unpaused(supports)}
    return [*runs.values(), _saved_late(45)]


def repeated(supports: Supports) -> list[Scenario]:
    """The same, and one of them again that nobody looks at until its end."""
    runs = repeatable(supports)
    first = runs[0]
    assert isinstance(first, PausedScenario)
    return [*runs, replace(first, unread=True)]


def unpaused(supports: Supports) -> list[PausedScenario]:
    """Runs of groups, skips, changes and layouts that a port supports."""
    groups = [Group(STRONG._replace(t0=2.0), (THETA, (2.0, -1.0)))]
    if "groups" in supports:
        groups.append(Group(OTHER, ((0.5,),)))
    shapes = [len(p) for group in groups for p in group.params]
    events: list[Event] = [
        Step(tuple(None if i == 1 and t in skipped else wave(t, n) for i, n in enumerate(shapes)))
        for t in range(6)
        for skipped in [(0, 1, 3) if "skip" in supports else ()]
    ]
    if "set" in supports:
        events.insert(2, Set(0, {"lr": 0.125, "lambd": 0.25}))
    runs = [PausedScenario(tuple(groups), tuple(events))]
    if "add_group" in supports:
        run = joined(_two(supports), 3)
        # What is loaded into must have been opened with the group that has joined.
        pauses = (2, 6) if "groups" in supports else (2,)
        runs += [PausedScenario(run.groups, run.events, pause) for pause in pauses]
    chosen = taken(supports)
    return [*runs, arranged(chosen, supports)] if chosen else runs


def _saved_late(steps: int) -> PausedScenario:
    run = alternating(steps + 3)
    return PausedScenario(run.groups, run.events, steps)
