"""Blocks on several threads: NumPy's kernels run outside the interpreter's lock.

Threads share one queue of blocks, so that none waits for a slower one. The caller works too, and
waits for blocks alone, never for a thread that begins when nothing is left. Small steps stay on the
caller's thread.
"""

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from numpy.typing import NDArray

from .blocks import CORES, Block, workers
from .kernels import SCRATCH, Scalars

Job = tuple[Block, Sequence[NDArray[Any]], Scalars]
"""A block, the gradients of its cohort, and what all elements share."""


class _Work:
    """Jobs that are left, and those that are done: each changes in one call, which is atomic."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.left, self.done = deque(jobs), list[Job]()


class _Pool:
    """Helper threads, made at their first use, and anew in a forked process."""

    def __init__(self) -> None:
        self.size = CORES - 1
        self.forget()

    def forget(self) -> None:
        self.executor: ThreadPoolExecutor | None = None

    def share(self, work: _Work, count: int) -> list[Future[None]]:
        """Let up to ``count`` helpers work."""
        if self.executor is None:
            self.executor = ThreadPoolExecutor(self.size, thread_name_prefix="asgd")
        futures = []
        try:
            for _ in range(count):
                futures.append(self.executor.submit(_empty, work))  # noqa: PERF401 - see below
        except RuntimeError:
            # No thread can be started: those that run, and the caller, do the work.
            self.forget()
        return futures


POOL = _Pool()
if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork.
    os.register_at_fork(after_in_child=POOL.forget)


def run_all(jobs: Sequence[Job], cost: int) -> None:
    """Run ``jobs``, of a total `blocks.cost`, each once and in any order.

    Raises
    ------
    BaseException
        What a block raised, once no other block runs any more.
    """
    helpers = min(workers(cost), len(jobs), POOL.size + 1) - 1 if len(jobs) > 1 else 0
    if helpers <= 0:
        SCRATCH.context.run(_each, jobs)
        return
    work = _Work(jobs)
    futures = POOL.share(work, helpers)
    try:
        _empty(work)
    finally:
        if len(work.done) < len(jobs):
            _settle(futures)
    for future in futures:
        # One that is still running found nothing to do.
        if not future.cancel() and future.done():
            future.result()


def _settle(futures: Sequence[Future[None]]) -> None:
    """Wait for all helpers that have begun, also where the waiting is interrupted."""
    running = [future for future in futures if not future.cancel()]
    interrupt = None
    while running:
        try:
            running = list(wait(running).not_done)
        except BaseException as error:  # noqa: BLE001 - no block may be left half done
            interrupt = error
    if interrupt is not None:
        raise interrupt


def _empty(work: _Work) -> None:
    SCRATCH.context.run(_work_off, work)


def _each(jobs: Sequence[Job]) -> None:
    for block, grads, scalars in jobs:
        block.run(grads, scalars)


def _work_off(work: _Work) -> None:
    while True:
        try:
            job = work.left.popleft()
        except IndexError:  # Nothing is left, or another thread took the last one.
            return
        block, grads, scalars = job
        block.run(grads, scalars)
        work.done.append(job)
