"""`asgd init`: a port to start from, with a test and a CI file."""

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from asgd.spec.data import tables, text

from .exit_codes import NO_VERDICT
from .terminal import complain

_PYTHON_TEST = '''"""The port conforms to the specification of averaged SGD."""

from pathlib import Path

import asgd

PORT = f"{Path(__file__).with_name('@FILE@')}:@OBJECT@"


def test_the_port_conforms():
    """A deviation fails this test, with the diagnosis as its message."""
    asgd.check(PORT@POLICY@)
'''
_PROGRAM_TEST = """#!/bin/sh
# Build the port and verify it; options of `asgd verify` may follow. Exit code: 0 it conforms.
set -e
cd "$(dirname "$0")"
@BUILD@asgd verify "$@" -- @RUN@
"""


def starters() -> dict[str, dict[str, str]]:
    """The languages, and what their starters are made of."""
    return tables("ports/starters.toml")


def command(starter: Mapping[str, str]) -> str:
    """Command that verifies a starter, in its folder."""
    if "port" not in starter:
        return "sh verify.sh"
    policy = f" --policy {starter['policy']}" if "policy" in starter else ""
    return f"asgd verify {starter['port']}{policy}"


def files(lang: str) -> Mapping[str, str]:
    """Names and contents of the files of a starter."""
    starter = starters()[lang]
    source, file = starter["source"], starter["file"]
    content = {file: text(f"ports/{source}").replace(source, file)}
    packages = ["'asgd[report]'", *starter.get("install", "").split()]
    if "port" in starter:
        test, name = _PYTHON_TEST, "test_optimizer.py"
    else:
        test, name = _PROGRAM_TEST, "verify.sh"
    words = {
        "@FILE@": file,
        "@OBJECT@": starter.get("port", "").rpartition(":")[2],
        "@BUILD@": starter["build"] + "\n" if "build" in starter else "",
        "@RUN@": starter.get("run", ""),
        "@INSTALL@": " ".join(packages),
        "@COMMAND@": command(starter),
        "@POLICY@": f', policy="{starter["policy"]}"' if "policy" in starter else "",
    }
    for path, pattern in (
        (name, test),
        (".github/workflows/asgd.yml", text("ports/starter_ci.yml")),
    ):
        for word, meaning in words.items():
            pattern = pattern.replace(word, meaning)  # noqa: PLW2901 - one word after the other
        content[path] = pattern
    return content


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--lang", required=True, type=click.Choice(list(starters())), help="Language or library."
)
def init_command(folder: Path, lang: str) -> None:
    """Write a port that passes to DIR, with a test and a CI file, to put your arithmetic into.

    Exit code: 0 written, 2 a file is there already or cannot be written; then nothing is.
    """
    content = {folder / name: text for name, text in files(lang).items()}
    there = [path for path in content if path.exists()]
    if there:
        _refuse(f"{there[0]} is there already; choose another DIR, or move it away")
    written: list[Path] = []
    try:
        for path, text_of in content.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            written.append(path)
            path.write_text(text_of, encoding="utf-8", newline="\n")
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        _refuse(f"cannot write {error.filename}: {error.strerror}")
    for path in content:
        click.echo(f"wrote {path}")
    starter = starters()[lang]
    source = folder / starter["file"]
    click.echo(f"It conforms as it is: cd {folder} && {command(starter)}")
    click.echo(f"Then replace what is marked YOURS in {source}; NOT SHOWN says what to delete.")


def _refuse(message: str) -> None:
    complain(message)
    sys.exit(NO_VERDICT)
