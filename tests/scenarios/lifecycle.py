"""Scenarios for the laws of the lifecycle: designed ones, and Hypothesis strategies.

As in `designed`, hyperparameters are strong, so that a wrong step shows at once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from asgd.spec import Hyperparameters

from ..ports.layouts import PLAIN, Layout
from ..ports.scenario import Add, Event, Group, PausedScenario, Scenario, Set, Step, Vector, single

Supports = frozenset[str]

STRONG = Hyperparameters(lr=0.5, lambd=0.5, alpha=0.75, t0=2.0, weight_decay=0.25, maximize=False)
_OTHER = STRONG._replace(lr=0.125, lambd=2.0, alpha=0.5, t0=1.0, weight_decay=0.0)
_THETA: Vector = (1.0, -0.75, 3.0)
_GRAD: Vector = (0.5, 2.0, -1.25)

SMALL = range(131)
"""Every remainder of vectors and unrolled loops, up to two of the widest."""

LARGE = (1023, 1024, 1025, 1124, 4096, 16387, 131075)
LARGER = (4097, 16385, 32769, 65537, 262149, 1048583)
"""Sizes of blocks that fit a cache, or some above."""

_PERIOD = 3


def wave(t: int, size: int) -> Vector:
    """Gradient of step ``t``: it changes from step to step, and from element to element."""
    return tuple((-1.0) ** (t + j) * (1 + 0.25 * t) + 0.125 * j for j in range(size))


# Designed.


def watched(supports: Supports) -> list[Scenario]:
    """Each way that a term may take into the gradient, alone and with others."""
    turns = (False, True) if "maximize" in supports else (False,)
    runs = [
        single(
            STRONG._replace(lambd=lambd, weight_decay=decay, maximize=maximize),
            (_THETA, (2.0, -1.0)),
            tuple((wave(t, 3), wave(t, 2)) for t in range(3)),
        )
        for lambd, decay, maximize in product((0.5, 0.0), (0.25, 0.0), turns)
    ]
    shapes = tuple(layout for layout in _taken(supports) if layout[1:] == (PLAIN, PLAIN))
    if not shapes:
        return runs
    sizes = [layout.size for layout in shapes]
    thetas = tuple(_repeated(_THETA, size) for size in sizes)
    steps = tuple(Step(tuple(wave(t, size) for size in sizes)) for t in range(3))
    hypers = [run.groups[0].hyper for run in runs]
    return [*runs, *(Scenario((Group(h, thetas),), steps, layouts=shapes) for h in hypers)]


def plain(supports: Supports) -> list[Scenario]:
    """A few steps with decay, penalty and, where there is one, ascent."""
    hypers = [STRONG]
    if "maximize" in supports:
        hypers.append(STRONG._replace(maximize=True))
    return [single(hyper, (_THETA,), tuple((wave(t, 3),) for t in range(3))) for hyper in hypers]


def windows(supports: Supports) -> list[Scenario]:
    """The averaging window crossed; parameters that skip, come late or never come; changes."""
    turns = (False, True) if "maximize" in supports else (False,)
    runs: list[Scenario] = [
        single(
            STRONG._replace(t0=t0, weight_decay=decay, maximize=maximize),
            (_THETA,),
            tuple((wave(t, 3),) for t in range(6)),
        )
        for t0, decay, maximize in product((0.0, 1.0, 3.0, 2.5, math.inf), (0.0, 0.25), turns)
    ]
    if "skip" in supports:
        runs += [_skips(Group(STRONG, (_THETA,) * 4)), _skips(Group(_OTHER, (_THETA,) * 4))]
    if {"skip", "groups"} <= supports:
        late = [
            Step((wave(t, 3), None if t < 3 else wave(t, 2))) for t in range(7)
        ]  # the second group comes late
        runs.append(Scenario((Group(STRONG, (_THETA,)), Group(_OTHER, ((2.0, -1.0),))), (*late,)))
    if "set" in supports:
        others = _OTHER._replace(t0=5.0)._asdict()  # 1 would be past (E6)
        runs += [_changes(name, value, supports) for name, value in others.items()][:5]
        # The window closes for good; lr changes by millionths; and where lr is tiny.
        slightly = _changes("lr", 0.5 + 2.0**-19, supports)
        runs += [_changes("t0", math.inf, supports), slightly, _tiny_rates()]
        runs.append(_slight_changes())
    if {"set", "skip"} <= supports:
        runs.append(_moved_while_resting())
    if "groups" in supports:
        runs += [*_groups_apart(supports), _many_groups(supports)]
    runs.append(_crowd(supports))
    # Without decay, an element without gradient may not move; nor may any where lr is 0.
    still = STRONG._replace(lambd=0.0, weight_decay=0.0)
    rows = tuple(((0.0, *wave(t, 2)) if t % 2 else (*wave(t, 2), 0.0),) for t in range(6))
    runs += [single(hyper, (_THETA,), rows) for hyper in (still, STRONG._replace(lr=0.0))]
    # And a decay of eta by thousands.
    runs.append(single(STRONG._replace(lr=8.0, lambd=512.0), (_THETA,), rows[:4]))
    return [*runs, training(supports)]


def training(supports: Supports) -> Scenario:
    """A run that looks like training, beyond what a count of 8 bits holds."""
    group = STRONG._replace(lr=0.125, lambd=2.0**-7, weight_decay=2.0**-6, t0=100.0)
    groups = [Group(group, (_THETA[:2], _THETA[1:]))]
    if "groups" in supports:
        other = group._replace(lr=0.0625, alpha=0.5, t0=20.0, weight_decay=0.0)
        groups.append(Group(other, (_THETA[:2],)))
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
    return Scenario((Group(STRONG, (_THETA, _THETA[::-1])[:count]),), tuple(events))


def _slight_changes() -> Scenario:
    """Each hyperparameter of theta changes by so little that only float64 shows it."""
    events: list[Event] = []
    for t, name in enumerate(("lr", "lambd", "alpha", "weight_decay"), 2):
        events += [Step((wave(t - 2, 3),)), Set(0, {name: getattr(STRONG, name) * (1 + 2.0**-36)})]
    events += [Step((wave(t, 3),)) for t in range(4, 7)]
    return Scenario((Group(STRONG, (_THETA,)),), tuple(events))


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
    return Scenario((Group(STRONG._replace(t0=1.0), (_THETA, (2.0, -1.0))),), tuple(events))


def _groups_apart(supports: Supports) -> Iterator[Scenario]:
    """Two groups that differ in one hyperparameter."""
    others = {**_OTHER._asdict(), "t0": 5.0, "maximize": "maximize" in supports}
    events = tuple(Step((wave(t, 3), wave(t, 2))) for t in range(7))
    for name, value in others.items():
        if value != getattr(STRONG, name):
            other = STRONG._replace(**{name: value})
            yield Scenario((Group(STRONG, (_THETA,)), Group(other, (_THETA[:2],))), events)


def _crowd(supports: Supports) -> Scenario:
    """More parameters than tables and fused paths are made for: ascent, penalty, some at rest."""
    count = 520
    hyper = STRONG._replace(t0=1.0, maximize="maximize" in supports)
    params = tuple((_THETA[i % 3] + i / 1024,) for i in range(count))
    rests = "skip" in supports
    rows = (
        tuple(None if rests and (t + i) % 7 == 3 else wave(t + i % 5, 1) for i in range(count))
        for t in range(3)
    )
    return single(hyper, params, tuple(rows))


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


def sizes(_supports: Supports) -> list[Scenario]:
    """Parameters of each size, empty ones between others; each element repeats one of a few."""
    empty = single(STRONG, ((), _THETA, (), _THETA[:2]), (((), _GRAD, (), _GRAD[1:]),) * 2)
    # Large ones alone: a line of the protocol need not be longer than it must.
    return [empty, _sized(tuple(SMALL)), *(_sized((size,)) for size in LARGE)]


def all_sizes(supports: Supports) -> list[Scenario]:
    """Also one above each size of block that kernels work in."""
    return [*sizes(supports), *(_sized((size,)) for size in LARGER)]


def _sized(chosen: tuple[int, ...]) -> Scenario:
    params = tuple(_repeated(_THETA, size) for size in chosen)
    # Zeros are a gradient, whatever the size.
    rows = (wave(0, _PERIOD), (0.0,), wave(2, _PERIOD))
    steps = tuple(tuple(_repeated(row, size) for size in chosen) for row in rows)
    return single(STRONG._replace(t0=1.0), params, steps)


def _repeated(values: Vector, size: int) -> Vector:
    return (values * (size // len(values) + 1))[:size]


_MEMORIES = ("plain", "transposed", "strided", "offset", "unaligned")
_SHAPES = ((), (4,), (2, 3), (3, 1, 2))
_MORE_SHAPES = ((2, 2), (2, 1, 2, 2), (1, 2, 2, 1, 2))


def layouts(supports: Supports) -> list[Scenario]:
    """Each layout alone that the port takes, then all side by side."""
    chosen = _taken(supports)
    if not chosen:
        return []
    alone = [_arranged([each], frozenset()) for each in chosen]
    return [*alone, _arranged(chosen, supports)]


def _taken(supports: Supports) -> list[Layout]:
    """Layouts that a port takes, but for plain vectors."""
    made = [Layout(*each) for each in product(_SHAPES, _MEMORIES, _MEMORIES)]
    made += [Layout(shape) for shape in _MORE_SHAPES]
    return [
        layout
        for layout in made
        if layout.needs
        and layout.needs <= supports
        # A vector is its own transpose.
        and (len(layout.shape) > 1 or "transposed" not in layout)
    ]


def _arranged(chosen: Sequence[Layout], supports: Supports) -> PausedScenario:
    """Parameters of these layouts, which cross the opening of the window."""
    sizes = [layout.size for layout in chosen]
    half = len(sizes) // 2 if "groups" in supports else 0
    starts = [_repeated((*_THETA, 0.5, -2.0, 1.25), n) for n in sizes]
    turned = STRONG._replace(maximize="maximize" in supports)
    groups = [Group(turned, tuple(starts[half:]))]
    if half:
        groups.insert(0, Group(_OTHER, tuple(starts[:half])))
    rests = "skip" in supports

    def grad(t: int, i: int, n: int) -> Vector | None:
        if t == 1:
            return (0.0,) * n
        return None if rests and t == 2 and i % 3 == 1 else wave(t + i, n)

    rows = (tuple(grad(t, i, n) for i, n in enumerate(sizes)) for t in range(5))
    events = map(Step, rows)
    return PausedScenario(tuple(groups), tuple(events), 3, layouts=tuple(chosen))


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
    return runs


def _two(supports: Supports) -> Scenario:
    """Two groups; what is changed, is changed in both."""
    events: list[Event] = [Step((wave(t, 3), wave(t + 1, 2))) for t in range(14)]
    if "set" in supports:
        events.insert(11, Set(1, {"lr": 0.25, "lambd": 1.0}))
        events.insert(6, Set(0, {"lr": 0.25}))
    return Scenario((Group(STRONG, (_THETA,)), Group(_OTHER, ((2.0, -1.0),))), tuple(events))


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
    return [single(hyper, (start,), steps) for hyper in hypers]


def paused(supports: Supports) -> list[Scenario]:
    """Runs with a pause at each event: before the window, at its opening, inside."""
    first, *others = unpaused(supports)
    # A save by an optimizer that was loaded itself; and one beyond what a count of 8 bits holds.
    pauses = [replace(first, pause=pause) for pause in range(len(first.events))]
    twice = replace(pauses[-1], earlier=2)
    # Before a parameter has taken a step, where parameters may skip; and in the window.
    again = [replace(first, pause=pause, used=True) for pause in (2, 5)]
    # The last count has more bits than bfloat16 and float16.
    return [*pauses, twice, *again, *others, _saved_late(2051)]


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
    groups = [Group(STRONG._replace(t0=2.0), (_THETA, (2.0, -1.0)))]
    if "groups" in supports:
        groups.append(Group(_OTHER, ((0.5,),)))
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
    chosen = _taken(supports)
    return [*runs, _arranged(chosen, supports)] if chosen else runs


def _saved_late(steps: int) -> PausedScenario:
    run = alternating(steps + 3)
    return PausedScenario(run.groups, run.events, steps)
