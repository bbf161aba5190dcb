"""Blocks on several threads: NumPy's kernels run outside the interpreter's lock.

Threads share one queue of blocks, so that none waits for a slower one. Each waits for work at a
lock of its own, which is released faster than a future is made and waited for. Small steps stay on
the caller's thread all the same.
"""

import os
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from .blocks import CORES, Block, workers
from .kernels import SCRATCH, Scalars

Job = tuple[Block, Sequence[NDArray[Any]], Scalars]
"""A block, the gradients of its cohort, and what all elements share."""


class _Share:
    """One thread's share in a step: blocks from the queue, as long as there are any."""

    def __init__(self, queue: deque[Job]) -> None:
        self.queue = queue
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def work(self) -> None:
        try:
            SCRATCH.context.run(_empty, self.queue)
        except BaseException as error:  # noqa: BLE001 - it is raised in the caller's thread
            self.error = error
        self.done.release()

    def wait(self) -> BaseException | None:
        """Wait for the end of the work; what it raised, or what interrupted the waiting."""
        interrupt = None
        while True:
            try:
                self.done.acquire()
            except BaseException as error:  # noqa: BLE001 - no block may be left half done
                interrupt = error
            else:
                return self.error or interrupt


class _Helper(threading.Thread):
    """A thread that takes its share again and again."""

    def __init__(self) -> None:
        # It holds nothing that must be put away, so the interpreter need not wait for its end.
        super().__init__(name="asgd", daemon=True)
        self.share: _Share | None = None
        self.given = threading.Lock()
        self.given.acquire()

    def run(self) -> None:
        while True:
            self.given.acquire()
            share, self.share = self.share, None
            if share is not None:
                share.work()
            # What it worked on is the user's, and must not live on in a thread that waits.
            del share

    def give(self, share: _Share) -> None:
        self.share = share
        self.given.release()


class _Pool:
    """Helpers that are made at their first use, and anew in a forked process."""

    def __init__(self) -> None:
        self.size = CORES - 1
        self.forget()

    def forget(self) -> None:
        self.helpers: list[_Helper] = []
        # Two optimizers may step at a time, on threads of the user's: one of them has the helpers.
        self.free = threading.Lock()

    def get(self, count: int) -> list[_Helper]:
        while len(self.helpers) < count:
            helper = _Helper()
            try:
                helper.start()
            except RuntimeError:  # No more threads are to be had: those that are there must do.
                break
            self.helpers.append(helper)
        return self.helpers[:count]


POOL = _Pool()
if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork.
    os.register_at_fork(after_in_child=POOL.forget)


def run_all(jobs: Sequence[Job], cost: int) -> None:
    """Run ``jobs``, which together cost so much (`blocks.cost`), each once and in any order."""
    helpers = min(workers(cost), len(jobs), POOL.size + 1) - 1
    free = POOL.free
    if helpers < 1 or not free.acquire(blocking=False):
        SCRATCH.context.run(_run, jobs)
        return
    try:
        _run_shared(deque(jobs), POOL.get(helpers))
    finally:
        free.release()


def _run(jobs: Sequence[Job]) -> None:
    for block, grads, scalars in jobs:
        block.run(grads, scalars)


def _run_shared(queue: deque[Job], helpers: Sequence[_Helper]) -> None:
    shares = []
    errors: list[BaseException | None] = []
    try:
        for helper in helpers:
            share = _Share(queue)
            helper.give(share)
            shares.append(share)
        SCRATCH.context.run(_empty, queue)
    finally:
        errors = [share.wait() for share in shares]
    for error in errors:
        if error is not None:
            raise error


def _empty(queue: deque[Job]) -> None:
    while queue:
        try:
            block, grads, scalars = queue.popleft()
        except IndexError:  # Another thread took the last one meanwhile.
            return
        block.run(grads, scalars)
