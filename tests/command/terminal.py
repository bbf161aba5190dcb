"""What every command needs of the terminal and of files; nothing here is slow to import."""

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from ..ports.text import escaped, printable
from . import files


def accept_any_text() -> None:
    """Let characters that the terminal's encoding lacks be escaped; they raise no error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def complain(text: object) -> None:
    """Print to standard error, in printable lines, what is wrong."""
    click.echo(escaped(f"asgd: {text}"), err=True)


def flush() -> str:
    """Flush standard output; why it does not take what was printed, or nothing."""
    if sys.stdout is None:
        return "standard output is closed"
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        # The interpreter flushes once more at its end, and would fail.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return unwritable("standard output", error)
    return ""


def check_writable(paths: Iterable[Path | None]) -> None:
    """Check before the run that each file can be written, and is named once.

    Raises
    ------
    UsageError
        If one cannot be.
    """
    named = [path for path in paths if path is not None]
    for number, path in enumerate(named):
        reason = files.check_writable(path)
        if not reason and any(_same(path, other) for other in named[:number]):
            reason = "two options name it"
        if reason:
            raise click.UsageError(f"cannot write {printable(path)}: {reason}")


def _same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() and (path.is_file() or not path.exists())


def unwritable(what: object, error: Exception) -> str:
    """That something cannot be written, and why."""
    reason = getattr(error, "strerror", None) or error
    return f"cannot write {printable(what)}: {printable(reason)}"
