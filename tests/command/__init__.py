"""Entry point of the ``asgd`` command: it needs the extra ``report``, and says so without it."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType


def _early(number: int, _frame: FrameType | None) -> None:
    """End while nothing has begun yet."""
    os.write(2, b"asgd: interrupted\n")
    os._exit(128 + number)


def _occupy() -> None:
    """Open the standard descriptors that are closed, or the next pipe would take their numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - until the end


def main() -> None:
    """Run the command line; exit with its code."""
    _occupy()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _early)
    try:
        Path.cwd()
    except OSError as error:
        print(f"asgd: the current folder cannot be used: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    try:
        import click  # noqa: F401, PLC0415 - present or not is what is asked
        import jinja2  # noqa: F401, PLC0415
        import rich  # noqa: F401, PLC0415
    except ImportError:
        print('the asgd command needs its extra: pip install "asgd[report]"', file=sys.stderr)  # noqa: T201
        sys.exit(2)
    try:
        from .guard import debug, guarded  # noqa: PLC0415 - only with the extra
    except Exception as error:  # noqa: BLE001 - without the guard, its exit code still holds
        print(f"asgd: asgd itself failed: {error}; is it fully installed?", file=sys.stderr)  # noqa: T201
        sys.exit(2)

    def run() -> object:
        from .cli import cli, split_program  # noqa: PLC0415 - a signal meanwhile is handled

        arguments, program = split_program(sys.argv[1:])
        debug(on="--debug" in arguments)
        arguments = [argument for argument in arguments if argument != "--debug"]
        # Not by main, which makes exit code 1 of an output that is closed.
        with cli.make_context("asgd", arguments, obj=program) as context:
            return cli.invoke(context)

    try:
        guarded(run)
    finally:
        # While the interpreter ends, a signal would choose another code.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
