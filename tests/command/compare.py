"""The `asgd compare` command."""

import sys
from pathlib import Path

import click

from ..report.compare import compare
from ..report.from_json import UnusableError, load
from .exit_codes import NO_VERDICT
from .terminal import complain


@click.command("compare")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def compare_command(old: Path, new: Path) -> None:
    """Say what changed between two JSON reports.

    Exit code: 0 no worse, 1 a worse verdict or a new deviation, 2 a file cannot be used.
    """
    try:
        found = compare(load(old), load(new))
    except UnusableError as error:
        complain(error)
        sys.exit(NO_VERDICT)
    for line in found.lines or ("no change",):
        click.echo(line)
    click.echo("worse" if found.worse else "not worse")
    sys.exit(1 if found.worse else 0)
