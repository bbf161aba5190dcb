"""The laws under pytest: beside other plugins, beside a user's own files, on all workers."""

import subprocess
import sys

import pytest
from plain_sgd import SGD

LAWS = ("--pyargs", "asgd.tests", "--asgd-port")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with plain SGD."""
    path = tmp_path_factory.mktemp("laws")
    (path / "mine.py").write_text(SGD)
    return path


def laws(folder, *words):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_kernels_of_fast_are_tested_alone(folder):
    """Where another port is given, they are not collected (three processes)."""
    words = ("--collect-only", "-q", "--pyargs", "asgd.tests")
    assert "kernels/test_step_size.py" in laws(folder, *words).stdout
    assert "kernels" not in laws(folder, *words, "--asgd-port", "mine:ASGD").stdout


@pytest.mark.slow
def test_plain_sgd_on_workers(folder):
    """A few failures, each a few lines; one diagnosis, in the words of `asgd verify`."""
    done = laws(folder, "-q", "-n", "2", *LAWS, "mine:ASGD")
    assert done.returncode == 1
    assert "4 failed" in done.stdout
    assert done.stdout.count("mine:ASGD: deviates") == 1
    assert "2. sgd-by-lr (E3), float32 and float64: the update is plain SGD" in done.stdout
    assert "needs E1, E3, which are broken" in laws(
        folder, "-q", "-rs", *LAWS, "mine:ASGD", "--asgd-dtype", "float32"
    ).stdout.replace("\n", " ")
    failures = done.stdout.partition("FAILURES")[2].partition("= asgd =")[0]
    # With the heading of pytest, and the lines to paste.
    assert failures.count("\n") < 4 * 20
    assert "reproduce with: asgd verify mine:ASGD" in failures
    assert "-k 'test_descend and float64'" in failures
    for word in ("Deviation(", "Judgement(", '"requests"'):
        assert word not in done.stdout


@pytest.mark.slow
@pytest.mark.sample(2, rest="nightly")
@pytest.mark.parametrize(
    "words",
    [
        ("-p", "randomly"),
        ("--cov=mine",),
        ("--timeout=300",),
        ("--reruns=1",),
        ("-W", "error"),
    ],
    ids=["randomly", "cov", "timeout", "rerunfailures", "warnings"],
)
def test_beside(folder, words):
    """Other plugins of a test run, and warnings as errors, change nothing."""
    plugins = {
        "--cov=mine": "pytest_cov",
        "--timeout=300": "pytest_timeout",
        "--reruns=1": "pytest_rerunfailures",
        "randomly": "pytest_randomly",
    }
    pytest.importorskip(plugins.get(words[-1], "pytest"))
    words = () if words == ("-p", "randomly") else words
    done = laws(folder, "-q", *words, *LAWS, "mine:ASGD", "--asgd-dtype", "float32")
    assert done.returncode == 1
    assert "2 failed" in done.stdout, done.stdout[-3000:]
    assert done.stdout.count("mine:ASGD: deviates") == 1


def test_a_port_that_cannot_be_loaded(folder):
    """One test fails, test_coverage, and says why."""
    done = laws(folder, "-q", *LAWS, "nowhere:Port")
    assert "1 failed" in done.stdout
    assert "FAILED" in done.stdout
    assert "test_coverage" in done.stdout
    assert "no verdict on nowhere:Port: cannot load nowhere" in done.stdout


def test_a_conftest_with_port(tmp_path):
    """A project's own option --port does not collide with ours."""
    (tmp_path / "conftest.py").write_text(
        'def pytest_addoption(parser): parser.addoption("--port", default="80")\n'
    )
    (tmp_path / "test_own.py").write_text(
        'def test_port(request): assert request.config.getoption("--port") == "81"\n'
    )
    done = laws(tmp_path, "-q", "--port", "81")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.sample(1)
@pytest.mark.parametrize("package", [False, True])
def test_a_users_own_asgd(tmp_path, package):
    """A user's own asgd.py or asgd/ stops no run; a port that is asked for there, one line."""
    name = "asgd/__init__.py" if package else "asgd.py"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("ANSWER = 42\n")
    (tmp_path / "test_own.py").write_text("import asgd\ndef test_own(): assert asgd.ANSWER == 42\n")
    done = laws(tmp_path, "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    done = laws(tmp_path, "-q", *LAWS, "mine:ASGD")
    assert done.returncode == 4
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "hides the installed package asgd" in lines[0]


@pytest.mark.slow
def test_wrong_options(folder):
    """A wrong value of an option is named, with what is allowed."""
    done = laws(folder, "-q", *LAWS, "mine:ASGD", "--asgd-without", "averages")
    assert done.returncode != 0
    assert "without must be average, an equation" in done.stdout
