"""Scaled storage along a trace: what a port under `scaled-storage` may have kept at each step."""

import math
from collections.abc import Sequence
from dataclasses import replace

from asgd.reference.tolerance import Arithmetic, Storage
from asgd.spec import Convention

from ..ports.timeline import Turn
from .one_number import StepSize, step_size_of
from .window import window

_UNKNOWN = Storage(math.inf, math.inf, math.inf, math.inf)


class Storages:
    """Arithmetic of each step: under other policies, the one that was given.

    Parameters
    ----------
    convention, arithmetic
        What a trace is judged against.
    counts : sequence of int
        Steps that each parameter has taken before; what it kept then is not known.
    """

    def __init__(
        self, convention: Convention, arithmetic: Arithmetic, counts: Sequence[int]
    ) -> None:
        self._convention, self._arithmetic = convention, arithmetic
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

    def _range(self, size: StepSize, decay: float) -> tuple[float, float]:
        """Least and largest magnitude of 1 - eta decay, as it is computed."""
        shrink = size.size * decay
        spread = size.bound() * decay + 8 * self._arithmetic.fmt.u * (1 + shrink)
        return abs(1 - shrink) - spread, abs(1 - shrink) + spread
