"""A port that is a program in any language: the line protocol over its standard streams."""

import contextlib
import queue
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from . import wire
from .capabilities import Capabilities
from .interruption import check
from .line_process import SPARE, LineProcess
from .process import PATIENCE, TIMEOUT, UNSTARTED, LimitError, Limits
from .protocol import PortError, RaisedError, RefusalError
from .text import block, printable

_NUMBER = 64  # bytes of a number in an answer
_STATE = 1 << 24  # bytes of a saved state beside what is kept for each number
_STATE_NUMBER = 1024  # bytes of a saved state for each number of the parameters
_SILENCE = 3  # steps running that may leave out what the port says it shows
_UNFLUSHED = "; does it read line by line, and flush its standard output after each answer?"
_SHOWN = 600  # characters of a request or an answer in a message


class ProgramPort:
    """A program that speaks the port protocol (``spec/protocol.md``), as a `Port`.

    The program is started by the first request after construction or `close`, without a shell.

    Parameters
    ----------
    argv : sequence of str
        The program and its arguments.
    timeout : float
        Seconds that it has to answer a request; ten times that until its first step.
    limits : Limits, optional
        What it may take, in the place of ``timeout``.

    Attributes
    ----------
    transcript : list of bytes
        The lines sent: the greeting, and everything since the last `open`. Redirected into the
        program, they repeat the exchange.
    """

    capabilities = Capabilities(
        kind="program",
        isolated=True,
        shows_gradients=False,
        copies_state=True,
        json_state=True,
        must_refuse=True,
    )

    def __init__(
        self, argv: Sequence[str], timeout: float = TIMEOUT, limits: Limits | None = None
    ) -> None:
        self.argv, self.limits = tuple(argv), limits or Limits(timeout)
        self.transcript: list[bytes] = []
        self._process: LineProcess | None = None
        self._reads: frozenset[str] = frozenset()
        self._dtype = ""
        # Dtypes and sizes that it has stepped: until then it has longer to answer.
        self._warm: set[tuple[str, int]] = set()
        self._sizes: list[int] = []
        # For each quantity: steps with a gradient since a parameter last showed it.
        self._silent: dict[str, list[int]] = {}

    def hello(self) -> dict[str, Any]:
        """Ask the program what it is."""
        answer, raw = self._ask(wire.hello())
        with self._breach(raw):
            introduction = wire.introduction(answer)
        self._reads = frozenset(introduction["reads"])
        return introduction

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Make a new optimizer.

        Raises
        ------
        RefusalError
            If the program refuses it.
        PortError
            If it breaks the protocol.
        """
        del self.transcript[1:]
        self._dtype = dtype
        self._sizes = [len(p) for group in groups for p in group["params"]]
        self._silent = {key: [0] * len(self._sizes) for key in self._reads - {"mu"}}
        self._ask(wire.open_(dtype, groups), refusable=True)

    def step(self, grads: Sequence[NDArray[Any] | None]) -> dict[str, Any]:
        """Take one step."""
        answer, raw = self._ask(wire.step(grads))
        self._warm |= self._kinds()
        with self._breach(raw):
            shown = wire.observation(answer, self._dtype, self._sizes, self._reads)
            self._check_silence(shown, grads)
        return shown

    def add_group(self, group: Mapping[str, Any]) -> None:
        """Let another group join."""
        self._ask(wire.add_group(group))
        joined = [len(p) for p in group["params"]]
        self._sizes += joined
        for counts in self._silent.values():
            counts.extend([0] * len(joined))

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters of a group."""
        self._ask(wire.set_(group, hyper))

    def save(self) -> Any:
        """State of the optimizer, whatever JSON the program makes of it."""
        answer, raw = self._ask({"op": "save"})
        with self._breach(raw):
            if "state" not in answer:
                raise wire.BreachError('the answer has no field "state"')
        return answer["state"]

    def load(self, state: Any) -> None:
        """Continue from a saved state."""
        self._ask({"op": "load", "state": state})

    def twin(self) -> None:
        """None: a second process shares nothing with the first, whatever the program does."""

    def close(self) -> None:
        """Ask the program to end, and wait until it has."""
        if self._process is None:
            return
        _, raw = self._ask({"op": "close"})
        self._process.send(None)
        timeout = self.limits.timeout
        ending = self._process.ending(timeout)
        with self._breach(raw):
            if ending is None:
                raise wire.BreachError(f"the program still runs {timeout:g} s after close")
            if ending != "ended with exit code 0":
                got = ending.removeprefix("ended with exit code ")
                raise wire.BreachError(f"the program must exit with 0 after close, got {got}")
        self.kill()

    def kill(self) -> None:
        """End the program, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def write_transcript(self, path: Path) -> None:
        """Keep the last exchange as a file that repeats it: ``PROGRAM ARGS... < path``."""
        path.write_bytes(b"".join(self.transcript))

    # Private.

    def _ask(self, request: dict[str, Any], *, refusable: bool = False) -> tuple[Any, bytes]:
        """Answer to a request, parsed and raw."""
        if self._process is None:
            self.transcript.clear()
            self._process = LineProcess(self.argv, self.limits.memory)
            self._warm.clear()
            if request["op"] != "hello":
                self.hello()
        line = wire.line(request)
        self.transcript.append(line)
        with self._breach(None):
            self._check_unasked()
            numbers = sum(self._sizes)
            self._process.longest.bytes = (
                _STATE + _STATE_NUMBER * numbers
                if request["op"] == "save"
                else SPARE + _NUMBER * (2 * numbers + 2 * len(self._sizes))
            )
            self._process.send(line)
            raw = self._receive(1 if self._warm and self._kinds() <= self._warm else PATIENCE)
        with self._breach(raw):
            answer = wire.parse(raw)
            if wire.succeeded(answer):
                return answer, raw
        reason = printable(answer["error"])
        if refusable:
            raise RefusalError(reason)
        raise RaisedError(f"{request['op']}() was refused: {reason}")

    def _kinds(self) -> frozenset[tuple[str, int]]:
        return frozenset((self._dtype, size) for size in self._sizes)

    def _receive(self, timeouts: float) -> bytes:
        assert self._process is not None
        check()
        longest = self._process.longest.bytes
        try:
            left = self.limits.deadline(timeouts) - time.monotonic()
            raw = self._process.answers.get(timeout=max(left, 0.0))
        except queue.Empty:
            overrun = self.limits.overrun(timeouts)
            hint = "" if isinstance(overrun, LimitError) else _UNFLUSHED
            raise wire.BreachError(f"{overrun}{hint}") from overrun
        if len(raw) > longest:
            raise wire.BreachError(f"the answer is longer than {longest} bytes")
        if raw.endswith(b"\n"):
            return raw
        if raw:
            raise wire.BreachError(f"the answer has no end of line: {_shorten(raw)}")
        gone = self._process.ending(1.0) or "closed its standard output"
        if gone.startswith(UNSTARTED):
            raise PortError(f"cannot start {printable(self.argv[0])}: {gone}")
        raise wire.BreachError(f"the program {gone} instead of answering")

    def _check_unasked(self) -> None:
        assert self._process is not None
        with contextlib.suppress(queue.Empty):
            raw = self._process.answers.get_nowait()
            if raw:
                raise wire.BreachError(
                    f"the program wrote a line that no request had asked for: {_shorten(raw)}"
                )
            self._process.answers.put(raw)

    def _check_silence(
        self, shown: Mapping[str, list[Any]], grads: Sequence[NDArray[Any] | None]
    ) -> None:
        """Refuse a port that lists in ``reads`` what it does not show.

        A step without a value is no breach: the convention `literal` has steps at which the average
        is undefined, and no mu in its window, and a port may know eta only after its first step.
        """
        for key, counts in self._silent.items():
            for i, grad in enumerate(grads):
                if grad is not None:
                    counts[i] = counts[i] + 1 if shown[key][i] is None else 0
                if counts[i] > _SILENCE:
                    raise wire.BreachError(
                        f'"reads" of hello lists {key}, but {key}[{i}] was null at {counts[i]} '
                        "steps that had a gradient"
                    )

    @contextlib.contextmanager
    def _breach(self, raw: bytes | None) -> Any:
        """Turn what is wrong with an answer into a `PortError` that shows the exchange."""
        try:
            yield
        except wire.BreachError as error:
            request = self.transcript[-1]
            lines = [printable(error), f"  request: {_shorten(request)}"]
            if raw is not None:
                lines.append(f"  answer: {_shorten(raw)}")
            process = self._process
            if process is not None:
                process.kill()
                words = process.last_words()
                if words:
                    lines.append("  end of standard error:")
                    lines += [f"    {line}" for line in block(words)]
            self._process = None
            kind = LimitError if isinstance(error.__cause__, LimitError) else PortError
            raise kind("\n".join(lines)) from error


def _shorten(raw: bytes) -> str:
    text = raw[: 4 * _SHOWN].decode("utf-8", "backslashreplace").rstrip("\n")
    short = printable(text, _SHOWN)
    return short if len(raw) <= _SHOWN else f"{short} ({len(raw)} bytes)"
