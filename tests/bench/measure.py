"""Measure steps side by side: time, accuracy and memory of each contender.

Other programs may use the machine: contenders take turns, in several rounds, and the shortest time
of each counts. Wall time stands beside processor time, the sum over all threads, which says what a
step costs where the cores are not free.
"""

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asgd.reference import formats
from asgd.reference.certified.enclosure import Enclosure
from asgd.reference.certified.trajectory import trajectory
from asgd.reference.rounding import ulp

from .contenders import ALONE, ALPHA, CONTENDERS, LAMBD, LR, Contender, resnet50
from .results import SCHEMA

SIZES = (10**3, 10**4, 10**5, 10**6, 10**7, 4 * 10**7)
LIST = "161 tensors"
SMALL_LIST = "161 x 64"
NEVER = 1e6
ACCURACY_STEPS = 1000
_ELEMENTS = 8
_ROUNDS = 5
# Steps until what a contender allocates at first is there.
_WARM = 3


@dataclass(frozen=True)
class Case:
    """What is measured: one array or a list of them, in a dtype, with averaging or not."""

    layout: str
    dtype: str
    averaging: bool

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the parameters."""
        if self.layout == LIST:
            return resnet50()
        return [(64,)] * 161 if self.layout == SMALL_LIST else [(int(self.layout),)]

    @property
    def elements(self) -> int:
        """Number of elements, of all parameters."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def t0(self) -> float:
        """0: the window is open from the first step; else it never opens here."""
        return 0.0 if self.averaging else NEVER


@dataclass(frozen=True)
class Timing:
    """Time of a step of one contender, in nanoseconds an element."""

    case: Case
    wall_ns: Mapping[str, float]
    cpu_ns: Mapping[str, float]


def make(name: str, case: Case) -> Contender:
    """Contender with parameters and gradients of ordinary size."""
    rng = np.random.default_rng(0)
    thetas = [rng.standard_normal(shape, np.float32).astype(case.dtype) for shape in case.shapes]
    grads = [np.full(shape, 0.125, case.dtype) for shape in case.shapes]
    contender = CONTENDERS[name](thetas, case.t0)
    contender.set_grads(grads)
    for _ in range(_WARM):
        contender.step()
    return contender


Timer = Callable[[int], tuple[float, float]]
"""Seconds of a step on the clock and of the processor, over as many steps as given."""


def measure(case: Case, names: Sequence[str], seconds: float) -> Timing:
    """Shortest times of a step, from rounds that take ``seconds`` a contender in all."""
    # Compiling a list of tensors takes minutes.
    single = len(case.shapes) == 1
    names = [name for name in names if single or name != "torch compile"]
    wall, cpu = dict.fromkeys(names, math.inf), dict.fromkeys(names, math.inf)
    with ExitStack() as stack:
        timers = {name: stack.enter_context(_timer(name, case)) for name in names}
        counts = {name: _count(timer, seconds / _ROUNDS) for name, timer in timers.items()}
        for _ in range(_ROUNDS):
            for name, timer in timers.items():
                took = timer(counts[name])
                wall[name] = min(wall[name], took[0] * 1e9 / case.elements)
                cpu[name] = min(cpu[name], took[1] * 1e9 / case.elements)
    return Timing(case, wall, cpu)


