"""The moments of a scenario: what a rule is asked about."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from ..ports.scenario import Group
from ..ports.timeline import Timeline, Turn
from .variant import Hyper, Moment, Number, Sources


class Moments(Timeline):
    """A timeline whose turns are moments, in the arithmetic at hand.

    Parameters
    ----------
    groups : sequence of Group
        The groups, as opened.
    lift : callable
        Number of the arithmetic at hand for a hyperparameter.
    counts : sequence of int, optional
        Steps that each parameter has taken before.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        lift: Callable[[float], Number],
        counts: Sequence[int] | None = None,
    ) -> None:
        super().__init__(groups, counts)
        self._lift = lift
        self._known: dict[Hyperparameters, Hyper] = {}
        self._opened = list(self.hypers)
        self._sizes = [len(p) for group in groups for p in group.params]
        count = len(self.owner)
        self._first_t, self._past_first = 0, [0] * count
        self._call = max(self.counts, default=0)
        self._updates = sum(self.counts)
        self._taken, self._since = [0] * count, [0] * count
        self._ahead, self._ahead_in_group = [0] * count, [0] * count
        self._idle, self._active = [False] * count, [0] * count
        self._present: Sequence[bool] = [True] * count
        self._earlier: list[Sources | None] = [None] * count
        self._preceding: Hyper | None = None

    def moments(self, grads: Sequence[Any]) -> list[Moment | None]:
        """Moments of a call with these gradients; None for a parameter that has none.

        The numbers of a moment (gradient, theta, average, initial theta) are left to the caller.
        """
        self._call += 1
        self._present = present = [grad is not None for grad in grads]
        self._idle = [grad is None or _all_zero(grad) for grad in grads]
        turns = self.step(present)
        self._first_t = next((turn.t for turn in turns if turn is not None), 0)
        out: list[Moment | None] = []
        for i, turn in enumerate(turns):
            if turn is None:
                out.append(None)
                continue
            self._updates += 1
            self._taken[i] += turn.t >= turn.now.t0
            self._since[i] = 1 if turn.t <= turn.now.t0 else self._since[i] + 1
            behind, in_group = self._behind(i)
            self._ahead[i] += not behind
            self._ahead_in_group[i] += not in_group
            self._active[i] += not self._idle[i]
            moment = self._moment(i, turn, sum(m is not None for m in out))
            out.append(moment)
            self._past_first[i], self._earlier[i] = self._first_t, moment.now
            self._preceding = moment.now.own
        return out

    def _behind(self, i: int) -> tuple[bool, bool]:
        """Whether a parameter before this one, or one of its group, has no gradient."""
        before = [self.owner[k] for k in range(i) if not self._present[k]]
        return bool(before), self.owner[i] in before

    def absent(self, i: int) -> Moment:
        """Moment of parameter ``i`` of the present call as if it had a gradient."""
        return self._moment(i, self.turn(i), 0)

    def _moment(self, i: int, turn: Turn, position: int) -> Moment:
        groups = (self.hypers[0], self.hypers[-1], self._opened[0])
        read = (turn.now, self._opened[self.owner[i]], *groups)
        now, past = Sources(*map(self._lifted, read)), self._earlier[i]
        behind, in_group = self._behind(i)
        return Moment(
            t=turn.t,
            call=self._call,
            index=i,
            count=len(self.owner),
            position=position,
            size=self._sizes[i],
            first_t=self._first_t,
            past_first_t=self._past_first[i],
            updates=self._updates,
            taken=self._taken[i],
            since=self._since[i],
            opening=past is None,
            foremost=self._preceding is None,
            behind=behind,
            behind_in_group=in_group,
            ahead=self._ahead[i],
            ahead_in_group=self._ahead_in_group[i],
            idle=self._idle[i],
            active=self._active[i],
            now=now,
            past=past or now,
            preceding=self._preceding or now.own,
        )

    def _lifted(self, hyper: Hyperparameters) -> Hyper:
        known = self._known.get(hyper)
        if known is not None:
            return known
        lift = self._lift
        self._known[hyper] = lifted = Hyper(
            lr=lift(hyper.lr),
            lambd=lift(hyper.lambd),
            alpha=lift(hyper.alpha),
            t0=hyper.t0,
            weight_decay=lift(hyper.weight_decay),
            maximize=hyper.maximize,
        )
        return lifted


def _all_zero(grad: Any) -> bool:
    return not (grad.any() if isinstance(grad, np.ndarray) else any(grad))
