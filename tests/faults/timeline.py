"""Timeline through a scenario: the moments that a rule is asked about."""

from collections.abc import Callable, Sequence
from typing import Any

from asgd.spec import Hyperparameters

from ..ports.scenario import Scenario, Set
from .variant import Hyper, Moment, Number, Sources


class Timeline:
    """What a port knows at each step: counters, hyperparameters, and the initial values.

    Parameters
    ----------
    scenario : Scenario
        Only its groups are read.
    lift : callable
        Number of the arithmetic at hand for a hyperparameter.
    counts : sequence of int, optional
        Steps that the parameters have taken before; none by default.
    """

    def __init__(
        self,
        scenario: Scenario,
        lift: Callable[[float], Number],
        counts: Sequence[int] | None = None,
    ) -> None:
        self._lift = lift
        self._hypers = [group.hyper for group in scenario.groups]
        self._owner = [i for i, group in enumerate(scenario.groups) for _ in group.params]
        self._sizes = [len(p) for p in scenario.params]
        count = len(self._owner)
        self._now = [self._lifted(hyper) for hyper in self._hypers]
        self._opened = list(self._now)
        self._past: list[Sources | None] = [None] * count
        self._t = list(counts) if counts is not None else [0] * count
        self._past_first = [0] * count
        self._call = max(self._t, default=0)
        self._preceding: Hyper | None = None
        self._updates = sum(self._t)
        self._taken, self._since = [0] * count, [0] * count

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
            if not there:
                out.append(None)
                continue
            position = sum(moment is not None for moment in out)
            self._updates += 1
            t0 = self._hypers[self._owner[i]].t0
            self._taken[i] += self._t[i] >= t0
            self._since[i] = 1 if self._t[i] <= t0 else self._since[i] + 1
            moment = self._moment(i, first_t, position)
            out.append(moment)
            self._past[i], self._past_first[i] = moment.now, first_t
            self._preceding = moment.now.own
        return out

    def absent(self, i: int) -> Moment:
        """Moment of parameter ``i`` of the present call as if it had a gradient."""
        return self._moment(i, self._t[i], 0)

    def _moment(self, i: int, first_t: int, position: int) -> Moment:
        owner, past = self._owner[i], self._past[i]
        now = Sources(self._now[owner], self._opened[owner], self._now[0], self._now[-1])
        return Moment(
            t=self._t[i],
            call=self._call,
            index=i,
            count=len(self._t),
            position=position,
            size=self._sizes[i],
            first_t=first_t,
            past_first_t=self._past_first[i],
            updates=self._updates,
            taken=self._taken[i],
            since=self._since[i],
            opening=past is None,
            foremost=self._preceding is None,
            now=now,
            past=past or now,
            preceding=self._preceding or now.own,
        )
