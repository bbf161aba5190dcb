"""How fast the truth is: certified trajectories beside the recurrence in mpmath, in one run."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from asgd.reference import average, averaging_weight, descend, gradient, real, step_size, trajectory
from asgd.reference.certified.certificate import rounded_step_size
from asgd.reference.rounding import formats

HYPER: dict[str, Any] = {
    "lr": 0.01,
    "lambd": 1e-4,
    "alpha": 0.75,
    "t0": 100.0,
    "weight_decay": 0.01,
}


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes
    ----------
    name : str
        What was measured.
    value : float
        Result, the best of a few runs where it is a time.
    unit : str
        Its unit.
    """

    name: str
    value: float
    unit: str


def _best(work: Callable[[], Any], repeat: int) -> float:
    """Shortest time of some runs, in seconds: others use the machine too, and only ever add."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def _recurrence(theta: Any, grads: Any, precision: int) -> tuple[list[Any], list[Any]]:
    """Last theta and average by the equations on mpmath numbers; eta and mu once a step."""
    lr, lambd, alpha, t0, decay = (real(x, precision) for x in HYPER.values())
    values = [real(x, precision) for x in theta.tolist()]
    means = values
    for t, row in enumerate(grads.tolist(), 1):
        eta = step_size(t, lr=lr, lambd=lambd, alpha=alpha)
        mu = averaging_weight(t + 1, t0=t0)
        totals = [
            gradient(real(g, precision), x, weight_decay=decay)
            for g, x in zip(row, values, strict=True)
        ]
        values = [descend(x, g, eta=eta, lambd=lambd) for x, g in zip(values, totals, strict=True)]
        means = [average(m, x, mu=mu) for m, x in zip(means, values, strict=True)]
    return values, means


def _inputs(elements: int, steps: int, dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(elements).astype(dtype)
    return theta, rng.standard_normal((steps, elements), np.float32).astype(dtype)


def run_truth_benchmark(
    *, elements: int = 4096, steps: int = 400, random: int = 1_000_000, repeat: int = 3
) -> list[Row]:
    """Measure everything, in one run.

    Parameters
    ----------
    elements, steps : int
        Size of the trajectories.
    random : int
        Random elements of which the undecided are counted.
    repeat : int
        Runs of each measurement; the shortest counts.
    """
    few, some = min(elements, 64), min(steps, 50)
    theta, grads = _inputs(few, some, "float64")
    naive = _best(lambda: _recurrence(theta, grads, 113), repeat) / (few * some) * 1e9
    rows = [Row("mpmath recurrence, 113 bits, proves nothing", naive, "ns")]

    def certified(name: str, dtype: str, n: int, t: int, **how: Any) -> float:
        x, g = _inputs(n, t, dtype)

        def work() -> None:
            for moment in trajectory(x, g, **HYPER, dtype=dtype, **how):
                assert not moment.theta.undecided.any()

        nanoseconds = _best(work, repeat) / (n * t) * 1e9
        rows.append(Row(f"{name}, {dtype}", nanoseconds, "ns"))
        return nanoseconds

    for dtype in formats:
        last = certified("certified, last step", dtype, elements, steps, calls={steps})
        rows.append(Row(f"   times faster than mpmath, {dtype}", naive / last, "x"))
        certified("certified, all steps", dtype, elements, steps)
    simple = {"calls": {some}, "engine": "integers"}
    certified("integer engine, last step", "float64", min(elements, 512), some, **simple)
    rows += _step_sizes(repeat)
    rows += _undecided(random)
    return rows


def _step_sizes(repeat: int) -> list[Row]:
    rows = []
    for alpha in (0.75, 0.6):

        def work(alpha: float = alpha) -> None:
            for t in range(1, 1001):
                rounded_step_size(t, lr=0.01, lambd=1e-4, alpha=alpha, fmt=formats["float64"])

        rows.append(Row(f"certified step size, alpha = {alpha}", _best(work, repeat) * 1e3, "us"))
    return rows


def _undecided(count: int) -> list[Row]:
    rows = []
    for dtype in formats:
        theta, grads = _inputs(count, 8, dtype)
        (end,) = trajectory(theta, grads, **HYPER, dtype=dtype, calls={8})
        assert end.average is not None
        undecided = int(end.theta.undecided.sum() + end.average.undecided.sum())
        rows.append(Row(f"undecided among {count} random elements, {dtype}", undecided, ""))
    return rows


def print_truth() -> None:
    """Measure how fast certified values are, and print it; times are per element and step."""
    for row in run_truth_benchmark():
        sys.stdout.write(f"{row.name:<60} {row.value:10.4g} {row.unit}".rstrip() + "\n")
