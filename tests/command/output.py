"""What the commands write: to the terminal, whatever its encoding, and to files."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click

from ..ports.text import printable
from ..report import github
from ..report.as_json import to_json
from ..report.junit import junit
from ..report.model import Report
from ..report.page import badge, page
from ..report.text import WIDTH, Line, render
from . import files

FORMS: Mapping[str, Callable[[Report], str]] = {
    "json": to_json,
    "junit": junit,
    "html": page,
    "badge": badge,
}
"""Forms of the report that an option names a file for."""

_STYLES: Mapping[str, Mapping[str, object]] = {
    "conforms": {"fg": "green", "bold": True},
    "deviates": {"fg": "red", "bold": True},
    "error": {"fg": "yellow", "bold": True},
    "bold": {"bold": True},
    "dim": {"dim": True},
    "": {},
}


class OutputError(Exception):
    """A file cannot be written."""


def accept_any_text() -> None:
    """Let characters that the terminal's encoding lacks be escaped; they raise no error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def show(lines: Iterable[Line]) -> None:
    """Print lines of a report, in colour on a terminal."""
    for line in lines:
        click.echo(click.style(line.text, **_STYLES[line.style]))  # type: ignore[arg-type]


def show_report(report: Report, *, quiet: bool) -> None:
    """Print a report; its last line is the verdict."""
    # Before the report: its last line is what is read.
    if "GITHUB_ACTIONS" in os.environ:
        for line in github.annotations(report):
            click.echo(line)
    if quiet:
        show([Line(f"{report.port.how}: {report.headline}", report.verdict)])
    elif report.laws:
        width = min(shutil.get_terminal_size((WIDTH, 24)).columns, 100)
        show(render(report, max(width, 40)))
    if report.verdict == "error":
        if report.reproduce.play and (quiet or not report.laws):
            click.echo(f"without asgd: {report.reproduce.play}", err=True)
        # The last line on standard error is what a CI log is read for.
        click.echo(f"asgd: no verdict on {report.port.how}: {report.error}", err=True)


def check_writable(paths: Iterable[Path | None]) -> None:
    """See before the run that files can be written.

    Raises
    ------
    UsageError
        If one cannot be.
    """
    for path in paths:
        reason = "" if path is None else files.check_writable(path)
        if reason:
            raise click.UsageError(f"cannot write {printable(path)}: {reason}")


def write_report(report: Report, wanted: Mapping[str, Path | None]) -> None:
    """Write a report in each form that a file was named for, and the job summary.

    Raises
    ------
    OutputError
        If a file cannot be written; the others are.
    """
    errors = []
    for form, path in wanted.items():
        if path is not None:
            try:
                files.write(path, FORMS[form](report))
            except OSError as error:
                errors.append(f"cannot write {printable(path)}: {error.strerror}")
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    if step and "GITHUB_ACTIONS" in os.environ:
        try:
            with Path(step).open("a", encoding="utf-8", newline="\n") as stream:
                stream.write(github.summary(report))
        except OSError as error:
            errors.append(f"cannot write {printable(step)}: {error.strerror}")
    if errors:
        raise OutputError("; ".join(errors))


class Progress:
    """Says on a terminal what is done now, the share that is done, and the time left."""

    def __init__(self, *, quiet: bool) -> None:
        self._on = sys.stderr.isatty() and not quiet
        self._start = time.monotonic()

    def __call__(self, what: str, share: float) -> None:
        """Show one part of the run."""
        if not self._on:
            return
        passed = time.monotonic() - self._start
        left = f", {passed / share - passed:.0f} s left" if share > 0 else ""
        text = f"{share:4.0%} {what}{left}"
        click.echo(f"\r{text[: WIDTH - 1]:<{WIDTH - 1}}", nl=False, err=True)

    def end(self) -> None:
        """Clear the line."""
        if self._on:
            click.echo("\r" + " " * (WIDTH - 1) + "\r", nl=False, err=True)
            self._on = False
