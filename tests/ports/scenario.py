"""A scenario: the calls that a law makes to a port, and the trace of what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from .capabilities import capabilities
from .interruption import check
from .layouts import Layout
from .protocol import Observation, Port, RaisedError, RefusalError, asking, observe

VALID = "; the input is valid: "
"""Between what a port says as it refuses, and the hyperparameters that it refuses."""

Vector = tuple[float, ...]


@dataclass(frozen=True)
class Group:
    """A parameter group: its hyperparameters and the initial values of its parameters."""

    hyper: Hyperparameters
    params: tuple[Vector, ...]


@dataclass(frozen=True)
class Step:
    """One step: a gradient, or None, for each parameter over the groups in order."""

    grads: tuple[Vector | None, ...]


@dataclass(frozen=True)
class Set:
    """A change of hyperparameters of one group, from the next step on."""

    group: int
    changes: Mapping[str, float] = field(hash=False)


@dataclass(frozen=True)
class Add:
    """A group of the scenario that joins here, and is not opened with the others."""

    group: int


Event = Step | Set | Add


def changed(hyper: Hyperparameters, event: Set) -> Hyperparameters:
    """``hyper`` after a change."""
    changes: dict[str, Any] = dict(event.changes)
    return hyper._replace(**changes)


@dataclass(frozen=True)
class Scenario:
    """Groups to open, and the events that follow.

    Steps before a group joins have no gradients for it. ``layouts`` has one entry for each
    parameter; where it is empty, they are plain vectors.
    """

    groups: tuple[Group, ...]
    events: tuple[Event, ...]
    layouts: tuple[Layout, ...] = field(default=(), kw_only=True)

    @property
    def params(self) -> tuple[Vector, ...]:
        """Initial values of all parameters, over the groups in order."""
        return tuple(p for group in self.groups for p in group.params)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return sum(isinstance(event, Step) for event in self.events)


def single(
    hyper: Hyperparameters, params: tuple[Vector, ...], steps: tuple[tuple[Vector | None, ...], ...]
) -> Scenario:
    """Scenario of one group and of steps alone."""
    return Scenario((Group(hyper, params),), tuple(Step(grads) for grads in steps))


def drive(port: Port, scenario: Scenario, dtype: str) -> list[Observation]:
    """Put ``port`` through ``scenario``; what was seen after each step.

    Raises
    ------
    PortError
        If the port fails on the way; a refusal of these valid hyperparameters is a failure too.
    Interrupted
        If a signal came whose exception was lost in a callback.
    """
    check()
    adds = any(isinstance(event, Add) for event in scenario.events)
    if capabilities(port).remote and not adds:
        return _drive_remote(port, scenario, dtype)
    begin(port, scenario, dtype)
    return play(port, scenario, scenario.events, dtype)


def _drive_remote(port: Any, scenario: Scenario, dtype: str) -> list[Observation]:
    """Ask for the whole of it at once."""
    try:
        seen: list[Observation] = port.drive(dtype, _opened(scenario, dtype), scenario.events)
    except RefusalError as error:
        raise _refused(scenario, error) from error
    except RaisedError as error:
        error.call = max(error.call, 1)
        raise
    return seen


def begin(port: Port, scenario: Scenario, dtype: str) -> None:
    """Open what ``scenario`` opens (see `drive`)."""
    try:
        with asking("open"):
            port.open(dtype, _opened(scenario, dtype))
    except (RaisedError, RefusalError) as error:
        raise _refused(scenario, error) from error


def _first(scenario: Scenario) -> list[int]:
    """Groups that do not join later."""
    later = {event.group for event in scenario.events if isinstance(event, Add)}
    return [i for i in range(len(scenario.groups)) if i not in later]


def _opened(scenario: Scenario, dtype: str) -> list[dict[str, Any]]:
    return [as_opened(scenario, i, dtype) for i in _first(scenario)]


def _refused(scenario: Scenario, error: Exception) -> RaisedError:
    hyper = [scenario.groups[i].hyper._asdict() for i in _first(scenario)]
    reason = error if isinstance(error, RaisedError) else f"open() refused: {error}"
    return RaisedError(f"{reason}{VALID}{hyper}")


def as_opened(scenario: Scenario, group: int, dtype: str) -> dict[str, Any]:
    """A group as ports take it."""
    chosen = scenario.groups[group]
    out = {**chosen.hyper._asdict(), "params": [np.array(p, dtype) for p in chosen.params]}
    if scenario.layouts:
        begin = sum(len(g.params) for g in scenario.groups[:group])
        out["layouts"] = list(scenario.layouts[begin : begin + len(chosen.params)])
    return out


def play(
    port: Port,
    scenario: Scenario,
    events: Sequence[Event],
    dtype: str,
    beside: tuple[Port, Scenario] | None = None,
) -> list[Observation]:
    """Put ``port``, which has been opened, through some of the events (see `drive`).

    Another port that goes through another scenario with the same events takes turns with it.
    """
    pairs = [(port, scenario), *([beside] if beside else [])]
    sizes = [len(p) for p in scenario.params]
    remote: Any = port if capabilities(port).remote else None
    seen: list[Observation] = []
    at = 0
    try:
        while at < len(events):
            event = events[at]
            at += 1
            if isinstance(event, Add):
                with asking("add_group"):
                    for each, its in pairs:
                        joining: Any = each
                        joining.add_group(as_opened(its, event.group, dtype))
            elif remote is not None:
                end = next((i for i in range(at, len(events)) if isinstance(events[i], Add)), None)
                seen += remote.play(events[at - 1 : end], *(each for each, _ in pairs[1:]))
                at = len(events) if end is None else end
            elif isinstance(event, Step):
                shown = [
                    observe(each, dtype, event.grads, sizes[: len(event.grads)])
                    for each, _ in pairs
                ]
                seen.append(shown[0])
            else:
                with asking("set"):
                    for each, _ in pairs:
                        each.set(event.group, **event.changes)
    except RaisedError as error:
        # A remote port counts from where it was asked.
        error.call = len(seen) + max(error.call, 1)
        raise
    return seen


def unread(port: Any, scenario: Scenario, dtype: str) -> Observation:
    """What the last step of ``scenario`` shows, where nobody has looked at the others.

    The port is one `as_used`, and no group joins.
    """
    begin(port, scenario, dtype)
    *events, last = scenario.events
    advance(port, events, dtype)
    [seen] = play(port, scenario, [last], dtype)
    return seen


def advance(port: Any, events: Sequence[Event], dtype: str) -> None:
    """Put ``port``, which has been opened, through events without a look at it (see `unread`)."""
    if capabilities(port).remote:
        port.advance(events)
        return
    for event in events:
        if isinstance(event, Step):
            with asking("step"):
                port.advance([None if g is None else np.array(g, dtype) for g in event.grads])
        elif isinstance(event, Set):
            with asking("set"):
                port.set(event.group, **event.changes)


def rest_of(scenario: Scenario, pause: int, theta: Sequence[Vector]) -> Scenario:
    """What is left of a scenario after its first events: what is in force, and ``theta``.

    A group that joins later begins with its own values.
    """
    hypers = [group.hyper for group in scenario.groups]
    for event in scenario.events[:pause]:
        if isinstance(event, Set):
            hypers[event.group] = changed(hypers[event.group], event)
    rest = iter((*theta, *scenario.params[len(theta) :]))
    groups = tuple(
        Group(hyper, tuple(next(rest) for _ in group.params))
        for hyper, group in zip(hypers, scenario.groups, strict=True)
    )
    return Scenario(groups, scenario.events[pause:], layouts=scenario.layouts)


@dataclass(frozen=True)
class PausedScenario(Scenario):
    """A scenario that may be interrupted.

    Attributes
    ----------
    pause : int
        Events before it is interrupted.
    earlier : int or None
        Events before it is interrupted for the first time, where that happens twice.
    used : bool
        Whether its state is loaded, at the end, into the optimizer that has run.
    unread : bool
        Whether it is repeated without a look at what the steps show, but for the last one; or
        saved by an optimizer that nobody has looked at.
    """

    pause: int = 0
    earlier: int | None = None
    used: bool = False
    unread: bool = False

    def other(self) -> Scenario:
        """A different run of the same length and the same shapes."""
        groups = tuple(
            Group(g.hyper._replace(lr=g.hyper.lr / 2, t0=0.0), tuple(map(_halved, g.params)))
            for g in self.groups
        )
        return Scenario(groups, self.events, layouts=self.layouts)


def _halved(vector: Vector) -> Vector:
    return tuple(x / 2 for x in vector)
