"""A program that is written to and read line by line.

Three threads serve the three pipes, so that a program that does not read, does not answer or fills
standard error can block only its own thread; the caller waits on a queue with a deadline.
"""

import contextlib
import os
import queue
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from typing import IO

from .process import Supervised, end, in_words
from .protocol import PortError
from .text import printable

SPARE = 1 << 16
"""Bytes of an answer beside its numbers."""
_WAITING = 16  # answers that wait to be read
_TAIL = 4096  # bytes of standard error that are kept


class LineProcess:
    """A running program and the threads that serve its pipes."""

    def __init__(self, argv: Sequence[str], memory: int | None) -> None:
        try:
            self._started = Supervised(
                list(argv),
                memory,
                -1,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PortError(f"cannot start {printable(argv[0])}: {reason}") from error
        self._popen = self._started.popen
        self.answers: queue.Queue[bytes] = queue.Queue(_WAITING)
        self.longest = _Longest()
        self._said = bytearray()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # Threads and queues only: a thread that held this object would keep it from being ended.
        self._tail: deque[bytes] = deque()
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self._stderr = threading.Thread(
            target=_keep_tail, args=(self._popen.stderr, self._tail), daemon=True
        )
        self._stderr.start()
        for target, pipe, messages in (
            (_write, self._popen.stdin, (self._requests,)),
            (_read, self._popen.stdout, (self.answers, self.longest)),
        ):
            threading.Thread(target=target, args=(pipe, *messages), daemon=True).start()
        # Also at the end of this process, if nobody asks for it before.
        self.kill = weakref.finalize(
            self, _end, self._started, self._requests, self.longest, self._said
        )

    def send(self, line: bytes | None) -> None:
        """Write a line; None ends the program's standard input."""
        self._requests.put(line)

    def ending(self, seconds: float) -> str | None:
        """How it ended, or None where the program still runs; it is ended then."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self.kill()
        return in_words(bytes(self._said))

    def last_words(self) -> str:
        """End of standard error."""
        # What a program wrote before it died may still be in the pipe.
        if self._popen.poll() is not None:
            self._stderr.join(1.0)
        return b"".join(self._tail)[-_TAIL:].decode("utf-8", "replace").strip()


def _write(pipe: IO[bytes], requests: "queue.SimpleQueue[bytes | None]") -> None:
    # A program that has gone away breaks the pipe; the reader is the one to tell.
    with contextlib.suppress(OSError, ValueError), pipe:
        while (line := requests.get()) is not None:
            pipe.write(line)
            pipe.flush()


class _Longest:
    """Bytes that the next answer may have, as long as somebody waits for one."""

    def __init__(self) -> None:
        self.bytes = SPARE
        self.over = False


def _read(pipe: IO[bytes], answers: "queue.Queue[bytes]", longest: _Longest) -> None:
    """Pass the lines on; the last entry is what is left at the end, without a newline."""
    rest = bytearray()
    with contextlib.suppress(OSError, ValueError), pipe:
        while len(rest) <= longest.bytes and (part := os.read(pipe.fileno(), 1 << 16)):
            begun = len(rest)
            rest += part
            while (at := rest.find(b"\n", begun)) >= 0:
                _put(answers, bytes(rest[: at + 1]), longest)
                del rest[: at + 1]
                begun = 0
    _put(answers, bytes(rest), longest)
    _put(answers, b"", longest)


def _put(answers: "queue.Queue[bytes]", line: bytes, longest: _Longest) -> None:
    """Wait until there is room, or nobody reads any more."""
    while not longest.over:
        with contextlib.suppress(queue.Full):
            answers.put(line, timeout=0.5)
            return


def _keep_tail(pipe: IO[bytes], tail: deque[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError), pipe:
        while chunk := os.read(pipe.fileno(), _TAIL):
            tail.append(chunk)
            while sum(map(len, tail)) - len(tail[0]) > _TAIL:
                tail.popleft()


def _end(
    started: Supervised,
    requests: "queue.SimpleQueue[bytes | None]",
    longest: _Longest,
    said: bytearray,
) -> None:
    requests.put(None)
    longest.over = True
    said += end(started)
