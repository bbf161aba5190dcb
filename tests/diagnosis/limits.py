"""Findings beside the equations: counters that stop, an average spoiled, hyperparameters lost."""

import math
from collections.abc import Callable

from ..laws.outcome import Finding, Subject
from ..oracle.window import window
from ..ports.counter import HYPER, count_beyond
from ..ports.protocol import Observation, RaisedError, asking, observe
from ..ports.scenario import Group, Scenario, Set, Step, begin, changed, drive, single

_EDGES = {
    2.0**24: "in float32 it stops at 2^24, and eta and mu with it",
    2.0**31: "in 32 bits it starts over at 2^31, and eta and mu with it",
}


def spoiled_average(subject: Subject) -> list[Finding]:
    """Whether one infinity of theta spoils the average, also while mu = 1 (E5).

    Then the average is theta, if that is copied: also where theta stays infinite, and where the
    state is loaded into a fresh optimizer whose theta is finite, as when a run is put right by
    hand.
    """
    opened = window(1, HYPER.t0, subject.convention)
    if "average" not in subject.hello.reads or opened is None or opened.mu != 1:
        return []
    # Without decay, an infinity of theta stays one.
    push = single(HYPER._replace(lambd=0.0), ((1.0,),), (((math.inf,),), ((0.0,),)))
    try:
        seen = drive(subject.port, push, subject.dtype)[-1]
        spoiled = _is_spoiled(seen, math.isinf)
        if not spoiled and "save" in subject.hello.supports:
            with asking("save"):
                state = subject.port.save()
            drive(subject.port, Scenario(push.groups, ()), subject.dtype)
            with asking("load"):
                subject.port.load(state)
            seen = observe(subject.port, subject.dtype, [(0.0,)], [1])
            spoiled = _is_spoiled(seen, math.isfinite)
    except RaisedError:
        return []  # A state that cannot be loaded says nothing.
    if not spoiled:
        return []
    return [
        Finding(
            "average-infinity-to-nan",
            "one infinity of theta makes the average nan for good: where mu = 1, copy theta; "
            "average + 1 (theta - average) is not a copy",
            {},
        )
    ]


def _is_spoiled(seen: Observation, holds: Callable[[float], bool]) -> bool:
    """Whether theta is as it should be, and the average is nan."""
    theta, average = seen.theta[0][0], seen.average[0]
    return average is not None and holds(theta) and math.isnan(average[0])


def stopped_counter(subject: Subject, followed: int) -> list[Finding]:
    """Whether the step counter goes on beyond 2^24 and 2^31 (E6), where a state can be set.

    Else it was ``followed`` for so many steps, and nothing is known of what comes after.
    """
    seen = False
    for edge, why in _EDGES.items() if "save" in subject.hello.supports else ():
        reached = count_beyond(subject.port, subject.dtype, edge)
        seen = seen or reached is not None
        if reached is not None and reached != edge + 2:
            after = f"after step {edge + 2:.0f} of a run that was loaded"
            text = f"the step counter is {reached:.0f} {after}: {why}"
            return [Finding("counter-stops", text, {"reached": reached, "due": edge + 2})]
    if seen or not followed:
        return []
    text = (
        f"the step counter was followed for {followed} steps, and wider limits were not checked: "
        "no saved state that can be set shows the count"
    )
    return [Finding("counter-unseen", text, {"steps": followed})]


def forgotten_hyperparameters(subject: Subject) -> list[Finding]:
    """Whether a loaded state brings back hyperparameters that were changed before it was saved.

    No equation says that it must: a port may leave them to whoever opens the new optimizer.
    """
    if not {"save", "set"} <= subject.hello.supports:
        return []
    count = 2 if "groups" in subject.hello.supports else 1
    changes = {"lr": 0.25, "lambd": 0.5, "alpha": 0.5, "t0": 1.0, "weight_decay": 0.125}
    late = [Set(i, changes) for i in range(count)]
    push = Step(((1.0,),) * count)
    groups = (Group(HYPER, ((1.0,),)),) * count
    ends = []
    try:
        theta = drive(subject.port, Scenario(groups, (*late, push)), subject.dtype)[-1].theta
        with asking("save"):
            state = subject.port.save()
        # Into an optimizer that has them anyway, and into one that has them only from the state.
        for hyper in (changed(HYPER, late[0]), HYPER):
            fresh = tuple(Group(hyper, (values,)) for values in theta)
            begin(subject.port, Scenario(fresh, ()), subject.dtype)
            with asking("load"):
                subject.port.load(state)
            ends.append(observe(subject.port, subject.dtype, push.grads, [1] * count))
    except RaisedError:
        return []
    if ends[0] == ends[1]:
        return []
    text = (
        "a state that is loaded does not bring back the hyperparameters that were changed: those "
        "of the new optimizer stay in force"
    )
    return [Finding("hyperparameters-not-loaded", text, {})]