@contextmanager
def _timer(name: str, case: Case) -> Iterator[Timer]:
    """Timer of a contender, in this process or a separate one."""
    if name not in ALONE:
        contender = make(name, case)
        yield lambda count: _time(contender, count)
        return
    words = [name, case.layout, case.dtype, str(int(case.averaging))]
    program = [sys.executable, "-W", "ignore", "-m", "asgd.tests.bench.measure", "time", *words]
    with subprocess.Popen(  # noqa: S603 - ours
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        ask, answer = process.stdin, process.stdout
        assert ask is not None
        assert answer is not None

        def remote(count: int) -> tuple[float, float]:
            ask.write(f"{count}\n")
            ask.flush()
            wall, cpu = answer.readline().split()
            return float(wall), float(cpu)

        yield remote
        ask.close()


def _serve(name: str, case: Case) -> None:
    """Time as many steps as each line of standard input says."""
    contender = make(name, case)
    for line in sys.stdin:
        print(*_time(contender, int(line)), flush=True)  # noqa: T201 - the answer to `_timer`


def _count(timer: Timer, seconds: float) -> int:
    """Steps that take about ``seconds``."""
    once = timer(1)[0]
    return max(1, min(2000, int(seconds / max(once, 1e-9))))


def _time(contender: Contender, count: int) -> tuple[float, float]:
    """Seconds of a step on the clock, and of the processor."""
    step = contender.step
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        step()
    return (time.perf_counter() - wall) / count, (time.process_time() - cpu) / count


def accuracy(names: Sequence[str], dtype: str) -> dict[str, dict[str, float]]:
    """Largest error of theta and of the average after 1,000 steps, in ulp of the exact value.

    Each contender is held to its own convention: torch's to `torch`, ours to `documented`.
    """
    rng = np.random.default_rng(1)
    theta = rng.standard_normal(_ELEMENTS).astype(np.float32)
    grads = rng.standard_normal((ACCURACY_STEPS, _ELEMENTS)).astype(np.float32)
    truths = {c: _truth(theta, grads, c) for c in ("documented", "torch")}
    out = {}
    for name in names:
        if name == "copy":
            continue
        contender = CONTENDERS[name]([theta.astype(dtype)], 0.0)
        for grad in grads:
            contender.set_grads([grad.astype(dtype)])
            contender.step()
        truth = truths["torch" if name.startswith("torch") else "documented"]
        got = contender.read()
        out[name] = {
            quantity: max(
                _error(exact, float(x), dtype)
                for exact, x in zip(truth[k], got[k][0].tolist(), strict=True)
            )
            for k, quantity in enumerate(("theta", "average"))
        }
    return out


def _truth(theta: Any, grads: Any, convention: str) -> tuple[list[Enclosure], list[Enclosure]]:
    [last] = trajectory(
        theta,
        grads,
        lr=LR,
        lambd=LAMBD,
        alpha=ALPHA,
        t0=0.0,
        weight_decay=0.0,
        convention=convention,
        calls={len(grads)},
    )
    assert last.average is not None
    every = range(len(theta))
    return [last.theta.enclosure(j) for j in every], [last.average.enclosure(j) for j in every]


def _error(exact: Enclosure, got: float, dtype: str) -> float:
    distance = (exact - Enclosure.of(got, 256)).magnitude()
    return distance / ulp(exact.magnitude(), formats[dtype])


def memory(name: str, dtype: str, *, averaging: bool, elements: int) -> float | None:
    """Most memory beyond theta and grad while stepping, in arrays of theta's size.

    None where the system does not tell, or the contender does not run.
    """
    case = [name, dtype, str(int(averaging)), str(elements)]
    program = [sys.executable, "-W", "ignore", "-m", "asgd.tests.bench.measure", "memory", *case]
    done = subprocess.run(program, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    try:
        return float(done.stdout.split()[-1])
    except (IndexError, ValueError):
        return None


def _memory_of_this_process(name: str, dtype: str, elements: int, *, averaging: bool) -> float:
    """Growth of the peak of resident memory over the first steps."""
    case = Case("1000", dtype, averaging)
    # Libraries are loaded and threads started by a small optimizer first.
    make(name, case)
    thetas = [np.ones(elements, dtype)]
    grads = [np.ones(elements, dtype)]
    contender = CONTENDERS[name](thetas, case.t0)
    contender.set_grads(grads)
    if name.startswith("torch"):
        # Its tensors are copies: these are no longer wanted.
        del thetas, grads
    before = _resident("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123 - no file
        file.write("5")
    for _ in range(_WARM):
        contender.step()
    return (_resident("VmHWM") - before) / (elements * np.dtype(dtype).itemsize)


def _resident(key: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - no file
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))


def report(
    cases: Sequence[Case],
    names: Sequence[str],
    *,
    seconds: float,
    advance: Callable[[str], Any],
) -> dict[str, Any]:
    """Measure everything; ``advance`` gets the name of each part before it runs.

    Returns
    -------
    dict
        JSON-plain, ``"schema": "asgd-bench/1"``.
    """
    timings = []
    for case in cases:
        advance(f"{case.layout}, {case.dtype}, averaging {'on' if case.averaging else 'off'}")
        timing = measure(case, names, seconds)
        timings.append(
            {
                **asdict(case),
                "elements": case.elements,
                "tensors": len(case.shapes),
                "wall_ns": dict(timing.wall_ns),
                "cpu_ns": dict(timing.cpu_ns),
            }
        )
    accuracies, memories = [], []
    for dtype in dict.fromkeys(case.dtype for case in cases):
        advance(f"accuracy after {ACCURACY_STEPS} steps, {dtype}")
        eager = [name for name in names if name != "torch compile"]
        accuracies.append({"dtype": dtype, "steps": ACCURACY_STEPS, "ulp": accuracy(eager, dtype)})
    for averaging in dict.fromkeys(case.averaging for case in cases):
        advance("memory")
        arrays = {
            name: memory(name, "float32", averaging=averaging, elements=10**7)
            for name in names
            if name != "copy"
        }
        memories.append({"dtype": "float32", "averaging": averaging, "arrays": arrays})
    return {
        "schema": SCHEMA,
        "timings": timings,
        "accuracy": accuracies,
        "memory": memories,
    }


def _main(task: str, name: str, *words: str) -> None:
    """Run what another process asked for."""
    if task == "time":
        layout, dtype, averaging = words
        _serve(name, Case(layout, dtype, averaging == "1"))
        return
    dtype, averaging, elements = words
    arrays = _memory_of_this_process(name, dtype, int(elements), averaging=averaging == "1")
    print(arrays)  # noqa: T201 - the answer to `memory`


if __name__ == "__main__":
    _main(*sys.argv[1:])
