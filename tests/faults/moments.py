"""The moments of a scenario: what a rule is asked about."""

from collections.abc import Callable, Sequence

from asgd.spec import Hyperparameters

from ..ports.scenario import Group
from ..ports.timeline import Timeline, Turn
from .variant import Hyper, Moment, Number


class Moments(Timeline):
    """A timeline whose turns are moments, in the arithmetic at hand.

    Parameters
    ----------
    groups : sequence of Group
        The groups, as opened.
    lift : callable
        Number of the arithmetic at hand for a hyperparameter.
    """

    def __init__(self, groups: Sequence[Group], lift: Callable[[float], Number]) -> None:
        super().__init__(groups)
        self._lift = lift
        self._known: dict[Hyperparameters, Hyper] = {}
        self._opened = list(self.hypers)
        self._first_t = 0
        self._past_first = [0] * len(self.owner)
        self._call = 0

    def moments(self, present: Sequence[bool]) -> list[Moment | None]:
        """Moments of one call, one for each parameter; None for one without gradient.

        The numbers of a moment (gradient, theta, average, initial theta) are left to the caller.
        """
        self._call += 1
        turns = self.step(present)
        self._first_t = next((turn.t for turn in turns if turn is not None), 0)
        out = [None if turn is None else self._moment(i, turn) for i, turn in enumerate(turns)]
        for i, turn in enumerate(turns):
            if turn is not None:
                self._past_first[i] = self._first_t
        return out

    def absent(self, i: int) -> Moment:
        """Moment of parameter ``i`` of the present call as if it had a gradient."""
        return self._moment(i, self.turn(i))

    def _moment(self, i: int, turn: Turn) -> Moment:
        return Moment(
            t=turn.t,
            call=self._call,
            index=i,
            count=len(self.owner),
            first_t=self._first_t,
            past_first_t=self._past_first[i],
            now=self._lifted(turn.now),
            past=None if turn.past is None else self._lifted(turn.past),
            opened=self._lifted(self._opened[self.owner[i]]),
            first=self._lifted(self.hypers[0]),
            last=self._lifted(self.hypers[-1]),
            grad=None,
            theta=None,
            average=None,
            start=None,
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
