"""Blocks: what of a cohort's parameters is worked on at a time.

Large parameters are worked on where they are, in blocks. Small ones of a cohort are gathered into
one block, so that a list of many costs two copies each instead of a handful of kernels each.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .kernels import BLOCK, SCRATCH, Scalars, accumulate, update
from .window import Window

SMALL = 1 << 13
"""Parameters up to this size are gathered: beyond it, copying costs what fewer calls save."""

Gradients = Sequence[NDArray[Any]]


class Block:
    """A part of one parameter, or several small parameters, that is worked on at a time.

    Parameters
    ----------
    members : sequence of int
        Places in the cohort: one, or several that are gathered.
    thetas : sequence of (n_i,) array
        Their parameters, contiguous.
    start, stop : int
        Part of the parameter, if it is one.
    """

    def __init__(
        self, members: Sequence[int], thetas: Sequence[NDArray[Any]], start: int, stop: int
    ) -> None:
        self.members, self.thetas = members, thetas
        self.size = stop - start
        self.whole = stop - start == thetas[0].size
        self.gathered = len(thetas) > 1
        self.part = slice(start, stop)
        self.theta = thetas[0][self.part]
        self.sum: tuple[NDArray[Any], NDArray[Any] | None] | None = None

    def set_sum(self, windows: Sequence[Window] | None) -> None:
        """Take the sums of the members' windows, or none; those gathered move into one array."""
        if windows is None:
            self.sum = None
            return
        window = windows[self.members[0]]
        if not self.gathered:
            low = window.low
            self.sum = window.high[self.part], None if low is None else low[self.part]
            return
        mine = [windows[i] for i in self.members]
        high = np.concatenate([w.high for w in mine])
        low = (
            None
            if window.low is None
            else np.concatenate([w.low for w in mine if w.low is not None])
        )
        start = 0
        for w in mine:
            stop = start + w.high.size
            w.high = high[start:stop]
            w.low = None if low is None else low[start:stop]
            start = stop
        self.sum = high, low

    def run(self, grads: Gradients, scalars: Scalars) -> None:
        """Take the step; ``grads`` are those of the cohort, contiguous and flat."""
        theta, size = self.theta, self.size
        if self.gathered:
            theta, grad = (array[:size] for array in SCRATCH.gathered(theta.dtype))
            np.concatenate(self.thetas, out=theta)
            np.concatenate([grads[i] for i in self.members], out=grad)
        else:
            grad = grads[self.members[0]]
            if not self.whole:
                grad = grad[self.part]
        first, second = SCRATCH.of(theta.dtype)
        update(theta, grad, scalars, first if size == BLOCK else first[:size])
        if self.sum is not None:
            accumulate(*self.sum, theta, second if size == BLOCK else second[..., :size])
        if self.gathered:
            start = 0
            for whole in self.thetas:
                stop = start + whole.size
                whole[:] = theta[start:stop]
                start = stop


def blocks(thetas: Sequence[NDArray[Any]]) -> list[Block]:
    """Blocks of a cohort's parameters, flat arrays of one dtype; empty ones have none."""
    out, gathered, size = [], list[int](), 0
    for i, theta in enumerate(thetas):
        if 0 < theta.size <= SMALL:
            if size + theta.size > BLOCK:
                out.append(_gather(gathered, thetas))
                gathered, size = [], 0
            gathered.append(i)
            size += theta.size
        else:
            out += [
                Block([i], [theta], start, min(start + BLOCK, theta.size))
                for start in range(0, theta.size, BLOCK)
            ]
    if gathered:
        out.append(_gather(gathered, thetas))
    return out


def _gather(members: Sequence[int], thetas: Sequence[NDArray[Any]]) -> Block:
    mine = [thetas[i] for i in members]
    return Block(members, mine, 0, sum(theta.size for theta in mine))
