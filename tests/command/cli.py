"""The ``asgd`` command line."""

import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import click

from ..ports.text import printable
from ..report.compare import compare
from ..report.explain import explain, nearest, overview
from ..report.from_json import UnusableError, load
from . import files
from .bench import bench_command
from .doctor import doctor_command
from .exit_codes import NO_VERDICT
from .init import init_command
from .output import accept_any_text, complain
from .site import site_command
from .soak import soak
from .verify import verify_command

_BEGIN = 20  # bytes by which a frozen vector is known


def split_program(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Arguments before ``--``, and the program after it, if there is one."""
    arguments = list(argv)
    if "--" not in arguments:
        return arguments, None
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asgd")
def cli() -> None:
    """Say which ASGD a port computes, to the last bit, and where it goes wrong."""
    accept_any_text()


cli.add_command(bench_command)
cli.add_command(doctor_command)
cli.add_command(init_command)
cli.add_command(site_command)
cli.add_command(soak)
cli.add_command(verify_command)


@cli.command("explain")
@click.argument("ident", metavar="[ID]", required=False)
def explain_command(ident: str | None) -> None:
    """Say what an id of any output means; without ID, list all ids."""
    if ident is None:
        click.echo("\n".join(overview()))
        return
    known = explain(ident)
    if known is None:
        close = nearest(ident)
        hint = f" (similar: {', '.join(close)})" if close else ""
        text = f"unknown id {ident!r}; run `asgd explain` to list all ids{hint}"
        complain(text)
        sys.exit(NO_VERDICT)
    click.echo("\n".join(known))


@cli.command("compare")
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


@cli.command("vectors")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def vectors_command(folder: Path) -> None:
    """Copy the frozen vectors, their schema and their description to DIR."""
    source = Path(str(resources.files("asgd.spec")))
    names = [*sorted((source / "vectors").glob("*.json"))]
    names += [source / "vectors.schema.json", source / "vectors.md"]
    made = {folder / path.name: path.read_bytes() for path in names}
    try:
        for path, content in made.items():
            # An older version of the same file begins alike.
            if path.exists() and not (
                path.is_file() and path.read_bytes()[:_BEGIN] == content[:_BEGIN]
            ):
                complain(f"cannot write {path}: it is no file of asgd; name another folder")
                sys.exit(NO_VERDICT)
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in made.items():
            files.write(path, content)
            click.echo(printable(path))
    except OSError as error:
        complain(f"cannot write {folder}: {error.strerror}")
        sys.exit(NO_VERDICT)
