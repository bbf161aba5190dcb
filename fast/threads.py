"""Blocks on several threads: NumPy's kernels run outside the interpreter's lock.

Threads share one iterator over the blocks, so that none waits for a slower one. Handing work over
costs tens of microseconds, so small steps stay on the caller's thread.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from numpy.typing import NDArray

from .blocks import Block
from .kernels import SCRATCH, Scalars

THREADED = 3 << 17
"""Steps of fewer elements stay on one thread: measured in ``spec/kernels.md``, "Speed"."""

# A few cores saturate the memory; more only wait for the interpreter's lock.
_MOST = 8


def _cpus() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # pragma: no cover - not everywhere
        return os.cpu_count() or 1


class _Pool:
    """A thread pool that is made at its first use, and anew in a forked process."""

    def __init__(self) -> None:
        self.executor: ThreadPoolExecutor | None = None
        self.helpers = min(_cpus(), _MOST) - 1

    def forget(self) -> None:
        self.executor = None

    def get(self) -> ThreadPoolExecutor:
        if self.executor is None:
            self.executor = ThreadPoolExecutor(self.helpers, thread_name_prefix="asgd")
        return self.executor


_POOL = _Pool()
if hasattr(os, "register_at_fork"):
    # Threads do not survive a fork.
    os.register_at_fork(after_in_child=_POOL.forget)


Job = tuple[Block, Sequence[NDArray[Any]], Scalars]
"""A block, the gradients of its cohort, and what all elements share."""


def run_all(jobs: Sequence[Job], elements: int) -> None:
    """Run ``jobs``, which together have so many elements, each once and in any order."""
    queue = iter(jobs)
    if elements < THREADED or not _POOL.helpers:
        SCRATCH.context.run(_work, queue)
        return
    pool = _POOL.get()
    helpers = [pool.submit(_help, queue) for _ in range(_POOL.helpers)]
    try:
        SCRATCH.context.run(_work, queue)
    finally:
        for helper in helpers:
            helper.result()


def _help(queue: Iterator[Job]) -> None:
    SCRATCH.context.run(_work, queue)


def _work(queue: Iterator[Job]) -> None:
    for block, grads, scalars in queue:
        block.run(grads, scalars)
