"""The `asgd vectors` command."""

import sys
from importlib import resources
from pathlib import Path

import click

from ..ports.text import printable
from . import files
from .exit_codes import NO_VERDICT
from .terminal import complain

_BEGIN = 20  # bytes by which a frozen vector is known


@click.command("vectors")
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
