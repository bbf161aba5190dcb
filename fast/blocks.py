"""Blocks: what of a cohort's parameters is worked on at a time.

Large parameters are worked on where they are, in blocks. Small ones of a cohort are gathered into
one block, so that a list of many costs three copies each instead of a handful of kernels each.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec.optimizer import ParameterState

from .backend import BACKEND
from .kernels import SCRATCH, Scalars, accumulate, elements, update
from .window import Window

SMALL = 1 << 13
"""Parameters up to this size are gathered: beyond it, copying costs what fewer calls save."""

THREADED = 9 << 17
"""Steps that cost less than this many float32 updates stay on one thread: they take less than half
a millisecond, which another thread makes longer (``tests/meta/studies/threads.py``)."""


def cost(theta: NDArray[Any], *, averaged: bool, compensated: bool = False) -> int:
    """Cost of a step, in updates of one float32 number: it goes with the bytes moved."""
    words = theta.nbytes // 4
    shares = 2 if compensated else 1
    if averaged:
        shares += 2 if theta.dtype == np.float64 else 1
    return shares * words


def _cores() -> int:
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover - not everywhere
        cores = os.cpu_count() or 1
    # A few cores saturate the memory; more only wait for the interpreter's lock.
    return min(cores, 8)


CORES = _cores()


def workers(cost: int) -> int:
    """Threads that a step is worth: each has at least half of what two are worth it for."""
    if BACKEND.kernels is not None:
        cost //= 2  # One pass takes less than half of the time.
    return min(CORES, 2 * cost // THREADED) if cost >= THREADED else 1


# Blocks end where cache lines do, whatever the dtype.
_GRAIN = 64

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
        self.key = self.theta.dtype.char, self.size
        self.sum: tuple[NDArray[Any], NDArray[Any] | None] | None = None
        self.carry: NDArray[Any] | None = None
        self._room: tuple[NDArray[Any], NDArray[Any]] | None = None
        self._pairs: list[tuple[NDArray[Any], NDArray[Any]]] = []

    def set_carry(self, states: Sequence[ParameterState]) -> None:
        """Take the carries of the members; those gathered move into one array."""
        mine = [states[i] for i in self.members]
        if not self.gathered:
            self.carry = mine[0].carry[self.part]
            return
        self.carry = np.concatenate([state.carry for state in mine])
        start = 0
        for state in mine:
            stop = start + state.carry.size
            state.carry = self.carry[start:stop]
            start = stop

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
        """Take the step; ``grads`` are those of the cohort, contiguous and flat if not gathered."""
        if self.gathered:
            theta, grad = self._gather(grads)
        else:
            theta, grad = self.theta, grads[self.members[0]]
            if not self.whole:
                grad = grad[self.part]
        compiled = BACKEND.kernels
        if compiled is not None:
            compiled.step(theta, grad, scalars, self.carry, self.sum)
        else:
            first, rest, rows = SCRATCH.of(self.key)
            update(theta, grad, scalars, first, self.carry, rest)
            if self.sum is not None:
                accumulate(*self.sum, theta, rows, self.carry)
        if self.gathered:
            for whole, part in self._pairs:
                whole[...] = part

    def _gather(self, grads: Gradients) -> tuple[NDArray[Any], NDArray[Any]]:
        """The members and their gradients, each in one array of this thread."""
        room = SCRATCH.gathered(self.theta.dtype)
        if room is not self._room:
            # Cutting costs as much as copying: it is done again only on another thread.
            ends = np.cumsum([theta.size for theta in self.thetas])[:-1]
            self._room = room
            self._pairs = list(zip(self.thetas, np.split(room[0][: self.size], ends), strict=True))
        theta, grad = room[0][: self.size], room[1][: self.size]
        np.concatenate(self.thetas, out=theta)
        np.concatenate([grads[i].ravel() for i in self.members], out=grad)
        return theta, grad


def blocks(thetas: Sequence[NDArray[Any]]) -> list[Block]:
    """Blocks of a cohort's parameters, flat arrays of one dtype; empty ones have none."""
    out, gathered, size = [], list[int](), 0
    for i, theta in enumerate(thetas):
        if not theta.size:
            continue
        if theta.size <= SMALL:
            if size + theta.size > elements(theta.dtype):
                out.append(_gather(gathered, thetas))
                gathered, size = [], 0
            gathered.append(i)
            size += theta.size
        else:
            size_of_block = _evenly(theta)
            out += [
                Block([i], [theta], start, min(start + size_of_block, theta.size))
                for start in range(0, theta.size, size_of_block)
            ]
    if gathered:
        out.append(_gather(gathered, thetas))
    return out


def _evenly(theta: NDArray[Any]) -> int:
    """Size of the blocks that ``theta`` is cut into, so that all threads have as much to do."""
    count = -(-theta.size // elements(theta.dtype))
    share = workers(cost(theta, averaged=True))
    count = -(-count // share) * share
    return -(-theta.size // (count * _GRAIN)) * _GRAIN


def _gather(members: Sequence[int], thetas: Sequence[NDArray[Any]]) -> Block:
    mine = [thetas[i] for i in members]
    return Block(members, mine, 0, sum(theta.size for theta in mine))
