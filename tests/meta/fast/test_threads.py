"""The threads of `fast`: every block once, errors told, helpers shared and found again."""

import os
import subprocess
import sys
import threading
from concurrent.futures import Future

import numpy as np
import pytest

from asgd.fast import ASGD, Parameter, blocks, threads
from asgd.fast.kernels import elements

SIZE = 1 << 17
STEPS = 5


@pytest.fixture(autouse=True)
def threaded(monkeypatch):
    """Every step on three threads, however small and on however few cores."""
    monkeypatch.setattr(blocks, "THREADED", 1)
    monkeypatch.setattr(blocks, "CORES", 6)
    pool = threads._Pool()
    pool.size = 2
    monkeypatch.setattr(threads, "POOL", pool)
    return pool


def _train(seed):
    rng = np.random.default_rng(seed)
    parameter = Parameter(rng.standard_normal(SIZE).astype(np.float32))
    optimizer = ASGD([parameter], lr=0.125, t0=1)
    for _ in range(STEPS):
        parameter.grad = rng.standard_normal(SIZE).astype(np.float32)
        optimizer.step()
    return parameter.data.tobytes() + optimizer.averages()[0].tobytes()


def _alone(seed, pool):
    size, pool.size = pool.size, 0
    try:
        return _train(seed)
    finally:
        pool.size = size


def test_three_threads_compute_what_one_does(threaded):
    """The helpers are made once."""
    expected = _alone(0, threaded)
    assert _train(0) == expected
    executor = threaded.executor
    assert executor is not None
    assert _train(0) == expected
    assert threaded.executor is executor


def test_optimizers_on_threads_of_the_user(threaded):
    """They share the helpers, and nothing is mixed up."""
    expected = [_alone(seed, threaded) for seed in range(6)]
    found = [b""] * 6

    def train(seed):
        found[seed] = _train(seed)

    users = [threading.Thread(target=train, args=(seed,)) for seed in range(6)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert found == expected


class _Block:
    """A block that notes that it ran, and fails where told to."""

    def __init__(self, place, ran, error=None):
        self.place, self.ran, self.error = place, ran, error

    def run(self, _grads, _scalars):
        self.ran.append(self.place)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [ValueError("a block's"), KeyboardInterrupt()])
def test_errors_reach_the_caller(error):
    """Whichever thread they happen on; the next step finds the helpers again."""
    for _ in range(20):
        ran = []
        jobs = [(_Block(i, ran, error if i == 5 else None), [], None) for i in range(8)]
        with pytest.raises(type(error)):
            threads.run_all(jobs, SIZE)
        assert 5 in ran
        assert len(set(ran)) == len(ran)
        ran = []
        threads.run_all([(_Block(i, ran), [], None) for i in range(8)], SIZE)
        assert sorted(ran) == list(range(8))


