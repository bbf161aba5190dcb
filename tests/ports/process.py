"""A process under a supervisor: waited for with a deadline, and ended in every case."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .protocol import PortError
from .text import block, printable

TIMEOUT = 10.0
"""Seconds that a port has to answer a request."""
PATIENCE = 10
"""Timeouts that it has for being imported, and for its first step of each size."""
UNSTARTED = "could not be started"
_SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))
_TAIL = 4096  # bytes of what it prints that are kept
_LEAST, _MOST = 1 << 16, 1 << 20  # bytes of an answer that are read at once
_GRACE = 1.0  # seconds between a closed pipe and the end of who closed it
_ENDING = 8.0  # seconds in which the supervisor ends everything


@dataclass(frozen=True)
class Limits:
    """What a port may take.

    Attributes
    ----------
    timeout : float
        Seconds for a request; ten times that until the first step of a dtype and of a size.
    seconds : float or None
        Seconds for the whole run, from now on.
    memory : int or None
        Resident bytes of the port and of what it starts.
    device : str
        Where the parameters of a torch port are.
    """

    timeout: float = TIMEOUT
    seconds: float | None = None
    memory: int | None = None
    device: str = "cpu"
    begun: float = field(default_factory=time.monotonic)

    def deadline(self, timeouts: float = 1.0) -> float:
        """Moment until which a request must be answered."""
        soon = time.monotonic() + self.timeout * timeouts
        return soon if self.seconds is None else min(soon, self.begun + self.seconds)

    def left(self, spare: float) -> float | None:
        """Seconds until the end of the run, and some to spare; None where it has no limit."""
        if self.seconds is None:
            return None
        return max(self.begun + self.seconds - time.monotonic(), 0.0) + spare

    def overrun(self, timeouts: float = 1.0) -> PortError:
        """What to say once a deadline has passed."""
        if self.seconds is not None and time.monotonic() >= self.begun + self.seconds:
            return LimitError(f"the run reached its limit of {self.seconds:g} s")
        return PortError(f"no answer within {self.timeout * timeouts:g} s (--timeout allows more)")


class LimitError(PortError):
    """The run reached its limit."""


class Supervised:
    """A supervisor that runs a program, and what it says at the end.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.
    memory : int or None
        Resident bytes of the program and of what it starts.
    kept : int
        A descriptor that the program has beside the standard streams, or -1.
    **streams
        Standard streams, as `subprocess.Popen` takes them.
    """

    def __init__(self, argv: Sequence[str], memory: int | None, kept: int, **streams: int) -> None:
        held, self.control = os.pipe()
        self.status, told = os.pipe()
        numbers = (held, told, memory or 0, kept)
        extra = (kept,) if kept >= 0 else ()
        try:
            self.popen = subprocess.Popen(  # noqa: S603 - running it is the purpose
                [sys.executable, "-I", "-S", _SUPERVISOR, *map(str, numbers), *argv],
                pass_fds=(held, told, *extra),
                # Signals of the terminal are the judge's.
                start_new_session=True,
                **streams,  # type: ignore[call-overload]
            )
        finally:
            os.close(held)
            os.close(told)


class Process:
    """A running child with a private pipe; what it prints is kept for messages alone.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments; the number of the pipe's descriptor is added to them.
    limits : Limits
        What it may take.
    """

    def __init__(self, argv: Sequence[str], limits: Limits) -> None:
        self.limits = limits
        ours, theirs = socket.socketpair()
        with theirs:
            started = Supervised(
                [*argv, str(theirs.fileno())],
                limits.memory,
                theirs.fileno(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        self._popen = started.popen
        assert self._popen.stdout is not None
        self._output = self._popen.stdout
        os.set_blocking(self._output.fileno(), False)
        ours.settimeout(0)
        self._link, self._tail, self._said = ours, bytearray(), bytearray()
        self._read = bytearray()
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)
        # Also at the end of this process, if nobody asks for it before.
        self.kill = weakref.finalize(self, _end, started, ours, self._tail, self._said)

    def send(self, data: bytes, deadline: float) -> None:
        """Send bytes; what the child prints meanwhile is read, so that it cannot block on it."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._link.send(rest) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError:
                raise self.gone() from None

    def receive(self, count: int, deadline: float) -> bytes:
        """Exactly ``count`` bytes."""
        while len(self._read) < count:
            self._wait(select.POLLIN, deadline)
            try:
                part = self._link.recv(max(min(count - len(self._read), _MOST), _LEAST))
            except BlockingIOError:
                continue
            except OSError:
                raise self.gone() from None
            if not part:
                raise self.gone()
            self._read += part
        out = bytes(self._read[:count])
        del self._read[:count]
        return out

    def _wait(self, event: int, deadline: float) -> None:
        """Wait until the pipe is ready; read what is printed meanwhile."""
        self._poll.register(self._link, event)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            # No longer than the milliseconds that poll can count.
            ready = dict(self._poll.poll(min(left, 1e6) * 1000))
            if self._output.fileno() in ready and not _keep(self._output, self._tail):
                self._poll.unregister(self._output)
            if self._link.fileno() in ready:
                return

    def gone(self) -> PortError:
        """What to say of a child that closed its pipe, which is the end of it."""
        # Where it died, the supervisor says how.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_GRACE)
        self.kill()
        return PortError(f"it {self.ending()} instead of answering")

    def ending(self) -> str:
        """How it ended, once it was killed."""
        return in_words(bytes(self._said))

    def last_words(self) -> list[str]:
        """End of what it printed, in lines."""
        return block(self._tail.decode("utf-8", "replace"))


def _keep(pipe: IO[bytes], tail: bytearray) -> bool:
    """Keep the end of what a pipe holds; false once no more can come."""
    try:
        part = os.read(pipe.fileno(), 1 << 16)
    except BlockingIOError:
        return True
    tail += part
    del tail[:-_TAIL]
    return bool(part)


def in_words(status: bytes) -> str:
    """How a program ended, from what its supervisor said."""
    said, _, left = status.decode("utf-8", "replace").partition("\n")
    text = _how(said)
    if left.strip() not in {"", "0"}:
        text += f" and left {printable(left, 20)} processes that could not be ended"
    return text


def _how(said: str) -> str:
    what, _, text = said.partition(" ")
    if what == "exit":
        return f"ended with exit code {text}"
    if what == "signal":
        try:
            name = signal.Signals(int(text)).name
        except ValueError:
            name = f"signal {printable(text, 20)}"
        return f"was ended by {name}"
    if what == "memory":
        return f"used more than {int(text) / 1e6:.0f} MB of memory"
    if what == "failed":
        return f"{UNSTARTED} ({printable(text, 200)})"
    if what == "told":
        return "closed its pipe"
    # The supervisor said nothing: what was started may be left.
    return "ended its supervisor (processes that it started may be left)"


def _end(started: Supervised, link: socket.socket, tail: bytearray, said: bytearray) -> None:
    """Let the supervisor end everything, wait until it has, and keep what there is to say."""
    link.close()
    said += end(started)
    popen = started.popen
    assert popen.stdout is not None
    with popen.stdout:
        # No more than a pipe holds: whoever still writes has outlived everything.
        for _ in range(16):
            before = bytes(tail)
            if not _keep(popen.stdout, tail) or tail == before:
                break


def end(started: Supervised) -> bytes:
    """Let the supervisor end everything, and wait until it has; what it says of the end."""
    os.close(started.control)
    try:
        started.popen.wait(_ENDING)
    except subprocess.TimeoutExpired:
        started.popen.kill()
        started.popen.wait()
    with os.fdopen(started.status, "rb") as file:
        return file.read(4096)
