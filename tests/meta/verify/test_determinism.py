"""The same seed, the same report: whatever the hash seed, the processor and the processes."""

import json
import os
import subprocess
import sys

import pytest

# Ten seconds for each way of running: all of them must say the same.
pytestmark = pytest.mark.nightly

PORT = """
class Wrong:
    def __init__(self, params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0):
        self.param_groups = [{"params": list(params), "lr": lr}]

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.data = p.data - group["lr"] * p.grad
"""
WAYS = {
    "hash seed": ({"PYTHONHASHSEED": "1"}, []),
    "another hash seed": ({"PYTHONHASHSEED": "4294967295"}, []),
    "an old processor": ({"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX"}, []),
    "one thread": ({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, []),
    "one job": ({}, ["--jobs", "1"]),
    "in process": ({}, ["--in-process"]),
    "optimized": ({"PYTHONOPTIMIZE": "2"}, []),
    "another place and time": ({"TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": "/"}, []),
}


def told(folder, environment=None, words=()):
    """What the report says, times, versions and the way of running aside."""
    command = [sys.executable, "-m", "asgd", "verify", "port.py:Wrong", "--json", "r.json", *words]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    report = json.loads((folder / "r.json").read_text())
    for name in ("date", "seconds", "versions", "platform", "isolated"):
        del report[name]
    return report


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A folder with a port, and its report."""
    folder = tmp_path_factory.mktemp("usual")
    (folder / "port.py").write_text(PORT)
    return folder, told(folder)


@pytest.mark.parametrize("way", WAYS)
def test_the_report_is_the_same(usual, way):
    """Nothing but the seed decides what is asked and what is said."""
    folder, report = usual
    assert told(folder, *WAYS[way]) == report


def test_workers_say_the_same(usual):
    """The diagnosis that ends a run of pytest does not depend on the number of workers."""
    folder, _ = usual
    said = []
    for count in ("0", "1", "2"):
        command = [sys.executable, "-m", "pytest", "-q", "-n", count, "-p", "no:cacheprovider"]
        command += ["--pyargs", "asgd.tests", "--asgd-port", "port.py:Wrong"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        lines = done.stdout.partition("= asgd =")[2].splitlines()[1:]
        end = next(i for i, line in enumerate(lines) if line.startswith("="))
        said.append([line for line in lines[:end] if "scenarios checked" not in line])
    assert said[0]
    assert said[0] == said[1] == said[2]
