"""The `asgd verify` command."""

import random
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from signal import SIGINT, Signals
from typing import Any

import click

from asgd.spec import CONVENTIONS, POLICIES

from ..laws.outcome import LEVELS
from ..ports.interruption import received
from ..ports.process import Limits
from ..ports.protocol import DTYPES
from ..ports.text import printable
from ..report.build import build
from ..report.model import Report
from ..verify.interface import limits_of, options_of
from ..verify.result import Options, Result
from ..verify.waivers import UNKNOWN, Waiver, WaiverError, waivers_text
from .exit_codes import NO_VERDICT
from .judging import judge, limit_options, name_port
from .output import (
    FORMS,
    Progress,
    show_whole,
    write_files,
    write_summary,
)
from .reproducing import is_ours, playing, reproduction, reproduction_path
from .terminal import check_writable, complain

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
@click.option(
    "--badge",
    type=_FILE,
    help="Verdict as an SVG badge, or as a shields.io endpoint in a .json.",
)
@click.option(
    "--reproduce",
    type=_FILE,
    help="What shows the first divergence without asgd: a script for Python ports, the requests "
    "for programs.  [default: beside --json]",
)
@limit_options("For the whole run.  [default: by the level]")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="Dtypes that are judged at once.  [default: as many as there are cores]",
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
    jobs: int | None,
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
    options, limits = _options(program, given)
    files = {"json": json_file, "junit": junit, "html": html}
    files["shields" if badge and badge.suffix == ".json" else "badge"] = badge
    own = reproduction_path(reproduce, json_file, program=program is not None)
    if own is not None and reproduce is None and not is_ours(own):
        text = "asgd did not write it; choose another with --reproduce"
        raise click.UsageError(f"cannot write {printable(own)}: {text}")
    check_writable([*files.values(), own, suggest_waivers])
    progress = Progress(quiet=quiet)
    result = judge(how, options, limits, progress, jobs=jobs, in_process=in_process)
    progress.end()

    def contents(report: Report) -> dict[Path, Callable[[], str | bytes]]:
        made: dict[Path, Callable[[], str | bytes]] = {
            path: partial(FORMS[form], report) for form, path in files.items() if path
        }
        if own is not None and script is not None:
            made[own] = partial(bytes, script)
        if suggest_waivers is not None:
            made[suggest_waivers] = partial(suggested_waivers, result)
        return made

    script = None if own is None else reproduction(result)
    report = _report(result, own if script else None)
    # First the verdict, then what may fail.
    errors = [show_whole(report, quiet=quiet)]
    errors += [*write_files(contents(report)), *write_summary(report)]
    if received() and not result.interrupted:
        # A signal that came meanwhile counts as well, and the files say so.
        result.interrupted = True
        errors += [f"interrupted by {Signals(received() or 0).name}"]
        errors += write_files(contents(_report(result, own if script else None)))
    for text in dict.fromkeys(filter(None, errors)):
        complain(text)
    if result.interrupted:
        sys.exit(128 + (received() or SIGINT))
    sys.exit(NO_VERDICT if any(errors) else report.exit_code)


def _report(result: Result, script: Path | None) -> Report:
    return build(result, str(script), playing(result, script)) if script else build(result)


def _options(program: list[str] | None, given: dict[str, Any]) -> tuple[Options, Limits]:
    """The options and the limits; a usage error where one of them is not allowed."""
    waive = given.pop("waive")
    numbers = [given.pop(name) for name in ("timeout", "limit", "memory")]
    try:
        options = options_of(program=program or (), waive=str(waive) if waive else "", **given)
        return options, limits_of(options, *numbers)
    except (ValueError, WaiverError) as error:
        raise click.UsageError(str(error)) from error


def suggested_waivers(result: Result) -> str:
    """Waivers for all that deviates: those in use, and one for each other deviation."""
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
    return waivers_text(found)
