"""What people see: a result and the entries of the spec, on a terminal."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import (
    CONVENTIONS,
    EQUATIONS,
    FAULTS,
    POLICIES,
    Convention,
    Equation,
    Fault,
    Policy,
    policy,
)

from ..diagnosis.impulse_response import Readout
from ..laws.outcome import Outcome
from ..ports.smoke import Check
from ..verify.result import Deviation, DtypeResult, Result, detectable
from .document import command
from .numbers import decimal

_STYLE = {"conforms": "bold green", "deviates": "bold red", "error": "bold yellow"}
_WORDS = {"conforms": "conforms", "deviates": "deviates", "error": "no verdict"}


@contextmanager
def progress(name: str) -> Iterator[None]:
    """Say on standard error what is going on, where that is a terminal."""
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(f"verifying {escape(name)}"):
            yield
    else:
        yield


def show(result: Result, console: Console, script: str | None = None) -> None:
    """Print a result; ``script`` is the path of the reproduction that was written."""

    def say(text: str = "") -> None:
        console.print(text, soft_wrap=True)

    say(
        f"[bold]{escape(result.hello.name)}[/] version {escape(result.hello.version)}, "
        f"policy {result.options.policy}, level {result.options.level}"
    )
    say()
    console.print(_laws(result))
    say("[dim]worst: largest error met, in units of what rounding may cost[/]")
    for dtype in result.dtypes:
        say()
        _show_dtype(dtype, result, say)
    say()
    for waiver in result.stale_waivers:
        say(f"[bold red]waiver {waiver} waives nothing any more:[/] remove it")
    checks = sum(o.scenarios for d in result.dtypes for o in d.outcomes)
    numbers = sum(o.judged for d in result.dtypes for o in d.outcomes)
    caught, known = detectable(result)
    say(
        f"[{_STYLE[result.verdict]}]{_WORDS[result.verdict]}[/]: {numbers} numbers of {checks} "
        f"scenarios against certified values in {result.seconds:.1f} s"
    )
    say(f"{caught} of {known} catalogued faults would have shown")
    if result.verdict != "conforms":
        say(f"again: {escape(command(result))}")
    if script is not None:
        program = result.options.program
        words = f"{shlex.join(program)} < {shlex.quote(script)}" if program else f"python {script}"
        say(f"without asgd: {escape(words)}")


def _laws(result: Result) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("law", no_wrap=True)
    for dtype in result.dtypes:
        table.add_column(dtype.dtype, no_wrap=True)
        table.add_column("worst", justify="right", no_wrap=True)
    for rows in zip(*(dtype.outcomes for dtype in result.dtypes), strict=True):
        equation = EQUATIONS[rows[0].law.equation]
        cells = [cell for outcome in rows for cell in _cells(outcome)]
        table.add_row(f"{equation.id} {rows[0].law.key}", *cells)
    return table


def _cells(outcome: Outcome) -> tuple[str, str]:
    if outcome.not_observable:
        return "[dim]not observable[/]", ""
    if outcome.failure is not None:
        return "[red]broken[/]", ""
    if outcome.undecided:
        return f"[yellow]{outcome.undecided} undecided[/]", ""
    return "[green]holds[/]", f"{outcome.largest:.2f}"


def _show_dtype(dtype: DtypeResult, result: Result, say: Callable[[str], None]) -> None:
    convention = dtype.identity.convention
    head = f"[bold]{dtype.dtype}[/] [{_STYLE[dtype.verdict]}]{_WORDS[dtype.verdict]}[/]"
    if dtype.convention is not None:
        say(f"{head}, convention [bold]{convention.name}[/]")
        say(f"  average: {convention.window}")
    else:
        say(f"{head}: no convention fits; judged against {convention.name}, the nearest")
    if dtype.identity.also:
        say(f"  nothing seen tells it from {', '.join(dtype.identity.also)}")
    for entry in dtype.not_observable:
        say(f"  not observable: {entry}")
    if dtype.short:
        say(f"  fewer checks ran than the {dtype.floor} that a verdict needs")
    for deviation in dtype.deviations:
        say("")
        _show_deviation(deviation, result, say)
    for finding in dtype.findings:
        say(f"  [yellow]finding[/] {finding.id}: {escape(finding.text)}")
    if dtype.readout is not None:
        say("")
        _show_readout(dtype.readout, say)


def _show_deviation(deviation: Deviation, result: Result, say: Callable[[str], None]) -> None:
    judgement, scenario = deviation.failure.judgement, deviation.failure.scenario
    equation = EQUATIONS[deviation.equation]
    arithmetic = Arithmetic(formats[deviation.dtype], policy(result.options.policy))
    low, _ = judgement.exact.bounds()
    mark = "[dim](waived)[/] " if deviation.waived else ""
    say(f"  {mark}[bold]{deviation.id}[/] ({equation.id}): {escape(deviation.title)}")
    where = f"step {judgement.call}"
    if len(scenario.params) > 1:
        where += f", parameter {judgement.parameter}"
    if len(scenario.params[judgement.parameter]) > 1:
        where += f", element {judgement.element}"
    for group in scenario.groups:
        shown = ", ".join(f"{n}={v!r}" for n, v in group.hyper._asdict().items() if n != "maximize")
        say(f"    with {shown}{', maximize' if group.hyper.maximize else ''}")
    say(f"    {judgement.quantity} at {where}")
    say(f"      exact {decimal(low)}")
    say(f"      got   {judgement.got!r}  {judgement.got.hex()}")
    say(
        f"      off by {judgement.error_ulp(arithmetic):.3g} ulp, "
        f"{judgement.error_bounds:.3g} times what rounding may cost"
    )
    say(f"    {escape(deviation.explanation)}")
    if deviation.coincides:
        say(f"    Nothing seen tells it from: {', '.join(deviation.coincides)}.")


def _show_readout(readout: Readout, say: Callable[[str], None]) -> None:
    """What the port computes, recovered from impulses, beside what it should."""

    def row(values: Sequence[float]) -> str:
        return " ".join(f"{value:9.6g}" for value in values[:6])

    if not readout.linear:
        say("  it is not linear in the parameters and gradients, as ASGD is: clipping, an adaptive")
        say("  step, or another algorithm of the same name; so what follows holds near 1 only")
    say("  what it computes, read from impulses:")
    say(f"  with {readout.hyper}, at steps 1, 2, ...")
    say(f"    eta          {row(readout.eta)}")
    say(f"    should be    {row(readout.true_eta)}")
    if readout.guess:
        say(f"    eta fits     {readout.guess}, at steps 1 to {len(readout.eta)}")
    say(f"    decay                  {row(readout.decay[:5])}")
    say(f"    should be              {row(readout.true_decay[:5])}")
    if readout.gradient:
        say(f"  with {readout.given}")
        say(f"    gradient     {row(readout.gradient)}")
        say(f"    should be    {row(readout.true_gradient)}")
    if readout.weights:
        steps = len(readout.weights) - 1
        where = f"after {steps} steps, with t0={readout.t0}"
        say(f"  weights of theta_0, theta_1, ... in the average {where}")
        say(f"    {' '.join(f'{w:.4f}' for w in readout.weights)}")


def findings(found: Iterable[Check]) -> set[str]:
    """Print what the doctor finds, as it is found; the statuses that occurred."""
    console = Console(highlight=False)
    statuses: set[str] = set()
    for finding in found:
        statuses.add(finding.status)
        style = {"ok": "green", "wrong": "bold red", "absent": "dim"}[finding.status]
        text = f": {escape(finding.text)}" if finding.text else ""
        console.print(f"[{style}]{finding.status:6}[/] {finding.title}{text}", soft_wrap=True)
    return statuses


def explain_all(console: Console) -> None:
    """List every entry that has an id."""
    for title, table in (
        ("equations", EQUATIONS),
        ("conventions", CONVENTIONS),
        ("faults", FAULTS),
        ("policies", POLICIES),
    ):
        console.print(f"[bold]{title}[/]")
        for name, entry in table.items():
            console.print(f"  {_label(name, entry)}", soft_wrap=True)


def _label(name: str, entry: Equation | Convention | Fault | Policy) -> str:
    if isinstance(entry, Equation):
        return f"{entry.id} {name}"
    return f"{name}: {entry.title if isinstance(entry, Fault) else entry.summary}"


def explain(entry: Equation | Convention | Fault | Policy, console: Console) -> None:
    """Print all that the spec says of an entry."""
    if isinstance(entry, Equation):
        console.print(f"[bold]{entry.id} {entry.name}[/]")
        console.print(escape(entry.text))
        return
    for name, value in vars(entry).items():
        if value in {"", ()}:
            continue  # What is not said is nothing to show.
        text = "; ".join(value) if isinstance(value, tuple) else str(value)
        console.print(f"[bold]{name}[/]: {escape(text)}", soft_wrap=True)
