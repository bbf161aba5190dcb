"""Judge what the command line names; a run that cannot begin has a result too."""

import shlex
from collections.abc import Sequence

import click

from ..ports import loading
from ..ports.process import Limits
from ..ports.program import ProgramPort
from ..ports.protocol import Port, PortError, describe
from ..verify.result import Options, Result
from ..verify.run import Progress, no_verdict, verify
from .guard import show_traceback


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
    """The port that an import path or a program stands for."""
    if program:
        return ProgramPort(program, limits=limits)
    return loading.load(how, in_process=in_process, limits=limits)


def judge(
    how: str, options: Options, limits: Limits, progress: Progress, *, in_process: bool = False
) -> tuple[Result, Port | None]:
    """The result of a run, whatever ends it, and the port where there is one."""
    subject: Port | None = None
    result = no_verdict(how, options, "")
    try:
        subject = open_port(how, options.program, limits, in_process=in_process)
        verify(subject, how, options, progress, result)
    except PortError as error:
        result.error = str(error)
    except KeyboardInterrupt:
        result.interrupted = True
    except Exception as error:  # noqa: BLE001 - a traceback must not exit with 1, "deviates"
        show_traceback()
        result.error = f"asgd itself failed: {describe(error)}"
    return result, subject
