"""The packages as distributors and users meet them: built, listed, and beside a clone."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
# What is made in a checkout, and is not part of it.
MADE = shutil.ignore_patterns(
    ".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".mutants"
)


def run(*command, cwd):
    """Run a command, as on a machine that sets no variables of Python's."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tracked():
    """Names of the files of the checkout."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.splitlines()
    return [name for name in names if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What building says, and the folder of the sdist and the wheel."""
    folder = tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT, folder / "checkout", ignore=MADE)
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", "checkout")
    return run(*command, cwd=folder), folder / "dist"


@pytest.mark.slow
def test_building_warns_of_nothing(built):
    """Neither the sdist nor the wheel is built with a warning."""
    said, _ = built
    assert [line for line in said.splitlines() if "warning" in line.lower()] == []


@pytest.mark.slow
def test_the_sdist_holds_the_checkout(built):
    """A distributor can run every test from the sdist: it holds all tracked files."""
    _, folder = built
    (path,) = folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert sorted(set(tracked()) - held) == []


@pytest.mark.slow
def test_the_wheel_holds_no_tests_of_the_suite(built):
    """The wheel holds the shipped packages and their data, and nothing of `tests/meta`."""
    _, folder = built
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = [Path(name) for name in archive.namelist()]
    roots = {name.parts[0] for name in names if not name.parts[0].endswith(".dist-info")}
    assert roots == {"asgd", "pytest_asgd"}
    assert not [name for name in names if "meta" in name.parts]
    spec = {name.name for name in names if name.parts[:2] == ("asgd", "spec")}
    assert {path.name for path in (ROOT / "spec").glob("*.*")} <= spec


@pytest.mark.slow
def test_a_clone_does_not_hide_the_package(tmp_path):
    """Beside a clone called `asgd`, Python, pytest and the command use the installed package."""
    clone = tmp_path / "asgd"
    for folder in ("spec", "reference", "fast", "tests"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=MADE)
    (tmp_path / "test_it.py").write_text(
        "import asgd.fast\ndef test_it(): print('found', asgd.fast.__file__)\n"
    )
    show = "import asgd.fast, asgd.tests; print('found', asgd.fast.__file__, asgd.tests.__file__)"
    said = run(sys.executable, "-c", show, cwd=tmp_path)
    said += run(sys.executable, "-m", "pytest", "-sq", "test_it.py", cwd=tmp_path)
    assert said.count("found") == 2
    assert str(clone) not in said
    assert "asgd" in run(sys.executable, "-m", "asgd", "--version", cwd=tmp_path)


@pytest.mark.nightly
def test_the_action_runs_as_on_a_runner(tmp_path):
    """The steps of action.yml, in their order: they install this checkout, and verify a port."""
    shutil.copytree(ROOT, tmp_path / "action", ignore=MADE)
    run(sys.executable, "-m", "venv", "env", cwd=tmp_path)
    (tmp_path / "work").mkdir()
    source = (ROOT / "spec" / "ports" / "template_numpy.py").read_text()
    (tmp_path / "work" / "mine.py").write_text(source)
    action = yaml.safe_load((tmp_path / "action" / "action.yml").read_text())
    inputs = {name: str(each.get("default")) for name, each in action["inputs"].items()}
    inputs |= {"port": "mine.py:ASGD", "dtype": "float32 float64", "without": "average E1"}
    env = {
        **os.environ,
        "PATH": f"{tmp_path}/env/bin:{os.environ['PATH']}",
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(tmp_path / "action"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "RUNNER_TEMP": str(tmp_path),
    }
    for step in action["runs"]["steps"]:
        given = {
            key: inputs[value.removeprefix("${{ inputs.").removesuffix(" }}")]
            for key, value in step.get("env", {}).items()
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(
            command,
            cwd=tmp_path / "work",
            env={**env, **given},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "conforms" in (tmp_path / "summary.md").read_text()
    shown = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert set(shown) == set(action["outputs"])
    assert all(Path(path).stat().st_size for path in shown.values())
