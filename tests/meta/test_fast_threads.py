"""The threads of `fast`: every block once, errors told, helpers shared and found again."""

import multiprocessing
import os
import threading

import numpy as np
import pytest

from asgd.fast import ASGD, Parameter, blocks, threads

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
    """And the helpers are made once."""
    expected = _alone(0, threaded)
    assert _train(0) == expected
    helpers = list(threaded.helpers)
    assert len(helpers) == 2
    assert _train(0) == expected
    assert threaded.helpers == helpers


def test_optimizers_on_threads_of_the_user(threaded):
    """One of them has the helpers, the others work alone; nothing is mixed up."""
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
    share = threads._Share(threads.deque())
    real, calls = share.done, []

    class Lock:
        def acquire(self):
            calls.append(real.locked())
            if len(calls) == 1:
                raise KeyboardInterrupt
            return real.acquire()

    monkeypatch.setattr(share, "done", Lock())
    real.release()
    assert isinstance(share.wait(), KeyboardInterrupt)
    assert len(calls) == 2


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning")
def test_forked_process_makes_its_own(threaded):
    """Threads do not survive a fork, and the lock on them may be held meanwhile."""
    expected = _train(3)
    os.register_at_fork(after_in_child=threaded.forget)
    context = multiprocessing.get_context("fork")
    same = context.Value("i", 0)

    def train():
        same.value = int(_train(3) == expected and len(threaded.helpers) == 2)

    child = context.Process(target=train)
    with threaded.free:
        child.start()
    child.join(60)
    assert child.exitcode == 0
    assert same.value
