"""SIGINT and SIGTERM as an exception that knows its signal, wherever the judge is."""

import os
import signal
import sys
import threading
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_received: list[int] = []
_deferred = False


class Interrupted(KeyboardInterrupt):
    """The command was told to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.number = number


def listen() -> None:
    """Raise `Interrupted` at the first signal; those that follow it are ignored."""
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            # What the parent process ignores, as nohup does, stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _interrupt)
        sys.unraisablehook = _lost


def check() -> None:
    """Raise `Interrupted` where a signal came and its exception was lost in foreign code."""
    if _received:
        raise Interrupted(_received[0])


def defer() -> None:
    """From now on note a signal, and raise nothing: what has begun is finished."""
    global _deferred  # noqa: PLW0603 - one switch for the process
    _deferred = True


def received() -> int | None:
    """Number of the signal that came, if one did."""
    return _received[0] if _received else None


def _lost(found: "sys.UnraisableHookArgs") -> None:
    """Show no traceback of a signal that came in a callback: `check` raises it again."""
    if not isinstance(found.exc_value, Interrupted):
        sys.__unraisablehook__(found)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    if _deferred:
        if _received:  # What has begun does not end.
            os._exit(128 + number)
        _received.append(number)
        return
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    _received.append(number)
    raise Interrupted(number)
