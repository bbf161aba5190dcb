"""The `asgd verify` command."""

import json
import shlex
import sys
import tomllib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from asgd.spec import CONVENTIONS, FAULTS, POLICIES

from ..laws.outcome import LEVELS
from ..ports import loading
from ..ports.process import TIMEOUT, Limits
from ..ports.program import ProgramPort
from ..ports.protocol import DTYPES, Port, PortError, describe
from ..report import formats as exports
from ..report import terminal
from ..report.document import error_report, report, write_requests
from ..report.reproduce import script
from ..verify.result import Options, Result
from ..verify.run import verify
from .exit_codes import EXIT

_FILE = click.Path(dir_okay=False, path_type=Path)
_FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "json": lambda content: json.dumps(content, indent=2, allow_nan=False) + "\n",
    "junit": exports.junit,
    "html": exports.page,
    "badge": exports.badge,
}


@click.command("verify")
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
    help="Seconds that the port has to answer a request.",
)
@click.option("--in-process", is_flag=True, help="No child process: for a debugger.")
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
    in_process: bool,
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
            subject = (
                ProgramPort(program, timeout)
                if program
                else loading.load(how, in_process=in_process, limits=Limits(timeout))
            )
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


def _name(port: str | None, program: list[str] | None) -> str:
    """How the port is named, and that it is named once."""
    if program is None:
        return port or loading.DEFAULT
    if port is not None:
        raise click.UsageError(f"give PORT or a program behind --, not both: {port}")
    return shlex.join(program_of(program))


def program_of(program: list[str]) -> list[str]:
    """The program and its arguments; a usage error where there is none."""
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
