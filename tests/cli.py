"""The ``asgd`` command line."""

import json
import shlex
import sys
import tomllib
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from asgd.spec import CONVENTIONS, EQUATIONS, FAULTS, POLICIES

from . import doctor, exports, ledger, loading, terminal, vectors
from .bench_command import bench_command
from .port import DTYPES, Port, PortError, describe
from .program import TIMEOUT, ProgramPort
from .report import error_report, report, write_requests
from .reproduce import script
from .runner import LEVELS
from .soak_command import soak
from .verify import Options, Result, verify

_FILE = click.Path(dir_okay=False, path_type=Path)
_FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "json": lambda content: json.dumps(content, indent=2, allow_nan=False) + "\n",
    "junit": exports.junit,
    "html": exports.page,
    "badge": exports.badge,
}
EXIT = {"conforms": 0, "deviates": 1, "error": 2}


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


@cli.command("verify")
@click.argument("port", required=False)
@click.option(
    "--convention",
    type=click.Choice(["auto", *CONVENTIONS]),
    default="auto",
    show_default=True,
    help="Reading of ASGD to judge against; auto finds it.",
)
@click.option(
    "--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES), help="Repeatable; default: all."
)
@click.option(
    "--policy",
    type=click.Choice(list(POLICIES)),
    default="native",
    show_default=True,
    help="What a port may lose in eta and mu by rounding.",
)
@click.option(
    "--waive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='TOML file, waive = ["FAULT", ...]: deviations that are known.',
)
@click.option("--level", type=click.Choice(list(LEVELS)), default="quick", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "json_file", type=_FILE, help="Report for programs.")
@click.option("--junit", type=_FILE, help="Report for CI.")
@click.option("--html", type=_FILE, help="Report as a page.")
@click.option("--badge", type=_FILE, help="Verdict as an SVG badge.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    help="Seconds that a program behind -- has to answer a request.",
)
@click.option(
    "--transcript",
    type=click.Path(dir_okay=False, path_type=Path),
    default="asgd-transcript.jsonl",
    show_default=True,
    help="Where the requests of a program's failing exchange are kept, to be fed to it again.",
)
@click.option(
    "--reproduce",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write a script that shows the first divergence without this package "
    "(default: beside --json).",
)
@click.pass_obj
def verify_command(
    program: list[str] | None,
    port: str | None,
    convention: str,
    dtypes: tuple[str, ...],
    policy: str,
    waive: Path | None,
    level: str,
    seed: int,
    json_file: Path | None,
    junit: Path | None,
    html: Path | None,
    badge: Path | None,
    timeout: float,
    transcript: Path,
    reproduce: Path | None,
) -> None:
    """Judge PORT, an import path package.module:Object (default: asgd.fast:ASGD).

    Or, behind --, a program and its arguments: asgd verify -- PROGRAM ARGS...

    Exit code: 0 conforms, 1 deviates, 2 no verdict.
    """
    how = _name(port, program)
    waived = _waivers(waive) if waive else frozenset()
    options = Options(convention, dtypes, policy, level, seed, waived, tuple(program or ()))
    files = {"json": json_file, "junit": junit, "html": html, "badge": badge}
    subject: Port | None = None
    try:
        with terminal.progress(how):
            subject = ProgramPort(program, timeout) if program else loading.load(how)
            result = verify(subject, how, options)
    except Exception as error:  # noqa: BLE001 - a traceback must not exit with 1, "deviates"
        known = isinstance(error, PortError)
        message = str(error) if known else f"asgd itself failed: {describe(error)}"
        if isinstance(subject, ProgramPort) and subject.transcript:
            subject.write_transcript(transcript)
            message += f"\n  again: {shlex.join(subject.argv)} < {shlex.quote(str(transcript))}"
        _write(files, error_report(how, message, {"seed": seed, "policy": policy}))
        if not known:
            traceback.print_exc()
        # The last line on standard error is what a CI log is read for.
        click.echo(f"asgd: no verdict on {how}: {message}", err=True)
        sys.exit(EXIT["error"])
    where = None
    if program:
        if result.deviations:
            write_requests(result, transcript)
            where = str(transcript)
    else:
        if reproduce is None and json_file is not None:
            reproduce = json_file.with_suffix(".reproduce.py")
        lines = _reproduction(result, how)
        if reproduce is not None and lines is not None:
            _save(reproduce, lines)
            where = str(reproduce)
    _write(files, report(result, where))
    terminal.show(result, Console(highlight=False), where)
    sys.exit(EXIT["deviates"] if result.stale_waivers else EXIT[result.verdict])


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
        found = terminal.findings(doctor.environment())
    else:
        found = terminal.findings(doctor.walk(ProgramPort(_program(program), timeout)))
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


def _name(port: str | None, program: list[str] | None) -> str:
    """How the port is named, and that it is named once."""
    if program is None:
        return port or loading.DEFAULT
    if port is not None:
        raise click.UsageError(f"give PORT or a program behind --, not both: {port}")
    return shlex.join(_program(program))


def _program(program: list[str]) -> list[str]:
    if not program:
        raise click.UsageError("-- must be followed by a program")
    return program


def _waivers(path: Path) -> frozenset[str]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("waive")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} is not TOML: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(e, str) for e in entries):
        raise click.UsageError(f'{path} must hold a list, waive = ["FAULT", ...]')
    unknown = sorted(set(entries) - set(FAULTS))
    if unknown:
        raise click.UsageError(f"{path} waives what is no known fault: {', '.join(unknown)}")
    return frozenset(entries)


def _write(files: Mapping[str, Path | None], content: dict[str, Any]) -> None:
    """Write a report in each form that a file was named for."""
    for form, path in files.items():
        if path is not None:
            _save(path, _FORMS[form](content))


def _reproduction(result: Result, how: str) -> str | None:
    first = result.first
    if first is None:
        return None
    found = next(d for d in result.dtypes if d.dtype == first.dtype)
    return script(
        first.failure,
        first.equation,
        first.dtype,
        how,
        result.kind,
        law=first.law,
        lag=found.identity.convention.eta_lag,
    )


def _save(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from error
