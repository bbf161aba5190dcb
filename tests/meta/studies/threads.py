"""From which cost on a step is worth a second thread (``fast/blocks.py``, THREADED).

    ASGD_BACKEND=numpy python tests/meta/studies/threads.py
    ASGD_BACKEND=numba python tests/meta/studies/threads.py

For each size it prints the cost of a step in updates of one float32 number, its time on one thread
in microseconds, and how many times as fast it is on two; what takes turns, and the shortest counts.
First, how long it takes until another thread is at work.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np

from asgd.fast import ASGD, Parameter, blocks, threads

_SIZES = (200_000, 300_000, 600_000, 1_000_000, 2_000_000, 4_000_000, 10_000_000)
_UPDATES = 3_000_000  # of one element, in a turn
_TURNS = 30


def begins() -> float:
    """Microseconds until a thread that waits for work has begun, in the median."""
    array, found = np.ones(200_000, np.float32), []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(1000):
            asked = time.perf_counter()
            future = pool.submit(time.perf_counter)
            for _ in range(4):
                np.multiply(array, array, array)
            found.append(future.result() - asked)
    return 1e6 * median(found)


def times(size: int, dtype: str, t0: float) -> tuple[int, float, float]:
    """Cost of a step, and its time on one thread and on two, in microseconds."""
    parameter = Parameter(np.ones(size, dtype))
    parameter.grad = np.full(size, 0.5, dtype)
    optimizer = ASGD([parameter], lr=0.01, t0=t0)
    steps, best = max(1, _UPDATES // size), [float("inf")] * 2
    for turn in range(_TURNS):
        for i in range(2):
            threads.workers = lambda _cost, count=i + 1: count
            start = time.perf_counter()
            for _ in range(steps):
                optimizer.step()
            if turn:
                best[i] = min(best[i], (time.perf_counter() - start) / steps)
    cost = blocks.cost(parameter.data, averaged=t0 == 0)
    return cost, 1e6 * best[0], 1e6 * best[1]


def main() -> None:
    """Print a row for each size, dtype, and averaging off and on."""
    blocks.THREADED = 1  # All are cut for two threads.
    sys.stdout.write(f"another thread is at work after {begins():.0f} us\n")
    for size in _SIZES:
        for dtype in ("float32", "float64"):
            for t0 in (1e9, 0.0):
                cost, one, two = times(size, dtype, t0)
                average = "averaging" if t0 == 0 else "no average"
                row = f"{size:>9} {dtype} {average:<10} {cost:>9} {one:>7.0f} us {one / two:.2f}"
                sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()
