"""Templates and torch: judged as they must be, from the command line on."""

import importlib.util
import json
import subprocess
import sys

import pytest

from asgd.tests.ports.examples import FOLDER
from asgd.tests.ports.loading import load
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

pytestmark = pytest.mark.nightly

EXAMPLE = [sys.executable, str(FOLDER / "asgd_port.py")]
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


def asgd(*words, cwd):
    # A process of its own: what a user types, exit code included.
    return subprocess.run(
        [sys.executable, "-m", "asgd", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def judged(path, dtype):
    (result,) = verify(load(path), path, Options(dtypes=(dtype,))).dtypes
    name = None if result.convention is None else result.convention.name
    return result.verdict, name


@pytest.mark.parametrize(
    "name",
    [
        "template_numpy.py:ASGD",
        "template_functional.py:Port",
        pytest.param("template_torch.py:ASGD", marks=needs_torch),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_templates_conform(name, dtype):
    """Whoever starts from a template starts from a port that is right."""
    assert judged(str(FOLDER / name), dtype) == ("conforms", "documented")


@needs_torch
def test_torch_conforms_in_float32():
    """No law of an optimizer's life accuses torch where it is right."""
    assert judged("torch.optim:ASGD", "float32") == ("conforms", "torch")


def test_conforming_program(tmp_path):
    """Exit code 0, a report, and nothing to reproduce."""
    run = asgd("verify", "--dtype", "float32", "--json", "r.json", "--", *EXAMPLE, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["verdict"] == "conforms"
    assert " -- " in report["reproduce"]["command"]
    assert report["reproduce"]["script"] is None
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_deviating_program(tmp_path):
    """Exit code 1, and requests that the program answers to the end."""
    source = (FOLDER / "asgd_port.py").read_text()
    (tmp_path / "wrong.py").write_text(source.replace("rounded(theta - ", "rounded(theta + "))
    words = ("verify", "--json", "r.json", "--", sys.executable, "wrong.py")
    run = asgd(*words, cwd=tmp_path)
    assert run.returncode == 1, run.stderr
    script = json.loads((tmp_path / "r.json").read_text())["reproduce"]["script"]
    with (tmp_path / script).open("rb") as lines:
        again = subprocess.run(
            [sys.executable, "wrong.py"], stdin=lines, cwd=tmp_path, capture_output=True, check=True
        )
    answers = [json.loads(line) for line in again.stdout.splitlines()]
    assert all(answer["ok"] for answer in answers)
    assert "theta" in answers[-2]


def test_dying_program(tmp_path):
    """Exit code 2, the exchange on standard error, and the requests that lead to it."""
    (tmp_path / "dies.py").write_text("input(); raise SystemExit('out of luck')")
    words = ("verify", "--reproduce", "lines.jsonl", "--", sys.executable, "dies.py")
    run = asgd(*words, cwd=tmp_path)
    assert run.returncode == 2
    assert "ended with exit code 1" in run.stderr
    assert "out of luck" in run.stderr
    assert (tmp_path / "lines.jsonl").read_text().startswith('{"op":"hello"')
    assert "dies.py < lines.jsonl" in run.stderr


@pytest.mark.parametrize("words", [("--",), ("asgd.fast:ASGD", "--", "true")])
def test_bad_usage(words, tmp_path):
    """Exit code 2 for a program that is missing or one too many."""
    assert asgd("verify", *words, cwd=tmp_path).returncode == 2


def test_doctor(tmp_path):
    """Its exit code says whether all is well."""
    assert asgd("doctor", "--", *EXAMPLE, cwd=tmp_path).returncode == 0
    assert asgd("doctor", "--", "cat", cwd=tmp_path).returncode == 2
