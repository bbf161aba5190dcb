"""`asgd init`: every starter is complete, passes as it is, and overwrites nothing."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from asgd.tests.command.cli import cli
from asgd.tests.command.init import files, starters

LANGUAGES = ("python", "torch", "jax", "c", "c++", "rust", "javascript")
NEEDS = {"c": "cc", "c++": "c++", "rust": "rustc", "javascript": "node"}


def init(folder, lang):
    """`asgd init`, in this process."""
    return CliRunner().invoke(cli, ["init", str(folder), "--lang", lang])


def test_the_languages_are_those_of_the_contract():
    """Every language that is promised has a starter."""
    assert tuple(starters()) == LANGUAGES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_starter_says_where_to_write_and_what_to_delete(tmp_path, lang):
    """It has the port with both marks, a test, and a CI file; no placeholder is left."""
    done = init(tmp_path / "new" / "port", lang)
    assert done.exit_code == 0, done.output
    starter = starters()[lang]
    port = (tmp_path / "new" / "port" / starter["file"]).read_text()
    assert "YOURS: " in port
    assert "NOT SHOWN: " in port
    for name, content in files(lang).items():
        assert (tmp_path / "new" / "port" / name).read_text() == content
        assert not [word for word in ("@FILE@", "@RUN@", "@POLICY@") if word in content]
    assert len(files(lang)) == 3
    assert starter["source"] == starter["file"] or starter["source"] not in port


def test_nothing_is_overwritten(tmp_path):
    """A file that is there is kept, nothing else is written, and the exit code is 2."""
    (tmp_path / "asgd.c").write_text("mine")
    done = init(tmp_path, "c")
    assert done.exit_code == 2
    assert "is there already" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["asgd.c"]
    assert (tmp_path / "asgd.c").read_text() == "mine"


def test_a_place_that_cannot_be_written(tmp_path):
    """One line, exit 2, nothing half written."""
    (tmp_path / ".github").write_text("a file, no folder")
    done = init(tmp_path, "python")
    assert done.exit_code == 2
    assert len(done.output.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".github"]


@pytest.mark.nightly
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_starter_conforms_as_it_is(tmp_path, lang):
    """The starter's own test passes, as a newcomer runs it."""
    if lang in NEEDS and shutil.which(NEEDS[lang]) is None:
        pytest.skip(f"{NEEDS[lang]} is not installed")
    if lang in {"torch", "jax"} and importlib.util.find_spec(lang) is None:
        pytest.skip(f"{lang} is not installed")
    assert init(tmp_path, lang).exit_code == 0
    script = Path("verify.sh") if lang in NEEDS else Path("test_optimizer.py")
    command = (
        ["sh", script, "--dtype", "float32"]
        if lang in NEEDS
        else [sys.executable, "-m", "pytest", "-q", script]
    )
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
