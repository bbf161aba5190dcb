"""What the commands write: progress on a terminal, and files that can or cannot be written."""

import io
import subprocess
import sys

import click
import pytest

from asgd.tests.command.output import Progress
from asgd.tests.command.terminal import check_writable


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """It is one."""
        return True


def test_progress(monkeypatch):
    """A terminal is told the law, the share that is done and the time left, in one line."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = Progress(quiet=False)
    progress("float32 convention", 0.0)
    progress("float32 step_size", 0.25)
    progress.end()
    lines = stream.getvalue().split("\r")
    assert lines[1].startswith("  0% float32 convention ")
    assert lines[2].startswith(" 25% float32 step_size, 0 s left")
    assert max(map(len, lines)) < 80
    assert lines[-1] == ""
    assert "\n" not in stream.getvalue()


@pytest.mark.parametrize("quiet", [False, True])
def test_no_progress(monkeypatch, quiet):
    """Neither a log nor a quiet run is told anything."""
    stream = Terminal() if quiet else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    progress = Progress(quiet=quiet)
    progress("float32 convention", 0.0)
    progress.end()
    assert stream.getvalue() == ""


def test_unwritable(tmp_path):
    """A file that cannot be written is a usage error before the run."""
    check_writable([None, tmp_path / "new.json"])
    for path in (tmp_path, tmp_path / "none" / "r.json"):
        with pytest.raises(click.UsageError, match="cannot write"):
            check_writable([path])


@pytest.mark.parametrize(
    ("module", "later"),
    [
        ("guard, asgd.tests.command.cli", {"asgd.tests.report.model", "asgd.tests.verify.run"}),
        ("verify", {"hypothesis", "jinja2", "numba", "torch"}),
    ],
    ids=["every command", "verify"],
)
def test_what_is_not_used_yet_is_not_imported(module, later):
    """A command begins without what takes long to import."""
    code = f"import sys, asgd.tests.command.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not later & set(loaded.stdout.split())
