"""What makes a trajectory what it is: initial value, gradients, hyperparameters (uses NumPy)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import tee
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Convention, Hyperparameters

from .coefficients import Tick, Transition, ticks, transition
from .enclosure import HIGHEST_PRECISION, TooWideError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """A trajectory to compute; every input is an exact number.

    Attributes
    ----------
    theta : (n,) float64
        Initial value.
    grads : iterable of (n,) floats, or None
        Gradient of each call; it can be iterated over more than once.
    hyper : Hyperparameters
        At the first call.
    changes : mapping
        Hyperparameters that change, by the call before which they do.
    rule : Convention
        Reading of ASGD.
    """

    theta: Floats
    grads: Iterable[Any]
    hyper: Hyperparameters
    changes: Mapping[int, Mapping[str, Any]]
    rule: Convention

    def rows(self) -> Iterator[Floats | None]:
        """Gradient of each call, checked.

        Raises
        ------
        ValueError
            If one is of another shape, or not finite.
        """
        for call, row in enumerate(self.grads, 1):
            if row is None:
                yield None
                continue
            grad = np.asarray(row)
            if grad.shape != self.theta.shape:
                raise ValueError(
                    f"grads must be of the shape {self.theta.shape} of theta0, "
                    f"got {grad.shape} at call {call}"
                )
            if not np.isfinite(grad).all():
                bad = float(grad[~np.isfinite(grad)][0])
                raise ValueError(f"grads must be finite, got {bad!r} at call {call}")
            yield grad.astype(np.float64, copy=False)

    def steps(self) -> Iterator[tuple[Floats | None, Tick | None]]:
        """Gradient and tick of each call."""
        # The clock reads of each row whether it is there, and is asked right after it.
        first, second = tee(self.rows())
        clock = ticks((row is not None for row in second), self.hyper, self.changes, self.rule)
        return zip(first, clock, strict=True)


def certain_transition(tick: Tick, rule: Convention, precision: int) -> Transition:
    """Transition at ``precision``, or at the first higher one that it can be enclosed at.

    Raises
    ------
    TooWideError
        If no precision up to a very high one is enough.
    """
    while True:
        try:
            return transition(tick, rule, precision)
        except TooWideError:
            precision *= 2
            if precision > 8 * HIGHEST_PRECISION:
                raise
