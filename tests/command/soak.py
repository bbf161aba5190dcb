"""`asgd soak` and `asgd soak merge`."""

import itertools
import json
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from asgd.spec import CONVENTIONS, POLICIES

from ..ports import loading
from ..ports.process import Limits
from ..ports.protocol import DTYPES, PortError
from ..ports.text import printable
from ..report.verdicts import WORDS
from ..soak.dask import run_units
from ..soak.rows import Result, SoakError
from ..soak.units import (
    Plan,
    Results,
    Summary,
    make_plan,
    merge,
    run_unit,
    summary,
)
from ..soak.units import shard as units_of
from ..verify.interface import limits_of
from .exit_codes import EXIT
from .files import write
from .judging import limit_options
from .terminal import complain


def _both_numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """Both numbers of i/n."""
    index, _, count = value.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise click.BadParameter(f"must be i/n with 1 <= i <= n, got {value!r}", ctx, param)
    return int(index), int(count)


class _PortOrCommand(click.Group):
    """Group whose first argument is a command, or else the PORT."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Insert `run` before an argument that is not a command."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Without a command, it is `run`."""
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("soak", cls=_PortOrCommand)
def soak_command() -> None:
    """Verify with random input until told to stop: `asgd soak [PORT]`; `asgd soak merge FILES`."""


@soak_command.command("run")
@click.argument("port", required=False)
@click.option("--convention", type=click.Choice(["auto", *CONVENTIONS]), default="auto")
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES))
@click.option("--policy", type=click.Choice(list(POLICIES)), default="native", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--shard",
    metavar="I/N",
    default="1/1",
    show_default=True,
    callback=_both_numbers,
    help="Part I of N.",
)
@click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Results; an existing file is continued.  [default: asgd-soak-I-of-N.jsonl]",
)
@click.option("--units", type=click.IntRange(min=0), help="Only the units below this number.")
@click.option("--seconds", type=click.FloatRange(min=0), help="Begin no unit after so long.")
@limit_options("For the whole run; what is known then is said.  [default: none]")
@click.option("--dask", metavar="ADDRESS", help="Scheduler of a Dask cluster that runs the units.")
@click.pass_obj
def run_command(
    program: list[str] | None,
    port: str | None,
    convention: str,
    dtypes: tuple[str, ...],
    policy: str,
    seed: int,
    shard: tuple[int, int],
    path: Path | None,
    units: int | None,
    seconds: float | None,
    timeout: float,
    limit: float | None,
    memory: int | None,
    dask: str | None,
) -> None:
    """Verify PORT (default: asgd.fast:ASGD) until interrupted, and write what is found as it goes.

    Exit code: 0 conforms, 1 deviates, 2 no verdict.
    """
    if program is not None:
        raise click.UsageError("programs behind -- are not supported yet: give an import path")
    path = path or Path(f"asgd-soak-{shard[0]}-of-{shard[1]}.jsonl")
    start = time.monotonic()
    try:
        limits = limits_of(None, timeout, limit, memory)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    done: dict[int, Result] = {}
    try:
        plan = make_plan(
            port or loading.DEFAULT,
            seed=seed,
            name=convention,
            policy_name=policy,
            dtypes=dtypes,
            limits=limits,
        )
        with Results(path, plan) as results, _told_to_stop() as told:
            done = results.done
            todo = itertools.takewhile(
                lambda _: not told.is_set(), _todo(units_of(*shard), units, done, start, seconds)
            )
            for result in _run(plan, todo, dask, limits):
                results.add(result)
                _say(result, len(done), time.monotonic() - start)
            if told.is_set():
                click.echo("stopped; the same command continues", err=True)
    except (PortError, SoakError) as error:
        if done:
            click.echo(_line("error", summary(done.values()), path))
        complain(f"no verdict: {error}")
        sys.exit(EXIT["error"])
    _end(summary(done.values()), path)


@soak_command.command("merge")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--into", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def merge_command(files: tuple[Path, ...], into: Path | None) -> None:
    """Put the results of shards together, and say what they amount to."""
    try:
        header, results = merge(files)
    except SoakError as error:
        complain(f"cannot merge: {error}")
        sys.exit(EXIT["error"])
    if into is not None:
        write(into, "".join(json.dumps(line) + "\n" for line in (header, *results)))
    _end(summary(results), into)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Event that is set by the first Ctrl-C or SIGTERM; the second one interrupts as usual.

    A unit is never broken off: an exception that is thrown into the libraries which run it may come
    out as another one, or as a finding.
    """
    told = threading.Event()

    def stop(signum: int, frame: Any) -> None:
        if told.is_set():
            signal.default_int_handler(signum, frame)
        told.set()
        click.echo("\nstopping after this unit; once more to stop at once", err=True)

    if threading.current_thread() is not threading.main_thread():
        yield told
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _todo(
    units: Iterator[int],
    below: int | None,
    done: Iterable[int],
    start: float,
    seconds: float | None,
) -> Iterator[int]:
    already = set(done)
    for unit in itertools.takewhile(lambda u: below is None or u < below, units):
        if seconds is not None and time.monotonic() - start >= seconds:
            return
        if unit not in already:
            yield unit


def _run(plan: Plan, units: Iterator[int], dask: str | None, limits: Limits) -> Iterator[Result]:
    if dask is None:
        yield from (run_unit(plan, unit, limits) for unit in units)
        return
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
    except ImportError:
        raise SoakError('--dask needs its extra: pip install "asgd[dask]"') from None

    with Client(dask) as client:
        yield from run_units(client, plan, units, limits)


def _say(result: Result, done: int, seconds: float) -> None:
    if result["failure"]:
        place = {k: result["failure"][k] for k in ("quantity", "call", "parameter", "element")}
        click.echo(f"unit {result['unit']}: {result['kind']} {result['dtype']} deviates: {place}")
    elif sys.stderr.isatty():
        click.echo(f"\r{done} units, {seconds:.0f} s", nl=False, err=True)


def _line(verdict: str, total: Summary, path: Path | None) -> str:
    return (
        f"{WORDS[verdict]}: {total.units} units, {total.scenarios} scenarios, "
        f"{total.judged} numbers, {total.undecided} undecided, {len(total.failures)} units with "
        f"deviations, largest error {total.largest:.2f} of the bound"
        + (f"; {printable(path)}" if path else "")
    )


def _end(total: Summary, path: Path | None) -> None:
    click.echo(_line(total.verdict, total, path))
    sys.exit(EXIT[total.verdict])
