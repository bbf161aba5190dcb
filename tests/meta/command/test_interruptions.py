"""Interrupted at random moments: one line, a valid report, and nothing is left."""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from plain_sgd import SGD

from asgd.tests.report.from_json import load
from asgd.tests.soak.rows import read

pytestmark = [
    # Fifty runs of some seconds each.
    pytest.mark.nightly,
    pytest.mark.skipif(sys.platform != "linux", reason="the tests look into /proc"),
]

COUNT = int(os.environ.get("ASGD_INTERRUPTIONS", "50"))
"""How many interruptions there are of each command."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def marked(mark):
    """Processes that carry a mark in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return found


def listens(process):
    """Whether a process handles SIGTERM: main has begun."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("SigCgt:"):
            return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return True


def interrupted(folder, seed, longest, *words):
    """Run a command, and interrupt it; its exit code, what it said, the signal, what is left."""
    draw = random.Random(seed)
    number, seconds = SIGNALS[seed % len(SIGNALS)], draw.uniform(0.0, longest)
    mark = f"ASGD_MARK={secrets.token_hex(8)}"
    environment = {**os.environ, **dict([mark.split("=")])}
    command = [sys.executable, "-m", "asgd", *words]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not listens(process):
            time.sleep(0.01)
        time.sleep(seconds)
        sent = process.poll() is None
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    until = time.monotonic() + 15
    while marked(mark.encode()) and time.monotonic() < until:
        time.sleep(0.05)
    assert "Traceback" not in err
    assert marked(mark.encode()) == []
    return process.returncode, out, err, number if sent else None


@pytest.mark.parametrize("seed", range(COUNT))
def test_verify(seed, tmp_path):
    """The exit code is the signal's, and the report says so."""
    (tmp_path / "port.py").write_text(SGD)
    words = ("verify", "port.py:ASGD", "--quiet", "--json", "r.json")
    code, _, err, number = interrupted(tmp_path, seed, 9.0, *words)
    path = tmp_path / "r.json"
    assert not list(tmp_path.glob(".asgd*"))
    if number is None:
        assert code == 1  # It had ended.
    elif number == signal.SIGKILL:
        assert code == -number
        assert not path.exists() or load(path).verdict == "deviates"
    elif code == 1:
        # The signal came when all was written.
        assert load(path).verdict == "deviates"
    else:
        assert code == 128 + number
        assert "interrupt" in err
        if path.exists():
            report = load(path)
            assert report.interrupted
            assert report.verdict == "error"


@pytest.mark.parametrize("seed", range(COUNT))
def test_soak(seed, tmp_path):
    """What was done is in the file, which the same command continues."""
    words = ("soak", "--file", "s.jsonl", "--seed", str(seed), "--dtype", "float32")
    code, out, err, number = interrupted(tmp_path, seed, 9.0, *words)
    path = tmp_path / "s.jsonl"
    assert {entry.name for entry in tmp_path.iterdir()} <= {"s.jsonl"}
    results = read(path)[1] if path.exists() else {}
    if number == signal.SIGKILL:
        assert code == -number
    elif code == 0:
        assert out.startswith(f"conforms: {len(results)} units")
        assert "the same command continues" in err
    elif results:
        raise AssertionError((code, err))
    else:
        # It was stopped before its first unit had ended.
        assert code in {2, 128 + number}
    if path.exists():
        command = [sys.executable, "-m", "asgd", *words, "--units", "1"]
        again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
        assert len(read(path)[1]) >= max(len(results), 1)
