"""A scenario: the calls that a law makes to a port, and the trace of what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from .capabilities import capabilities
from .protocol import Observation, Port, RaisedError, RefusalError, asking, observe

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


def changed(hyper: Hyperparameters, event: Set) -> Hyperparameters:
    """``hyper`` after a change."""
    changes: dict[str, Any] = dict(event.changes)
    return hyper._replace(**changes)


@dataclass(frozen=True)
class Scenario:
    """Groups to open, and the events that follow."""

    groups: tuple[Group, ...]
    events: tuple[Step | Set, ...]

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
    """
    begin(port, scenario, dtype)
    return play(port, scenario, scenario.events, dtype)


def begin(port: Port, scenario: Scenario, dtype: str) -> None:
    """Open what ``scenario`` opens (see `drive`)."""
    groups: list[dict[str, Any]] = [
        {**g.hyper._asdict(), "params": [np.array(p, dtype) for p in g.params]}
        for g in scenario.groups
    ]
    try:
        with asking("open"):
            port.open(dtype, groups)
    except (RaisedError, RefusalError) as error:
        hyper = [g.hyper._asdict() for g in scenario.groups]
        reason = error if isinstance(error, RaisedError) else f"open() refused: {error}"
        raise RaisedError(f"{reason}; the input is valid: {hyper}") from error


def play(
    port: Port, scenario: Scenario, events: Sequence[Step | Set], dtype: str
) -> list[Observation]:
    """Put ``port``, which has been opened, through some of the events (see `drive`)."""
    if capabilities(port).remote:
        remote: Any = port
        found: list[Observation] = remote.play(events)
        return found
    sizes = [len(p) for p in scenario.params]
    seen: list[Observation] = []
    try:
        for event in events:
            if isinstance(event, Step):
                seen.append(observe(port, dtype, event.grads, sizes))
            else:
                with asking("set"):
                    port.set(event.group, **event.changes)
    except RaisedError as error:
        error.call = len(seen) + 1
        raise
    return seen


def in_force(
    scenario: Scenario, events: Sequence[Step | Set], params: Sequence[Vector]
) -> tuple[Group, ...]:
    """The groups after ``events``: the hyperparameters then in force, and ``params``."""
    hypers = [group.hyper for group in scenario.groups]
    for event in events:
        if isinstance(event, Set):
            hypers[event.group] = changed(hypers[event.group], event)
    rest = iter(params)
    return tuple(
        Group(hyper, tuple(next(rest) for _ in group.params))
        for hyper, group in zip(hypers, scenario.groups, strict=True)
    )


@dataclass(frozen=True)
class PausedScenario(Scenario):
    """A scenario that may be interrupted.

    Attributes
    ----------
    pause : int
        Events before it is interrupted.
    earlier : int or None
        Events before it is interrupted for the first time, where that happens twice.
    """

    pause: int = 0
    earlier: int | None = None

    def other(self) -> Scenario:
        """A different life of the same length and the same shapes."""
        groups = tuple(
            Group(g.hyper._replace(lr=g.hyper.lr / 2, t0=0.0), tuple(map(_halved, g.params)))
            for g in self.groups
        )
        return Scenario(groups, self.events)


def _halved(vector: Vector) -> Vector:
    return tuple(x / 2 for x in vector)
