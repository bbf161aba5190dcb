"""The outermost guard: whatever happens in a command is one line and an exit code."""

import contextlib
import io
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import click

from ..ports.interruption import Interrupted, listen, received
from ..ports.protocol import describe
from ..ports.text import escaped, printable
from .exit_codes import NO_VERDICT
from .terminal import accept_any_text, flush

Run = Callable[[], object]

_debugging = False


def debug(*, on: bool) -> None:
    """Show tracebacks from now on, or not."""
    global _debugging  # noqa: PLW0603 - one switch for the process
    _debugging = on


def show_traceback() -> None:
    """Show the traceback of the current exception if `--debug` is given."""
    if _debugging:
        traceback.print_exc()


def guarded(run: Run) -> NoReturn:
    """Run a command, and exit with its code: 0, 1, 2, or 128 and the number of a signal."""
    try:
        _leave(_code(run))
    except Interrupted as error:  # In the run, in what is said of its end, or in the last flush.
        text = str(error)
        _complain(lambda: _say(text))
        _leave(128 + error.number)


def _code(run: Run) -> int:
    try:
        listen()
        accept_any_text()
        returned = run()
        code = returned if isinstance(returned, int) else 0
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        code = _complain(partial(_show, error))
    except Interrupted:
        raise
    except (click.Abort, KeyboardInterrupt):
        # click makes an Abort of every interruption of a prompt.
        number = received() or signal.SIGINT
        code, text = 128 + number, f"interrupted by {signal.Signals(number).name}"
        _complain(lambda: _say(text))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else NO_VERDICT
    except BaseException as error:  # noqa: BLE001 - a traceback would exit with 1, "deviates"
        text = f"cannot write: {error.strerror}" if isinstance(error, OSError) else _own(error)
        code = _complain(lambda: _say(text))
        show_traceback()
    return code


def _own(error: BaseException) -> str:
    return f"asgd itself failed: {describe(error)}; --debug shows where"


def _show(error: click.ClickException) -> None:
    """Show a usage error; what it repeats of the command line may hold anything."""
    out = io.StringIO()
    error.show(out)
    click.echo(escaped(out.getvalue().rstrip("\n")), err=True)


def _say(text: str) -> None:
    click.echo(f"asgd: {printable(text)}", err=True)


def _complain(say: Callable[[], object]) -> int:
    """Print a line to standard error if possible; return the exit code of no verdict."""
    with contextlib.suppress(OSError, ValueError):
        say()
    return NO_VERDICT


def _leave(code: int) -> NoReturn:
    """Exit with ``code``, or 2 where standard output did not take what was written."""
    reason = flush()
    if reason:
        told = _complain(lambda: _say(reason))
        code = told if code < NO_VERDICT else code
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    sys.exit(code)
