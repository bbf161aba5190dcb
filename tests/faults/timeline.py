"""Timeline through a scenario: the moments that a rule is asked about."""

from collections.abc import Callable, Sequence
from typing import Any

from asgd.spec import Hyperparameters

from ..ports.scenario import Scenario, Set
from .variant import Hyper, Moment, Number


class Timeline:
    """What a port knows at each step: counters, hyperparameters, and the initial values.

    Parameters
    ----------
    scenario : Scenario
        Only its groups are read.
    lift : callable
        Number of the arithmetic at hand for a hyperparameter.
    """

    def __init__(self, scenario: Scenario, lift: Callable[[float], Number]) -> None:
        self._lift = lift
        self._hypers = [group.hyper for group in scenario.groups]
        self._owner = [i for i, group in enumerate(scenario.groups) for _ in group.params]
        count = len(self._owner)
        self._now = [self._lifted(hyper) for hyper in self._hypers]
        self._opened = list(self._now)
        self._past: list[Hyper | None] = [None] * count
        self._t = [0] * count
        self._past_first = [0] * count
        self._call = 0

    def _lifted(self, hyper: Hyperparameters) -> Hyper:
        lift = self._lift
        return Hyper(
            lr=lift(hyper.lr),
            lambd=lift(hyper.lambd),
            alpha=lift(hyper.alpha),
            t0=hyper.t0,
            weight_decay=lift(hyper.weight_decay),
            maximize=hyper.maximize,
        )

    def set(self, event: Set) -> None:
        """Change hyperparameters of a group."""
        changes: dict[str, Any] = dict(event.changes)
        self._hypers[event.group] = self._hypers[event.group]._replace(**changes)
        self._now[event.group] = self._lifted(self._hypers[event.group])

    def moments(self, present: Sequence[bool]) -> list[Moment | None]:
        """Moments of one call, one for each parameter; None for one without gradient.

        The numbers of a moment (gradient, theta, average, initial theta) are left to the caller.
        """
        self._call += 1
        out: list[Moment | None] = []
        for i, there in enumerate(present):
            self._t[i] += there
        first_t = next((self._t[i] for i, there in enumerate(present) if there), 0)
        for i, there in enumerate(present):
            now = self._now[self._owner[i]]
            out.append(self._moment(i, now, first_t) if there else None)
            if there:
                self._past[i], self._past_first[i] = now, first_t
        return out

    def absent(self, i: int) -> Moment:
        """Moment of parameter ``i`` of the present call as if it had a gradient."""
        return self._moment(i, self._now[self._owner[i]], self._t[i])

    def _moment(self, i: int, now: Hyper, first_t: int) -> Moment:
        return Moment(
            t=self._t[i],
            call=self._call,
            index=i,
            count=len(self._t),
            first_t=first_t,
            past_first_t=self._past_first[i],
            now=now,
            past=self._past[i],
            opened=self._opened[self._owner[i]],
            first=self._now[0],
            last=self._now[-1],
            grad=None,
            theta=None,
            average=None,
            start=None,
        )
