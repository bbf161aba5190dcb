"""Several judges at once: the same result as one after the other, and nothing left of them."""

import signal
import subprocess
import sys
import time

import pytest

from asgd.tests.ports.process import Limits
from asgd.tests.report.as_json import document
from asgd.tests.report.build import build
from asgd.tests.verify import jobs
from asgd.tests.verify.interface import options_of, verify
from asgd.tests.verify.run import no_verdict

PORT = """
import os
from asgd.fast import ASGD

class Wrong(ASGD):
    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data *= 1.25

class KillsJudge(ASGD):
    def step(self, closure=None):
        # Supervisor, judge: the parent's parent.
        with open(f"/proc/{os.getppid()}/stat") as file:
            judge = int(file.read().rpartition(")")[2].split()[1])
        with open(f"/proc/{judge}/cmdline") as file:
            job = "verify.jobs" in file.read()
        if job:
            os.kill(judge, 9)
        super().step(closure)
"""


@pytest.fixture
def file(tmp_path):
    """A file of ports."""
    path = tmp_path / "ports.py"
    path.write_text(PORT)
    return path


def told(result):
    """What a report says, time aside."""
    made = document(build(result))
    return {k: v for k, v in made.items() if k not in {"date", "seconds"}}


@pytest.mark.slow
def test_two_jobs_say_what_one_says(file):
    """The report does not depend on the number of judges."""
    one, two = (verify(f"{file}:Wrong", jobs=count) for count in (1, 2))
    assert two.verdict == "deviates"
    assert told(one) == told(two)


@pytest.mark.skipif(sys.platform != "linux", reason="the port looks into /proc")
@pytest.mark.slow
def test_a_judge_that_dies_is_told(file):
    """Where one judge is ended, there is no verdict, and the other one is heard."""
    result = verify(f"{file}:KillsJudge", jobs=2, limit=30.0)
    assert result.verdict == "error"
    assert result.error == "the judge of float64 was ended by SIGKILL"
    assert [found.dtype for found in result.dtypes] == ["float32"]


def test_a_job_that_is_told_to_stop_sends_what_it_knows(file):
    """Interrupted, it says so at once; its process has ended."""
    result = no_verdict(f"{file}:Wrong", options_of(), "")
    with jobs._Job(result, ["float64"], Limits()) as job:
        found = job.stop()
    assert found.interrupted
    assert job.popen.poll() is not None


@pytest.mark.slow
def test_a_killed_judge_leaves_no_job(file):
    """A job ends with the process that started it."""
    command = [sys.executable, "-m", "asgd", "verify", f"{file}:Wrong", "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as judge:
        until = time.monotonic() + 30
        while not (started := _jobs(judge.pid)) and time.monotonic() < until:
            time.sleep(0.05)
        judge.send_signal(signal.SIGKILL)
    assert started
    until = time.monotonic() + 10
    while any(map(_runs, started)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(_runs, started))


def _jobs(pid):
    found = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in found.stdout.splitlines()[1:]]
    return [int(own) for own, parent, args in rows if int(parent) == pid and "verify.jobs" in args]


def _runs(pid):
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() not in {"", "Z"}
