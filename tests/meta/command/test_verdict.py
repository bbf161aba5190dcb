"""One verdict in every form: what a user sees of each kind of port, under both commands."""

import json
import os
import re
import signal
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest
from plain_sgd import SGD

PORTS = """
from asgd.spec import CONVENTIONS
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant

documented = Variant.of(CONVENTIONS["documented"])

class Right(VariantPort):
    def __init__(self): super().__init__(documented)

class Wrong(VariantPort):
    def __init__(self): super().__init__(combine(documented, "weight-decay-ignored"))

class Silent(VariantPort):
    def __init__(self): super().__init__(documented, reads=())

class Dies(VariantPort):
    def __init__(self): super().__init__(documented)
    def step(self, grads): raise MemoryError("out of beans")
"""
WAIVER = '[[waive]]\nid = "weight-decay-ignored"\nreason = "known"\n'
GREEN, QUALIFIED, RED, NONE = "#2e7d32", "#9a6700", "#c62828", "#9e6a03"

# Port, options, exit code, beginning of the last line, colour, JUnit failures, errors; what pytest
# says: failed tests, and words of its summary.
CASES = {
    "right": ("Right", [], 0, "conforms: 15 of 17 laws, ", GREEN, 0, 0, 0),
    "silent": ("Silent", [], 2, "no verdict: 13 of 17 laws observed, ", NONE, 0, 1, 1),
    "without": (
        "Silent",
        ["without=average"],
        0,
        "conforms without average: 13 of 17 laws, ",
        GREEN,
        0,
        0,
        0,
    ),
    "waived": ("Wrong", ["waive=w.toml"], 0, "conforms with 1 waiver: ", QUALIFIED, 0, 0, 0),
    "stale": ("Right", ["waive=w.toml"], 1, "deviates: stale waiver; 15 of 17", RED, 1, 0, 1),
    "sgd": (
        "ASGD",
        [],
        1,
        "deviates: 7 of 17 laws observed, ",
        RED,
        2,
        0,
        2,
    ),
    "crash": ("Dies", [], 2, None, NONE, 0, 1, 1),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a module of ports, and a file of waivers."""
    path = tmp_path_factory.mktemp("verdict")
    (path / "ports.py").write_text(PORTS + SGD)
    (path / "w.toml").write_text(WAIVER)
    return path


def run(folder, *command):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.sample(1, rest="nightly")
@pytest.mark.parametrize("name", CASES)
def test_all_outputs_agree(folder, name):
    """Exit code, last line, JSON, JUnit, badge, page and pytest say the same."""
    port, options, code, last, colour, failures, errors, failed = CASES[name]
    words = [word for option in options for word in ("--" + option).split("=")]
    files = ["--json", "r.json", "--junit", "r.xml", "--html", "r.html", "--badge", "r.svg"]
    done = run(folder, "asgd", "verify", f"ports:{port}", "--dtype", "float32", *words, *files)
    report = json.loads((folder / "r.json").read_text())
    headline = report["headline"]
    assert done.returncode == code, done.stdout + done.stderr
    if last is not None:
        assert done.stdout.splitlines()[-1] == headline
        assert headline.startswith(last)
    if code == 2:
        assert "asgd: no verdict on ports:" in done.stderr
    assert report["verdict"] == ("conforms", "deviates", "error")[code]
    suite = ET.parse(folder / "r.xml").getroot()  # noqa: S314 - our own file
    assert (int(suite.get("failures")), int(suite.get("errors"))) == (failures, errors)
    for form in ("r.html", "r.svg"):
        text = (folder / form).read_text()
        assert headline in text
        assert colour in text

    words = [f"--asgd-{option}" for option in options]
    command = ["pytest", "-q", "-p", "no:cacheprovider", "--pyargs", "asgd.tests"]
    done = run(folder, *command, "--asgd-port", f"ports:{port}", "--asgd-dtype", "float32", *words)
    assert done.returncode == (failed > 0), done.stdout
    found = re.search(r"(\d+) failed", done.stdout)
    assert (int(found[1]) if found else 0) == failed, done.stdout
    if last is not None:
        assert f"\n{headline}\n" in done.stdout
    assert ("test_coverage" in done.stdout) == (code == 2)
    assert ("1 xfailed" in done.stdout) == (name == "waived")


@pytest.mark.slow
def test_suggested_waivers(folder):
    """The file that is suggested for a port turns its verdict green, and qualified."""
    one = ("asgd", "verify", "ports:ASGD", "--quiet")
    done = run(folder, *one, "--suggest-waivers", "s.toml")
    assert done.returncode == 1
    assert re.fullmatch(r"ports:ASGD: deviates: 7 of \d+ laws observed, .*\n", done.stdout)
    done = run(folder, *one, "--waive", "s.toml", "--without", "average")
    assert done.returncode == 0, done.stdout + (folder / "s.toml").read_text()
    assert "conforms without average and with 2 waivers: " in done.stdout


@pytest.mark.slow
def test_expired(folder):
    """An expired waiver waives nothing, and fails a port that needs none."""
    (folder / "e.toml").write_text(WAIVER + "expires = 2001-01-01\n")
    for port, failures in (("Right", 0), ("Wrong", 1)):
        done = run(
            folder, "asgd", "verify", f"ports:{port}", "--dtype", "float32", "--waive", "e.toml"
        )
        assert done.returncode == 1
        assert "stale waiver" in done.stdout.splitlines()[-1]
        assert done.stdout.count("1. weight-decay-ignored") == failures


@pytest.mark.slow
def test_github(folder):
    """On GitHub there are annotations, and a job summary."""
    summary = folder / "summary.md"
    env = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    done = subprocess.run(
        [sys.executable, "-m", "asgd", "verify", "ports:ASGD", "--dtype", "float32"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("::")]
    assert len(lines) == 3
    assert lines[1].startswith("::error title=sgd-by-lr (E3)%2C float32%3A the update is plain SGD")
    assert "### asgd: ports:ASGD: deviates" in summary.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
def test_any_encoding(folder, encoding):
    """No character of a port's name or of an answer is too much for a terminal."""
    (folder / "odd.py").write_text('raise RuntimeError("größe \\U0001f9c0")\n', encoding="utf-8")
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for words in (("verify", "odd:Größe"), ("explain",), ("explain", "zü")):
        done = subprocess.run(
            [sys.executable, "-m", "asgd", *words],
            cwd=folder,
            env=env,
            capture_output=True,
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert done.returncode == (0 if words == ("explain",) else 2)


@pytest.mark.slow
def test_eighty_columns(folder):
    """The report of a port fits 80 columns, commands to paste aside."""
    done = run(folder, "asgd", "verify", "ports:ASGD", "--dtype", "float32")
    lines = [line for line in done.stdout.splitlines() if "asgd verify" not in line]
    assert max(map(len, lines)) <= 80
    assert any("plain SGD: eta does not decay, lambd has no effect" in line for line in lines[:3])


@pytest.mark.slow
def test_interrupted(folder):
    """Ctrl-C ends with 130, and a report of what was judged."""
    (folder / "slow.py").write_text(
        "import _thread\nfrom ports import Right\n"
        "class Slow(Right):\n"
        "    opened = 0\n"
        "    def open(self, *given):\n"
        "        Slow.opened += 1\n"
        "        if Slow.opened == 200: _thread.interrupt_main()\n"
        "        super().open(*given)\n"
    )
    # What is ignored here, as in the background of a shell, is ignored there.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        done = run(folder, "asgd", "verify", "slow:Slow", "--in-process", "--json", "r.json")
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 130, done.stderr
    report = json.loads((folder / "r.json").read_text())
    assert report["interrupted"] is True
    assert report["verdict"] == "error"
    assert report["laws"]["gradient"]["status"] == "holds"
    assert report["headline"].startswith("no verdict: interrupted; ")


@pytest.mark.slow
def test_compare(folder):
    """Exit codes: 0 for the same, 1 for worse, 2 for no report."""
    one = ("asgd", "verify", "--dtype", "float32", "--quiet")
    run(folder, *one, "ports:ASGD", "--json", "sgd.json")
    run(folder, *one, "asgd.fast:ASGD", "--json", "fast.json")
    assert run(folder, "asgd", "compare", "sgd.json", "sgd.json").returncode == 0
    assert run(folder, "asgd", "compare", "sgd.json", "fast.json").returncode == 0
    done = run(folder, "asgd", "compare", "fast.json", "sgd.json")
    assert done.returncode == 1
    assert "new: sgd-by-lr (E3, float32)" in done.stdout
    assert "no longer observed: added, average, averaging_weight" in done.stdout
    assert run(folder, "asgd", "compare", "fast.json", "ports.py").returncode == 2


@pytest.mark.slow
def test_doctor(folder):
    """A Python port is walked through too; each kind of wrong answer is told once."""
    done = run(folder, "asgd", "doctor", "ports:ASGD")
    assert done.returncode == 2
    assert "wrong  float32 decay, float64 decay (2 times): theta must be" in done.stdout
    assert run(folder, "asgd", "doctor", "ports:Right").returncode == 0


def test_vectors(folder):
    """The frozen vectors are copied, with what describes them."""
    assert run(folder, "asgd", "vectors", "v/deep").returncode == 0
    names = {path.name for path in (folder / "v/deep").iterdir()}
    assert {"documented.json", "torch.json", "vectors.schema.json", "vectors.md"} <= names
    assert run(folder, "asgd", "vectors", "ports.py/v").returncode == 2


def test_explain(folder):
    """An id of any kind; a table without one; a line for what is unknown."""
    done = run(folder, "asgd", "explain", "E2")
    assert "lr / (1 + lambd lr t)^alpha" in done.stdout
    done = run(folder, "asgd", "explain", "nothing-such")
    assert done.returncode == 2
    assert "unknown id 'nothing-such'; run `asgd explain` to list all ids" in done.stderr
