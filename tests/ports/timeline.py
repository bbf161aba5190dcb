"""What a port knows at each step: counters, and the hyperparameters in force."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asgd.spec import Convention, Hyperparameters

from .scenario import Add, Group, Scenario, Set, Step, changed


class Turn(NamedTuple):
    """One step of one parameter.

    Attributes
    ----------
    t : int
        Steps of the parameter, this one included.
    now : Hyperparameters
        In force at the call.
    past : Hyperparameters or None
        In force at the parameter's step before; None at its first.
    """

    t: int
    now: Hyperparameters
    past: Hyperparameters | None

    def scheduled(self, convention: Convention) -> Hyperparameters:
        """Hyperparameters that eta and mu are computed with (E6)."""
        stored = convention.hyperparameters == "stored" and self.past is not None
        return self.past if stored and self.past is not None else self.now


class Timeline:
    """Counters and hyperparameters of every parameter, call by call.

    Parameters
    ----------
    groups : sequence of Group
        The groups, as opened.
    counts : sequence of int, optional
        Steps that each parameter has taken before.
    """

    def __init__(self, groups: Sequence[Group], counts: Sequence[int] | None = None) -> None:
        self.hypers = [group.hyper for group in groups]
        self.owner = [i for i, group in enumerate(groups) for _ in group.params]
        self.counts = list(counts or [0] * len(self.owner))
        self._past: list[Hyperparameters | None] = [None] * len(self.owner)

    def set(self, event: Set) -> None:
        """Change hyperparameters of a group."""
        self.hypers[event.group] = changed(self.hypers[event.group], event)

    def step(self, present: Sequence[bool]) -> list[Turn | None]:
        """Turns of one call; None for a parameter without a gradient, which takes no step."""
        turns: list[Turn | None] = []
        for i, there in enumerate(present):
            self.counts[i] += there
            turn = self.turn(i)
            turns.append(turn if there else None)
            if there:
                self._past[i] = turn.now
        return turns

    def turn(self, i: int) -> Turn:
        """Turn of parameter ``i`` at its present count."""
        return Turn(self.counts[i], self.hypers[self.owner[i]], self._past[i])


def turns(
    scenario: Scenario, counts: Sequence[int] | None = None
) -> Iterator[tuple[Step, list[Turn | None]]]:
    """Each step of ``scenario``, with the turns of its parameters."""
    timeline = Timeline(scenario.groups, counts)
    for event in scenario.events:
        if isinstance(event, Set):
            timeline.set(event)
        elif not isinstance(event, Add):
            yield event, timeline.step([grad is not None for grad in event.grads])
