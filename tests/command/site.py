"""The `asgd site` command."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from ..ports.protocol import describe
from ..ports.text import printable
from ..report.from_json import UnusableError, load
from ..report.model import Report
from ..report.page import page
from ..report.site import INDEX, MARK, PAGES, site
from .exit_codes import NO_VERDICT
from .files import temporary
from .terminal import complain


class OutputError(Exception):
    """The site cannot be written."""


@click.command("site")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument(
    "files", metavar="REPORT.json...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
def site_command(folder: Path, files: tuple[Path, ...]) -> None:
    """Write to DIR a page that puts JSON reports of many ports side by side.

    A site that stands in DIR is replaced; any other file there is left alone, and refused.

    Exit code: 0 written, 2 a report cannot be used or DIR cannot be written.
    """
    try:
        made = site([_shown(path) for path in files])
        write_site(folder, made)
    except (UnusableError, OutputError) as error:
        complain(error)
        sys.exit(NO_VERDICT)
    click.echo(folder / INDEX)


def _shown(path: Path) -> Report:
    """A report that can be shown: what it holds of requests is seen by showing it."""
    report = load(path)
    try:
        page(report)
    except Exception as error:
        text = f"{path}: the report is damaged: {describe(error)}"
        raise UnusableError(printable(text)) from error
    return report


def write_site(folder: Path, files: Mapping[str, str]) -> None:
    """Write a site in one move: a folder holds all of it, or what it held before.

    Raises
    ------
    OutputError
        If it cannot be written, or the folder holds anything else.
    """
    target = Path(os.path.realpath(folder))
    try:
        if target.exists() and not _is_site(target):
            raise OutputError(f"cannot write {folder}: it holds other files; name a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=temporary(target)) as beside:
            new, old = Path(beside) / "new", Path(beside) / "old"
            for name, text in files.items():
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            _replace(target, new, old)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from error


def _replace(target: Path, new: Path, old: Path) -> None:
    if not target.exists():
        new.rename(target)
        return
    target.rename(old)
    try:
        new.rename(target)
    except OSError:
        old.rename(target)
        raise


def _is_site(folder: Path) -> bool:
    """Whether a folder is empty, or holds a site and nothing else."""
    names = {path.name for path in folder.iterdir()}
    if not names:
        return True
    pages = folder / PAGES
    if names - {INDEX, PAGES} or not (folder / INDEX).is_file() or not pages.is_dir():
        return False
    written = all(p.is_file() and p.suffix == ".html" for p in pages.iterdir())
    return written and MARK in (folder / INDEX).read_text(encoding="utf-8", errors="replace")
