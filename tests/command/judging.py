"""Judge what the command line names; a run that cannot begin also has a result."""

import shlex
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from ..ports import loading
from ..ports.interruption import defer
from ..ports.process import TIMEOUT, Limits
from ..ports.program import ProgramPort
from ..ports.protocol import Port, PortError, describe
from ..verify.jobs import verify_in_jobs
from ..verify.result import Options, Result
from ..verify.run import Progress, no_verdict
from .guard import show_traceback

F = TypeVar("F", bound=Callable[..., Any])


def limit_options(whole: str) -> Callable[[F], F]:
    """The options of what a port may take; ``whole`` is what `--limit` says of itself."""

    def add(command: F) -> F:
        for option in (
            click.option(
                "--memory",
                type=int,
                metavar="MB",
                help="Resident memory of the port, and of what it starts.",
            ),
            click.option("--limit", type=float, metavar="SECONDS", help=whole),
            click.option(
                "--timeout",
                type=float,
                default=TIMEOUT,
                show_default=True,
                help="Seconds that the port has to answer a request.",
            ),
        ):
            command = option(command)
        return command

    return add


def name_port(port: str | None, program: Sequence[str] | None) -> str:
    """How the port is named, and that it is named once."""
    if program is None:
        return port or loading.DEFAULT
    if port is not None:
        raise click.UsageError(f"give PORT or a program behind --, not both: {port}")
    return shlex.join(program_of(program))


def program_of(program: Sequence[str]) -> list[str]:
    """The program and its arguments; a usage error without one."""
    if not program:
        raise click.UsageError("-- must be followed by a program")
    return list(program)


def open_port(
    how: str, program: Sequence[str] | None, limits: Limits, *, in_process: bool = False
) -> Port:
    """The port named by an import path or a program."""
    if program:
        return ProgramPort(program, limits=limits)
    return loading.load(how, in_process=in_process, limits=limits)


def judge(
    how: str,
    options: Options,
    limits: Limits,
    progress: Progress,
    *,
    jobs: int | None = None,
    in_process: bool = False,
) -> Result:
    """The result of a run, however it ends; later signals are only recorded."""
    result = no_verdict(how, options, "")
    try:
        port = open_port(how, options.program, limits, in_process=in_process)
        verify_in_jobs(port, result, limits, jobs=jobs, progress=progress)
        # The report is written whatever comes.
        defer()
    except PortError as error:
        defer()
        result.broke(error)
    except KeyboardInterrupt:
        defer()
        result.interrupted = True
    except Exception as error:  # noqa: BLE001 - a traceback must not exit with 1, "deviates"
        defer()
        show_traceback()
        result.error = f"asgd itself failed: {describe(error)}"
    return result