def test_waiting_ends_only_when_the_work_has(monkeypatch):
    """An interrupt while the caller waits is raised after the last block, not before."""
    future, calls, real = Future(), [], threads.wait
    future.set_running_or_notify_cancel()

    def interrupted(futures):
        calls.append(len(futures))
        if len(calls) == 1:
            raise KeyboardInterrupt
        future.set_result(None)
        return real(futures)

    monkeypatch.setattr(threads, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        threads._settle([future])
    assert calls == [1, 1]


def test_a_helper_that_begins_too_late_is_not_waited_for(threaded, monkeypatch):
    """The caller has done all there is; what the helper does then is find nothing."""
    late = Future()
    late.set_running_or_notify_cancel()
    monkeypatch.setattr(threaded, "share", lambda _work, _count: [late])
    monkeypatch.setattr(threads, "wait", lambda _: pytest.fail("it waits"))
    ran = []
    threads.run_all([(_Block(i, ran), [], None) for i in range(8)], SIZE)
    assert sorted(ran) == list(range(8))


def test_where_no_thread_can_be_started_the_caller_does_all(threaded, monkeypatch):
    """As while the interpreter ends, or where a limit is reached."""

    def refuse(_executor, _function, _queue):
        raise RuntimeError("can't start new thread")

    expected = _alone(0, threaded)
    monkeypatch.setattr(threads.ThreadPoolExecutor, "submit", refuse)
    assert _train(0) == expected
    assert threaded.executor is None


_FORKS = """
import os, signal, numpy as np
from asgd.fast import ASGD, Parameter, blocks, threads
from asgd.fast.kernels import elements
blocks.THREADED, blocks.CORES, threads.POOL.size = 1, 3, 2
p = Parameter(np.ones(2**20))
optimizer = ASGD([p], lr=0.5, lambd=0.0)
p.grad = np.ones(2**20)
optimizer.step()
assert threads.POOL.executor is not None
child = os.fork()
if not child:
    signal.alarm(60)
optimizer.step()
if not child:
    os._exit(0 if (p.data == 0).all() and threads.POOL.executor is not None else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_threads_of_its_own():
    """Those of its parent are not there, and would be waited for in vain, as would their lock."""
    run = [sys.executable, "-W", "ignore", "-c", _FORKS]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "0\n"


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    """Where the system can say so; else all there are, or one; and at most eight."""
    for count, expected in ((1, 1), (5, 5), (100, 8)):
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda pid, n=count: range(n + pid), raising=False
        )
        assert blocks._cores() == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    for count, expected in ((6, 6), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert blocks._cores() == expected


@pytest.mark.parametrize(
    ("cost", "cores", "expected"),
    [(99, 8, 1), (100, 8, 2), (149, 8, 2), (150, 8, 3), (150, 2, 2), (10**6, 8, 8), (10**6, 1, 1)],
)
def test_threads_grow_with_the_cost(cost, cores, expected, monkeypatch):
    """Two where it begins to be worth it, and each with half as much to do at least."""
    monkeypatch.setattr(blocks, "THREADED", 100)
    monkeypatch.setattr(blocks, "CORES", cores)
    monkeypatch.setattr(blocks.BACKEND, "kernels", None)
    assert blocks.workers(cost) == expected
    # Compiled kernels take half as long.
    monkeypatch.setattr(blocks.BACKEND, "kernels", "compiled")
    assert blocks.workers(2 * cost) == expected


@pytest.mark.parametrize(
    ("cost", "size", "count", "helpers"),
    [
        (99, 2, 20, 0),
        (100, 2, 20, 1),
        (150, 2, 20, 2),
        (10**6, 2, 20, 2),
        (150, 0, 20, 0),
        (150, 2, 2, 1),
        (150, 2, 1, 0),
    ],
)
def test_large_steps_are_shared_out(cost, size, count, helpers, threaded, monkeypatch):
    """Every job is run once, by whichever thread; there are no more threads than there is work."""
    monkeypatch.setattr(blocks.BACKEND, "kernels", None)
    monkeypatch.setattr(blocks, "THREADED", 100)
    threaded.size = size
    asked, share = [], threaded.share
    monkeypatch.setattr(threaded, "share", lambda queue, n: asked.append(n) or share(queue, n))
    ran = []
    threads.run_all([(_Block(i, ran), [], None) for i in range(count)], cost)
    assert sorted(ran) == list(range(count))
    assert asked == [helpers] * bool(helpers)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_hold_each_element_once(dtype, monkeypatch):
    """None is larger than a block, empty parameters have none, and all small ones are gathered."""
    monkeypatch.setattr(blocks, "THREADED", 9 << 15)
    small, most = blocks.SMALL, elements(dtype)
    sizes = [0, 1, small, small + 1, most, most + 1, 2 * most + 5] + [small] * (most // small + 3)
    thetas = [np.zeros(n, dtype) for n in sizes]
    seen = [[] for _ in sizes]
    made = blocks.blocks(thetas)
    for block in made:
        assert 0 < block.size <= most
        assert block.gathered is all(0 < sizes[i] <= small for i in block.members)
        assert block.gathered or block.whole is (block.size == sizes[block.members[0]])
        for i in block.members:
            length = sizes[i] if block.gathered else block.size
            seen[i].append((0 if block.gathered else block.part.start, length))
        assert block.size == sum(sizes[i] for i in block.members) or not block.gathered
    for n, parts in zip(sizes, seen, strict=True):
        end = 0
        for start, length in sorted(parts):
            assert start == end
            assert start % 64 == 0
            end = start + length
        assert end == n
    # 1 + (most // small + 4) small elements fill one block and begin another.
    assert sum(block.gathered for block in made) == 2
    # Six threads can share the last large one evenly.
    lengths = [length for _, length in seen[6]]
    assert len(lengths) % 6 == 0
    assert max(lengths) - min(lengths) <= 64 * len(lengths)


def test_middle_of_three_blocks_is_not_the_whole(monkeypatch):
    """It begins where as much lies before it as after it."""
    monkeypatch.setattr(blocks, "CORES", 1)
    made = blocks.blocks([np.zeros(3 * elements(np.float64))])
    assert [block.whole for block in made] == [False] * 3
    assert blocks.blocks([np.zeros(elements(np.float64))])[0].whole
