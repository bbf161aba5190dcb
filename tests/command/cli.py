"""The ``asgd`` command line."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from asgd.spec import CONVENTIONS, EQUATIONS, FAULTS, POLICIES

from ..artifacts import ledger, vectors
from ..ports.process import TIMEOUT
from ..ports.program import ProgramPort
from ..ports.smoke import check_operations
from ..report import terminal
from .bench import bench_command
from .environment import environment
from .exit_codes import EXIT
from .soak import soak
from .verify import program_of, verify_command


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


cli.add_command(bench_command)
cli.add_command(soak)
cli.add_command(verify_command)


@cli.command("explain")
@click.argument("ident", metavar="[ID]", required=False)
def explain(ident: str | None) -> None:
    """Say what a convention, equation, fault or policy is; without ID, list them."""
    console = Console(highlight=False)
    if ident is None:
        terminal.explain_all(console)
        return
    by_id = {equation.id.lower(): name for name, equation in EQUATIONS.items()}
    name = by_id.get(ident.lower(), ident)
    entry: Any = next(
        (table[name] for table in (EQUATIONS, FAULTS, CONVENTIONS, POLICIES) if name in table),
        None,
    )
    if entry is None:
        click.echo(f"asgd: there is no {ident!r}; `asgd explain` lists what there is", err=True)
        sys.exit(2)
    terminal.explain(entry, console)


@cli.command("doctor")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=TIMEOUT)
@click.pass_obj
def doctor_command(program: list[str] | None, timeout: float) -> None:
    """Look at this environment, or behind -- at a program: asgd doctor -- PROGRAM ARGS...

    Exit code: 0 all is well, 2 something is wrong.
    """
    if program is None:
        found = terminal.findings(environment())
    else:
        found = terminal.findings(check_operations(ProgramPort(program_of(program), timeout)))
    sys.exit(EXIT["error"] if "wrong" in found else 0)


@cli.command("vectors")
@click.option("--check", is_flag=True, help="Only say whether they are what this version writes.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default="spec/vectors",
    show_default=True,
)
def vectors_command(check: bool, folder: Path) -> None:
    """Write the frozen vectors, or check them.

    Exit code: 0 they are up to date, 1 stale.
    """
    if not check:
        for path in vectors.write(folder):
            click.echo(f"{path} {path.stat().st_size} bytes")
        return
    names = vectors.stale(folder)
    if names:
        click.echo(
            f"stale in {folder}: {', '.join(names)}; renew them: {vectors.COMMAND}", err=True
        )
        sys.exit(1)
    click.echo(f"{folder} is up to date")


@cli.command("ledger")
@click.option(
    "--file",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default="spec/ports.md",
    show_default=True,
)
@click.argument("names", nargs=-1)
def ledger_command(path: Path, names: tuple[str, ...]) -> None:
    """Verify the ports of the ledger that are installed (or NAMES), and renew their lines."""
    for line in ledger.renew(path, names):
        click.echo(line)
