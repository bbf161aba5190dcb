"""The `asgd verify` command."""

import random
import sys
from pathlib import Path
from typing import Any

import click

from asgd.spec import CONVENTIONS, POLICIES

from ..laws.outcome import LEVELS, SECONDS
from ..ports.interruption import received
from ..ports.process import TIMEOUT, Limits
from ..ports.protocol import DTYPES
from ..report.build import build
from ..verify.interface import options_of
from ..verify.result import Options, Result
from ..verify.waivers import UNKNOWN, Waiver, WaiverError, waivers_text
from .exit_codes import INTERRUPTED, NO_VERDICT
from .files import write
from .judging import judge, name_port
from .output import OutputError, Progress, check_writable, show_report, write_report
from .reproducing import reproduction_path, write_reproduction

_FILE = click.Path(dir_okay=False, path_type=Path)
_SEEDS = 2**32


class _Seed(click.ParamType):  # type: ignore[type-arg] # generic in some versions of click
    """A number, or "random"."""

    name = "N|random"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """The seed."""
        if value == "random":
            return random.SystemRandom().randrange(_SEEDS)
        if not str(value).isdecimal():
            self.fail(f"must be a number >= 0 or random, got {value!r}", param, ctx)
        return int(value)


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
    type=click.Choice(["auto", *POLICIES]),
    default="auto",
    show_default=True,
    help="What a port may lose in eta and mu by rounding.",
)
@click.option(
    "--oracle",
    type=click.Choice(["integers", "mpmath"]),
    default="integers",
    show_default=True,
    help="What exact values are made of; mpmath alone is slower, and says the same.",
)
@click.option("--level", type=click.Choice(list(LEVELS)), default="quick", show_default=True)
@click.option("--seed", type=_Seed(), default=0, show_default=True, help="Of drawn scenarios.")
@click.option(
    "--without",
    multiple=True,
    metavar="NAME",
    help="What the port need not show: average, an equation, a law of the lifecycle. Repeatable.",
)
@click.option("--waive", type=_FILE, help="TOML file of [[waive]] tables: known deviations.")
@click.option("--suggest-waivers", type=_FILE, help="Write such a file for what deviates now.")
@click.option("--json", "json_file", type=_FILE, help="Report for programs.")
@click.option("--junit", type=_FILE, help="Report for CI.")
@click.option("--html", type=_FILE, help="Report as a page.")
@click.option("--badge", type=_FILE, help="Verdict as an SVG badge.")
@click.option(
    "--reproduce",
    type=_FILE,
    help="What shows the first divergence without asgd: a script for Python ports, the requests "
    "for programs.  [default: beside --json]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=TIMEOUT,
    show_default=True,
    help="Seconds that the port has to answer a request.",
)
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="For the whole run.  [default: by the level]",
)
@click.option(
    "--memory",
    type=click.IntRange(min=1),
    metavar="MB",
    help="Resident memory of the port, and of what it starts.",
)
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Where the parameters of a torch port are, for example cuda.",
)
@click.option("--in-process", is_flag=True, help="No child process: for a debugger.")
@click.option("--quiet", is_flag=True, help="Print the verdict alone.")
@click.pass_obj
def verify_command(
    program: list[str] | None,
    /,
    port: str | None,
    timeout: float,
    limit: float | None,
    memory: int | None,
    json_file: Path | None,
    junit: Path | None,
    html: Path | None,
    badge: Path | None,
    reproduce: Path | None,
    suggest_waivers: Path | None,
    in_process: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Judge PORT, an import path package.module:Object or file.py:Object (default: asgd.fast:ASGD).

    Or, behind --, a program and its arguments: asgd verify -- PROGRAM ARGS...

    Exit code: 0 conforms, 1 deviates, 2 no verdict.
    """
    how = name_port(port, program)
    options = _options(program, given)
    files = {"json": json_file, "junit": junit, "html": html, "badge": badge}
    reproduce = reproduction_path(reproduce, json_file, program=program is not None)
    check_writable([*files.values(), reproduce, suggest_waivers])
    progress = Progress(quiet=quiet)
    seconds = limit or SECONDS[options.level]
    resident = None if memory is None else memory * 10**6
    limits = Limits(timeout, seconds, resident, options.device)
    result, subject = judge(how, options, limits, progress, in_process=in_process)
    progress.end()
    errors = []
    play: str | None = None
    try:
        if reproduce is not None:
            play = write_reproduction(result, subject, reproduce)
    except OutputError as error:
        errors.append(str(error))
    report = build(result, str(reproduce) if play else None, play)
    try:
        write_report(report, files)
        if suggest_waivers is not None:
            _suggest(result, suggest_waivers)
    except (OutputError, OSError) as error:
        errors.append(str(error))
    show_report(report, quiet=quiet)
    for text in errors:
        click.echo(f"asgd: {text}", err=True)
    if report.interrupted:
        signal = received()
        sys.exit(INTERRUPTED if signal is None else 128 + signal)
    sys.exit(NO_VERDICT if errors else report.exit_code)


def _options(program: list[str] | None, given: dict[str, Any]) -> Options:
    """The options; a usage error where one of them is not allowed."""
    waive = given.pop("waive")
    try:
        return options_of(program=program or (), waive=str(waive) if waive else "", **given)
    except (ValueError, WaiverError) as error:
        raise click.UsageError(str(error)) from error


def _suggest(result: Result, path: Path) -> None:
    """Write waivers for all that deviates: those in use, and one for each other deviation."""
    found = list(result.applied)
    dtypes = {d.dtype for d in result.dtypes}
    for deviation in (d for r in result.dtypes for d in r.unwaived):
        same = {
            d.dtype
            for d in result.deviations
            if (d.id, d.equation) == (deviation.id, deviation.equation)
        }
        everywhere = same == dtypes and deviation.id != UNKNOWN
        waiver = Waiver(
            deviation.id,
            f"known: {deviation.title}",
            "" if everywhere else deviation.dtype,
            deviation.equation if deviation.id == UNKNOWN else "",
        )
        if not any(waiver.overlaps(other) for other in found):
            found.append(waiver)
    write(path, waivers_text(found))
