"""A Python port in a process of its own: the judge's side.

The child is started clean, and asked over a private pipe (`server.py`); a whole scenario travels in
one request. Saved states stay in the child, where a number stands for each.
"""

import json
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .capabilities import Capabilities
from .frames import LENGTHS, LONGEST_HEADER, Observations, frame, pack, unpack
from .interruption import check
from .layouts import LAYOUTS
from .process import PATIENCE, Limits, Process
from .protocol import DTYPES, READS, SUPPORTS, Observation, PortError, RaisedError, RefusalError
from .scenario import Set, Step
from .server import INTERVAL, WARNINGS
from .text import printable

_ASKED = {"start": "import", "play": "step"}
"""What a request is called in messages, where that is another name."""
_SERVER = ("-P", "-m", "asgd.tests.ports.server")


class _State:
    """What stands for a state that the child keeps."""

    def __init__(self, token: int, child: "_Child") -> None:
        self.token, self.child = token, child
        weakref.finalize(self, child.dropped.append, token)


class _Child:
    """The process, and one exchange with it."""

    def __init__(self, how: str, limits: Limits) -> None:
        self.how, self.limits = how, limits
        self.dropped: list[int] = []
        self.warm: set[str] = set()
        self._process: Process | None = None
        self.capabilities = Capabilities(isolated=True, remote=True)

    def start(self) -> None:
        """Start it, and import the port."""
        if self._process is not None:
            return
        self.dropped.clear()
        self.warm.clear()
        self._process = Process([sys.executable, *_SERVER], self.limits)
        path = [entry for entry in sys.path if isinstance(entry, str) and entry]
        request = {"op": "start", "how": self.how, "path": path, "device": self.limits.device}
        answer, _ = self._exchange(request, b"", PATIENCE)
        known = answer.get("capabilities")
        if not isinstance(known, dict):
            raise self._broken("the answer to start has no capabilities")
        flags = ("shows_gradients", "keeps_gradients", "copies_state", "arranges")
        self.capabilities = Capabilities(
            kind=printable(known.get("kind", ""), 40),
            isolated=True,
            remote=True,
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
        return self._exchange(request, body, timeouts, size)

    def more(
        self, timeouts: float, size: Callable[[dict[str, Any]], int]
    ) -> tuple[dict[str, Any], bytes]:
        """Next part of an answer."""
        return self._exchange(None, b"", timeouts, size)

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _exchange(
        self,
        request: Mapping[str, Any] | None,
        body: bytes,
        timeouts: float,
        size: Callable[[dict[str, Any]], int] = lambda _: 0,
    ) -> tuple[dict[str, Any], bytes]:
        assert self._process is not None
        check()
        process = self._process
        complete = False
        try:
            # Sending is one more wait, which has its own time.
            if request is not None:
                tokens, self.dropped[:] = list(self.dropped), []
                process.send(frame({**request, "drop": tokens}, body), self.limits.deadline())
            deadline = self.limits.deadline(timeouts) + INTERVAL
            header, data = _receive(process, deadline, size)
            complete = True
        except TimeoutError:
            raise self._broken(str(self.limits.overrun(timeouts)), request) from None
        except PortError as error:
            raise self._broken(str(error), request) from error
        finally:
            # Whatever interrupts an exchange leaves the pipe in the middle of it.
            if not complete:
                self.stop()
        if "broken" in header:
            raise self._broken(printable(header["broken"]))
        if "raised" in header:
            text = printable(header["raised"])
            # Nothing else may be refused.
            if header.get("refused") is True and request is not None and request["op"] == "open":
                raise RefusalError(text)
            raised, call = RaisedError(text), header.get("call")
            raised.call = call if type(call) is int and 0 <= call < 2**31 else 0
            raise raised
        return header, data

    def _broken(self, reason: str, request: Mapping[str, Any] | None = None) -> PortError:
        """What to raise, with the end of what the child printed; the child is ended."""
        words = []
        if self._process is not None:
            self._process.kill()
            words = self._process.last_words()
            self._process = None
        lines = [
            reason if request is None else f"{_ASKED.get(request['op'], request['op'])}: {reason}"
        ]
        if words:
            lines += ["  end of what it printed:", *(f"    {line}" for line in words)]
        return PortError("\n".join(lines))


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


class ChildPort:
    """A port, or its twin, in a child process, as a `Port`.

    Parameters
    ----------
    how : str
        Import path.
    limits : Limits
        What it may take.
    """

    def __init__(self, how: str, limits: Limits | None = None) -> None:
        self._child, self._number = _Child(how, limits or Limits()), 0
        self._dtype, self._sizes = "float64", [0]

    @property
    def capabilities(self) -> Capabilities:
        """What the port in the child can do."""
        self._child.start()
        return self._child.capabilities

    def warnings(self) -> list[str]:
        """What Python has warned of in the port's process, each once."""
        answer, _ = self._child.ask({"op": "warnings"})
        found = answer.get("warnings")
        return [printable(one, 200) for one in found[:WARNINGS]] if isinstance(found, list) else []

    def hello(self) -> dict[str, Any]:
        """Ask the port what it is."""
        answer, _ = self._child.ask({"op": "hello"}, timeouts=PATIENCE)
        known = {"dtypes": DTYPES, "reads": READS, "supports": (*SUPPORTS, *LAYOUTS)}
        for key, possible in known.items():
            entries = answer.get(key)
            if not isinstance(entries, list) or not all(e in possible for e in entries):
                raise PortError(f"hello() answered nonsense: {key}")
        texts = {key: printable(answer.get(key, ""), 100) for key in ("name", "version")}
        return {**texts, **{key: answer[key] for key in known}}

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Make a new optimizer; whatever the port raises is a refusal."""
        self._dtype, self._sizes = dtype, []
        self._ask_for_groups("open", groups)

    def add_group(self, group: Mapping[str, Any]) -> None:
        """Let another group join."""
        self._ask_for_groups("add_group", [group])

    def _ask_for_groups(self, operation: str, groups: Sequence[Mapping[str, Any]]) -> None:
        sizes = [[len(p) for p in group["params"]] for group in groups]
        arrays = [np.asarray(p, self._dtype) for group in groups for p in group["params"]]
        told = [
            {k: v if k == "layouts" else _plain(v) for k, v in group.items() if k != "params"}
            for group in groups
        ]
        request = {"op": operation, "port": self._number, "dtype": self._dtype, "groups": told}
        self._child.ask({**request, "sizes": sizes}, pack(arrays, self._dtype), self._patience())
        self._sizes += [n for each in sizes for n in each]

    def _patience(self) -> float:
        """Timeouts of a request: until the first step a library may start a device, or compile."""
        return 1 if self._dtype in self._child.warm else PATIENCE

    def play(self, events: Sequence[Step | Set]) -> list[Observation]:
        """Go through events; what is seen after each step."""
        codec = Observations(self._dtype, self._sizes)
        told: list[Any] = [
            _mask(event.grads) if isinstance(event, Step) else [event.group, dict(event.changes)]
            for event in events
        ]
        arrays = [
            np.array(grad, self._dtype)
            for event in events
            if isinstance(event, Step)
            for grad in event.grads
            if grad is not None
        ]
        left = sum(isinstance(event, Step) for event in events)

        def size(header: dict[str, Any]) -> int:
            steps = header.get("steps")
            if (
                type(steps) is not int
                or not 0 <= steps <= left
                or type(header.get("more")) is not bool
            ):
                raise PortError("its answer cannot be read")
            if header["more"] is False and steps != left:
                raise PortError(f"its answer lacks {left - steps} steps")
            return steps * codec.bytes

        request = {"op": "play", "port": self._number, "events": told}
        timeouts = self._patience()
        header, body = self._child.ask(request, pack(arrays, self._dtype), timeouts, size)
        seen = codec.unpack(body)
        left -= header["steps"]
        while header["more"]:
            header, body = self._child.more(timeouts, size)
            seen += codec.unpack(body)
            left -= header["steps"]
        self._child.warm.add(self._dtype)
        return seen

    def step(self, grads: Sequence[NDArray[Any] | None]) -> dict[str, Any]:
        """Take one step."""
        given = tuple(None if g is None else tuple(np.asarray(g).tolist()) for g in grads)
        (seen,) = self.play([Step(given)])
        return {
            "theta": [np.array(x, self._dtype) for x in seen.theta],
            "average": [None if x is None else np.array(x, self._dtype) for x in seen.average],
            "eta": list(seen.eta),
            "mu": list(seen.mu),
        }

    def watch(self, grads: Sequence[Sequence[float] | None]) -> tuple[tuple[float, ...], ...]:
        """Take one step; the gradients as the caller holds them afterwards."""
        given = [np.array(g, self._dtype) for g in grads if g is not None]
        most = 2 * sum(g.size for g in given)

        def size(header: dict[str, Any]) -> int:
            sizes = header.get("sizes")
            if (
                not isinstance(sizes, list)
                or not all(type(n) is int and n >= 0 for n in sizes)
                or sum(sizes) > most
            ):
                raise PortError("its gradients have other sizes than they were given")
            return 8 * sum(sizes)

        request = {"op": "watch", "port": self._number, "event": _mask(grads)}
        header, body = self._child.ask(request, pack(given, self._dtype), 1, size)
        return tuple(tuple(g.tolist()) for g in unpack(body, "float64", header["sizes"]))

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters of a group."""
        changes = {k: _plain(v) for k, v in hyper.items()}
        self._child.ask({"op": "set", "port": self._number, "group": group, "hyper": changes})

    def save(self) -> Any:
        """What stands for the state, which stays in the child."""
        return self._save(copy=False)

    def save_copy(self) -> Any:
        """What stands for a copy of the state."""
        return self._save(copy=True)

    def _save(self, *, copy: bool) -> _State:
        answer, _ = self._child.ask({"op": "save", "port": self._number, "copy": copy})
        token = answer.get("token")
        if type(token) is not int:
            raise PortError("save() answered nonsense")
        return _State(token, self._child)

    def load(self, state: Any) -> None:
        """Continue from a state that was saved in this child."""
        if not isinstance(state, _State) or state.child is not self._child:
            raise PortError("the state was not saved by this port")
        self._child.ask({"op": "load", "port": self._number, "token": state.token})

    def count_beyond(self, dtype: str, edge: float) -> float | None:
        """What the step counter shows two steps after ``edge`` (`counter.count_beyond`)."""
        request = {"op": "count", "port": self._number, "dtype": dtype, "edge": edge}
        answer, _ = self._child.ask(request)
        reached = answer.get("reached")
        try:
            return None if reached is None else float.fromhex(reached)
        except (TypeError, ValueError, OverflowError):
            raise PortError("the count cannot be read") from None

    def twin(self) -> "ChildPort | None":
        """Another optimizer of the same make in the same child."""
        answer, _ = self._child.ask({"op": "twin"})
        if answer.get("made") is not True:
            return None
        other = ChildPort(self._child.how)
        other._child, other._number = self._child, 1
        return other

    def close(self) -> None:
        """Discard the optimizer, and end the child."""
        try:
            self._child.ask({"op": "close", "port": self._number})
        finally:
            self._child.stop()


def _mask(grads: Sequence[object]) -> str:
    return "".join("0" if grad is None else "1" for grad in grads)


def _plain(value: Any) -> Any:
    """A hyperparameter as JSON can carry it, exactly."""
    return value if isinstance(value, bool | int) else float(value)
