"""What the commands write: to the terminal, whatever its encoding, and to files."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click

from ..ports.strict import at_once
from ..report import github
from ..report.as_json import to_json
from ..report.junit import junit
from ..report.model import Report
from ..report.page import badge, page, shields
from ..report.text import WIDTH, Line, render
from . import files
from .terminal import complain, flush, unwritable

FORMS: Mapping[str, Callable[[Report], str]] = {
    "json": to_json,
    "junit": junit,
    "html": page,
    "badge": badge,
    "shields": shields,
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
        complain(f"no verdict on {report.port.how}: {report.error}")


def show_whole(report: Report, *, quiet: bool) -> str:
    """Print a report; why standard output does not take it, or nothing."""
    try:
        show_report(report, quiet=quiet)
        return flush()
    except (OSError, ValueError) as error:
        return unwritable("standard output", error)


def write_files(contents: Mapping[Path, Callable[[], str | bytes]]) -> list[str]:
    """Write files, each as a whole; why some could not be written."""
    errors = []
    for path, make in contents.items():
        try:
            files.write(path, make())
        except OSError as error:
            errors.append(unwritable(path, error))
    return errors


def write_summary(report: Report) -> list[str]:
    """Add to the job summary, where there is one; why that could not be done."""
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    if not step or "GITHUB_ACTIONS" not in os.environ:
        return []
    try:
        with open(step, "a", encoding="utf-8", newline="\n", opener=at_once) as stream:
            stream.write(github.summary(report))
    except OSError as error:
        return [unwritable(step, error)]
    return []


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
