"""The `asgd doctor` command."""

import sys
from collections.abc import Iterable

import click

from ..ports.protocol import PortError
from ..ports.smoke import Check, check_operations
from ..report.text import Line, wrapped
from ..verify.interface import limits_of
from .environment import environment
from .exit_codes import NO_VERDICT
from .judging import limit_options, name_port, open_port
from .output import show
from .terminal import complain


@click.command("doctor")
@click.argument("port", required=False)
@limit_options("For all operations together.  [default: none]")
@click.pass_obj
def doctor_command(
    program: list[str] | None,
    port: str | None,
    timeout: float,
    limit: float | None,
    memory: int | None,
) -> None:
    """Look at this environment, or at PORT or the program behind --, one operation at a time.

    Exit code: 0 all is well, 2 something is wrong.
    """
    try:
        limits = limits_of(None, timeout, limit, memory)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if port is None and program is None:
        found = list(environment())
    else:
        how = name_port(port, program)
        try:
            found = list(check_operations(open_port(how, program, limits)))
        except PortError as error:
            complain(error)
            sys.exit(NO_VERDICT)
    show(lines(found))
    sys.exit(NO_VERDICT if any(check.status == "wrong" for check in found) else 0)


def lines(found: Iterable[Check]) -> Iterable[Line]:
    """What was found, each kind of wrong answer once with its number."""
    groups: dict[tuple[str, str], list[str]] = {}
    for check in found:
        # A correct answer is a line; wrong ones are grouped by what is wrong.
        key = (check.status, check.text if check.status != "ok" else f"\0{check.title}{check.text}")
        groups.setdefault(key, []).append(check.title)
    styles = {"ok": "conforms", "wrong": "deviates", "absent": "dim"}
    for (status, text), titles in groups.items():
        said = text.removeprefix(f"\0{titles[0]}") if text.startswith("\0") else text
        count = f" ({len(titles)} times)" if len(titles) > 1 and status == "wrong" else ""
        head = f"{status:<7}{', '.join(titles)}{count}"
        first, *more = said.splitlines() or [""]
        shown = wrapped(f"{head}: {first}" if first else head, "", " " * 7)
        yield Line(shown[0], styles[status])
        yield from map(Line, shown[1:])
        yield from (Line(" " * 7 + line) for line in more)
