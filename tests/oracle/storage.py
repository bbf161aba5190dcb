"""What a port may have kept along a trace, under the policies that admit it.

Under `scaled-storage` that is vectors and their divisors; under `window-sum`, iterates, or their
distances from one of them.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from asgd.reference.tolerance import Arithmetic, Storage
from asgd.spec import Convention

from ..ports.timeline import Turn
from .blocks import at
from .one_number import StepSize, step_size_of
from .window import window

_UNKNOWN = Storage(math.inf, math.inf, math.inf, math.inf)


class Past(NamedTuple):
    """What the bound of an average may ask of the steps before.

    Attributes
    ----------
    previous : vector
        Parameter before the step.
    largest : vector or None
        Largest magnitude of each element so far; only under `window-sum`.
    matters : bool
        Whether the bound asks for any of it.
    """

    previous: Sequence[float]
    largest: Sequence[float] | None = None
    matters: bool = False

    def at(self, j: Any) -> dict[str, Any]:
        """What `average_tolerance` is given of an element, or of all."""
        if not self.matters:
            return {}
        largest = {} if self.largest is None else {"largest": at(self.largest, j)}
        return {"previous": at(self.previous, j), **largest}


class Storages:
    """Arithmetic of each step: under other policies, the one that was given.

    Parameters
    ----------
    convention, arithmetic
        What a trace is judged against.
    params : sequence of vector
        The parameters, as they begin.
    counts : sequence of int
        Steps that each parameter has taken before; what it kept then is not known.
    """

    def __init__(
        self,
        convention: Convention,
        arithmetic: Arithmetic,
        params: Sequence[Sequence[float]],
        counts: Sequence[int],
    ) -> None:
        self._convention, self._arithmetic = convention, arithmetic
        self._largest: list[list[float]] | None = None
        if arithmetic.policy.form == "window":
            self._largest = [
                [math.inf if t else abs(x) for x in p] for p, t in zip(params, counts, strict=True)
            ]
        scaled = arithmetic.policy.form == "scaled"
        self._kept = [_UNKNOWN if t else Storage() for t in counts] if scaled else None

    def step(self, i: int, turn: Turn) -> Arithmetic:
        """Arithmetic of a step of parameter ``i``, which is taken."""
        if self._kept is None:
            return self._arithmetic
        rule, scheduled = self._convention, turn.scheduled(self._convention)
        size = step_size_of(turn.t - rule.eta_lag, scheduled, self._arithmetic)
        # A port may put weight_decay into the divisor, or into the gradient.
        decays = (turn.now.lambd, turn.now.lambd + turn.now.weight_decay)
        ranges = [self._range(size, decay) for decay in decays]
        opened = window(turn.t, scheduled.t0, rule)
        mu = 1.0 if opened is None or opened.mu is None else float(opened.mu)
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        self._kept[i] = self._kept[i].after(low, high, mu)
        return replace(self._arithmetic, storage=self._kept[i])

    def past(self, i: int, previous: Sequence[float], theta: Sequence[float]) -> Past:
        """What is known of parameter ``i`` after a step to ``theta``."""
        if self._largest is None:
            return Past(previous, None, self._kept is not None)
        pairs = zip(self._largest[i], theta, strict=True)
        self._largest[i] = [max(x, abs(y)) for x, y in pairs]
        return Past(previous, self._largest[i], matters=True)

    def _range(self, size: StepSize, decay: float) -> tuple[float, float]:
        """Least and largest magnitude of 1 - eta decay, as it is computed."""
        shrink = size.size * decay
        spread = size.bound() * decay + 8 * self._arithmetic.fmt.u * (1 + shrink)
        return abs(1 - shrink) - spread, abs(1 - shrink) + spread
