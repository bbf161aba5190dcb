"""``asgd bench``: the measurements as a table, as JSON and as a plot."""

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..bench.contenders import available
from ..bench.measure import LIST, SIZES, SMALL_LIST, Case, report
from ..bench.plot import plot
from ..bench.results import read
from ..ports.protocol import DTYPES
from . import files
from .terminal import check_writable

LAYOUTS = (*map(str, SIZES), SMALL_LIST, LIST)
QUICK = ("1000", "100000", "10000000")
_WIDTH = 150
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("bench")
@click.option(
    "--layout",
    "layouts",
    multiple=True,
    type=click.Choice(LAYOUTS),
    help="Elements of one tensor, or a list of tensors. Repeatable; default: all.",
)
@click.option("--dtype", "dtypes", multiple=True, type=click.Choice(DTYPES), help="Repeatable.")
@click.option("--averaging", type=click.Choice(["off", "on", "both"]), default="both")
@click.option("--seconds", type=click.FloatRange(min=0.01), default=0.5, show_default=True)
@click.option("--compile/--no-compile", "compiled", default=True, help="With torch.compile or not.")
@click.option("--quick", is_flag=True, help="A few layouts, in about a minute.")
@click.option("--json", "json_file", type=_FILE)
@click.option("--plot", "plot_file", type=_FILE, help="Draw the table, as .svg or .png.")
@click.option(
    "--from",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show an earlier --json instead of measuring.",
)
def bench_command(
    layouts: tuple[str, ...],
    dtypes: tuple[str, ...],
    averaging: str,
    seconds: float,
    compiled: bool,
    quick: bool,
    json_file: Path | None,
    plot_file: Path | None,
    source: Path | None,
) -> None:
    """Time fast beside naive NumPy, torch (where it is installed) and copying, in one run."""
    check_writable([json_file, plot_file])
    if quick:
        layouts, seconds = layouts or QUICK, min(seconds, 0.1)
    if source is None:
        choices = {"off": [False], "on": [True], "both": [False, True]}[averaging]
        cases = [
            Case(layout, dtype, on)
            for dtype in dtypes or DTYPES
            for layout in layouts or LAYOUTS
            for on in choices
        ]
        result = _measure(cases, seconds, compiled=compiled)
    else:
        try:
            result = read(source)
        except ValueError as error:
            raise click.UsageError(f"--from {source}: {error}") from error
    # Only a terminal has a width to fit into.
    show(result, Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH))
    if json_file is not None:
        files.write(json_file, json.dumps(result, indent=1) + "\n")
    if plot_file is not None:
        try:
            plot(result, plot_file)
        except ImportError as error:
            raise click.UsageError('--plot needs its extra: pip install "asgd[plot]"') from error


def _measure(cases: list[Case], seconds: float, *, compiled: bool) -> dict[str, Any]:
    names = available(compiled=compiled)
    # Making the arrays and warming up takes about as long again; compiling takes a few seconds.
    estimate = len(cases) * (2 * seconds * len(names) + 8 * ("torch compile" in names))
    click.echo(f"asgd bench: about {estimate / 60:.0f} minutes", err=True)
    dtypes, choices = {c.dtype for c in cases}, {c.averaging for c in cases}
    parts = len(cases) + len(dtypes) + len(choices)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("starting", total=parts)
        started = [-1]

        def advance(what: str) -> None:
            started[0] += 1
            progress.update(task, completed=started[0], description=what)

        result = report(cases, names, seconds=seconds, advance=advance)
        progress.update(task, completed=parts, description="done")
    return {**result, "machine": _machine()}


def _machine() -> dict[str, Any]:
    versions = {}
    for name in ("asgd", "numpy", "torch"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "versions": versions,
    }


def ratios(timing: dict[str, Any], clock: str, name: str = "fast") -> dict[str, float]:
    """How many times a contender is as fast as the better eager torch, compile, and copying."""
    times = timing[clock]
    if name not in times:
        return {}
    eager = [times[other] for other in ("torch loop", "torch foreach") if other in times]
    out = {"eager": min(eager) / times[name]} if eager else {}
    for key, other in (("compile", "torch compile"), ("copy", "copy"), ("naive", "naive")):
        if other in times:
            out[key] = times[other] / times[name]
    return out


def show(result: dict[str, Any], console: Console) -> None:
    """Print the tables."""
    for clock, title in (("wall_ns", "on the clock"), ("cpu_ns", "of the processor, all threads")):
        console.print(
            _times(result, clock, f"Nanoseconds an element {title}, the shortest of a few")
        )
    table = Table("", title=f"Largest error after {result['accuracy'][0]['steps']} steps, ulp")
    names = list(result["accuracy"][0]["ulp"])
    for name in names:
        table.add_column(name, justify="right")
    for entry in result["accuracy"]:
        for quantity in ("theta", "average"):
            errors = [f"{entry['ulp'][name][quantity]:.3g}" for name in names]
            table.add_row(f"{entry['dtype']} {quantity}", *errors)
    console.print(table)
    table = Table("averaging", title="Most memory beyond theta and grad, arrays of theta's size")
    names = list(result["memory"][0]["arrays"])
    for name in names:
        table.add_column(name, justify="right")
    for entry in result["memory"]:
        sizes = [entry["arrays"][name] for name in names]
        cells = ["-" if size is None else f"{size:.2f}" for size in sizes]
        table.add_row("on" if entry["averaging"] else "off", *cells)
    console.print(table)


def _times(result: dict[str, Any], clock: str, title: str) -> Table:
    timings = result["timings"]
    names = list(dict.fromkeys(name for timing in timings for name in timing[clock]))
    table = Table("layout", "dtype", "averaging", title=title)
    for name in [*names, "x eager", "x compile", "x copy"]:
        table.add_column(name, justify="right")
    for timing in timings:
        ratio = ratios(timing, clock)
        table.add_row(
            timing["layout"],
            timing["dtype"],
            "on" if timing["averaging"] else "off",
            *(f"{timing[clock][n]:.3g}" if n in timing[clock] else "-" for n in names),
            *(f"{ratio[k]:.2f}" if k in ratio else "-" for k in ("eager", "compile", "copy")),
        )
    return table
