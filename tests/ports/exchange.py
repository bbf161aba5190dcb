"""A child process that serves a port, and one exchange with it."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from asgd.spec import DEFAULTS

from .capabilities import Capabilities
from .frames import ASKED, LENGTHS, LONGEST_HEADER, frame
from .interruption import check
from .process import PATIENCE, Limits, Process
from .protocol import PortError, RaisedError, RefusalError
from .server import INTERVAL
from .text import printable

_SERVER = ("-P", "-m", "asgd.tests.ports.server")


class Child:
    """The process, and one exchange with it."""

    def __init__(self, how: str, limits: Limits) -> None:
        self.how, self.limits = how, limits
        self.dropped: list[int] = []
        self.warm: set[tuple[str, int]] = set()  # dtypes and sizes that it has stepped
        self._process: Process | None = None
        self.capabilities = Capabilities(isolated=True, remote=True)

    def start(self) -> None:
        """Start it, and import the port."""
        if self._process is not None:
            return
        self.dropped.clear()
        self.warm.clear()
        try:
            self._process = Process([sys.executable, *_SERVER], self.limits)
        except OSError as error:
            raise PortError(f"cannot start a process for the port: {error.strerror}") from error
        path = [entry for entry in sys.path if isinstance(entry, str) and entry]
        request = {"op": "start", "how": self.how, "path": path, "device": self.limits.device}
        self.tell(request)
        answer, _ = self.answer("start", PATIENCE)
        known = answer.get("capabilities")
        if not isinstance(known, dict):
            raise self._broken("the answer to start has no capabilities")
        flags = ("shows_gradients", "keeps_gradients", "copies_state", "as_used", "arranges")
        self.capabilities = Capabilities(
            kind=printable(known.get("kind", ""), 40),
            isolated=True,
            remote=True,
            defaults=_defaults(known.get("defaults")),
            **{name: known.get(name) is True for name in flags},
        )

    def ask(
        self,
        request: Mapping[str, Any],
        body: bytes = b"",
        timeouts: float = 1.0,
        size: Callable[[dict[str, Any]], int] = lambda _: 0,
    ) -> tuple[dict[str, Any], bytes]:
        """Header and body of an answer, whose body has the size that is right for it."""
        self.start()
        self.tell(request, body)
        return self.answer(request["op"], timeouts, size)

    def tell(self, request: Mapping[str, Any], body: bytes = b"") -> None:
        """Send a request, in its own time."""
        self.start()
        with self._exchange(request["op"], 1.0) as process:
            tokens, self.dropped[:] = list(self.dropped), []
            process.send(frame({**request, "drop": tokens}, body), self.limits.deadline())

    def answer(
        self,
        op: str,
        timeouts: float = 1.0,
        size: Callable[[dict[str, Any]], int] = lambda _: 0,
    ) -> tuple[dict[str, Any], bytes]:
        """Next answer, or part of one, to a request that was sent."""
        with self._exchange(op, timeouts) as process:
            deadline = self.limits.deadline(timeouts) + INTERVAL
            header, data = _receive(process, deadline, size)
        if "broken" in header:
            raise self._broken(printable(header["broken"]))
        if "raised" in header:
            text = printable(header["raised"])
            # Nothing else may be refused.
            if header.get("refused") is True and op == "open":
                raise RefusalError(text)
            raised, call = RaisedError(text), header.get("call")
            raised.call = call if type(call) is int and 0 <= call < 2**31 else 0
            raise raised
        return header, data

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    @contextmanager
    def _exchange(self, op: str, timeouts: float) -> Iterator[Process]:
        assert self._process is not None
        check()
        complete = False
        try:
            yield self._process
            complete = True
        except TimeoutError:
            raise self._broken(str(self.limits.overrun(timeouts)), op) from None
        except PortError as error:
            raise self._broken(str(error), op) from error
        finally:
            # Whatever interrupts an exchange leaves the pipe in the middle of it.
            if not complete:
                self.stop()

    def _broken(self, reason: str, op: str | None = None) -> PortError:
        """What to raise, with the end of what the child printed; the child is ended."""
        words = []
        if self._process is not None:
            self._process.kill()
            words = self._process.last_words()
            self._process = None
        lines = [reason if op is None else f"{ASKED.get(op, op)}: {reason}"]
        if words:
            lines += ["  end of what it printed:", *(f"    {line}" for line in words)]
        return PortError("\n".join(lines))


def _defaults(said: Any) -> dict[str, str]:
    known = said if isinstance(said, dict) else {}
    return {name: printable(known[name], 40) for name in DEFAULTS if name in known}


def _receive(
    process: Process, deadline: float, size: Callable[[dict[str, Any]], int]
) -> tuple[dict[str, Any], bytes]:
    """Header and body of an answer that is no longer than what was asked for."""
    lengths = LENGTHS.unpack(process.receive(LENGTHS.size, deadline))
    if lengths[0] > LONGEST_HEADER:
        raise PortError(f"its answer is {lengths[0]} bytes long")
    header = _header(process.receive(lengths[0], deadline))
    wanted = 0 if header.get("ok") is not True else size(header)
    if lengths[1] != wanted:
        raise PortError(f"its answer has {lengths[1]} bytes where {wanted} were asked for")
    return header, process.receive(wanted, deadline)


def _header(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise PortError(f"its answer cannot be read: {type(error).__name__}") from None
    if not isinstance(header, dict) or (header.get("ok") is not True) is ("ok" in header):
        raise PortError("its answer cannot be read")
    return header
