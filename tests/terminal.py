"""What people see: a result and the entries of the spec, on a terminal."""

from collections.abc import Iterable, Iterator
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

from .doctor import Finding
from .report import command, decimal
from .runner import Outcome
from .verify import Deviation, DtypeResult, Result, detectable

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


def show(result: Result, console: Console) -> None:
    """Print a result."""
    console.print(
        f"[bold]{escape(result.hello.name)}[/] version {escape(result.hello.version)}, "
        f"policy {result.options.policy}, level {result.options.level}"
    )
    console.print()
    console.print(_laws(result))
    for dtype in result.dtypes:
        console.print()
        _show_dtype(dtype, result, console)
    console.print()
    for waiver in result.stale_waivers:
        console.print(f"[bold red]waiver {waiver} waives nothing any more:[/] remove it")
    checks = sum(o.scenarios for d in result.dtypes for o in d.outcomes)
    numbers = sum(o.judged for d in result.dtypes for o in d.outcomes)
    caught, known = detectable(result)
    console.print(
        f"[{_STYLE[result.verdict]}]{_WORDS[result.verdict]}[/]: {checks} scenarios, "
        f"{numbers} numbers against certified values, {result.seconds:.1f} s; "
        f"{caught} of {known} catalogued faults would have shown"
    )
    if result.verdict != "conforms":
        console.print(f"again: {escape(command(result))}", soft_wrap=True)


def _laws(result: Result) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("law")
    for dtype in result.dtypes:
        table.add_column(dtype.dtype)
        table.add_column("largest error", justify="right")
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
    return "[green]holds[/]", f"{outcome.largest:.2f} of the bound"


def _show_dtype(dtype: DtypeResult, result: Result, console: Console) -> None:
    convention = dtype.match.convention
    head = f"[bold]{dtype.dtype}[/] [{_STYLE[dtype.verdict]}]{_WORDS[dtype.verdict]}[/]"
    if dtype.convention is not None:
        console.print(f"{head}, convention [bold]{convention.name}[/]: {convention.window}")
    else:
        console.print(f"{head}: no convention fits; judged against {convention.name}, the nearest")
    if dtype.also:
        console.print(f"  nothing seen tells it from {', '.join(dtype.also)}")
    for entry in dtype.not_observable:
        console.print(f"  not observable: {entry}")
    if dtype.short:
        console.print(f"  fewer checks ran than the {dtype.floor} that a verdict needs")
    for deviation in dtype.deviations:
        _show_deviation(deviation, result, console)


def _show_deviation(deviation: Deviation, result: Result, console: Console) -> None:
    judgement = deviation.failure.judgement
    equation = EQUATIONS[deviation.equation]
    arithmetic = Arithmetic(formats[deviation.dtype], policy(result.options.policy))
    low, _ = judgement.exact.bounds()
    mark = "[dim](waived)[/] " if deviation.waived else ""
    console.print(
        f"  {mark}[bold]{deviation.id}[/] ({equation.id} {equation.name}): "
        f"{escape(deviation.title)}"
    )
    hyper = deviation.failure.scenario.groups[0].hyper
    shown = ", ".join(f"{name}={value!r}" for name, value in hyper._asdict().items())
    console.print(f"    with {shown}", soft_wrap=True)
    where = f"step {judgement.call}, parameter {judgement.parameter}"
    if judgement.quantity in {"theta", "average"}:
        where += f", element {judgement.element}"
    console.print(f"    {judgement.quantity} at {where}:")
    console.print(f"      exact {decimal(low)}")
    console.print(f"      got   {judgement.got!r}  {judgement.got.hex()}")
    console.print(
        f"      off by {judgement.error_ulp(arithmetic):.3g} ulp, "
        f"{judgement.error_bounds:.3g} times what rounding may cost"
    )
    console.print(f"    {escape(deviation.explanation)}", soft_wrap=True)


def findings(found: Iterable[Finding]) -> set[str]:
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
        text = "; ".join(value) if isinstance(value, tuple) else str(value)
        console.print(f"[bold]{name}[/]: {escape(text)}", soft_wrap=True)
