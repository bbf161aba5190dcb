"""A Python port in a process of its own: the judge's side.

The child is started clean, and asked over a private pipe (`server.py`); a whole scenario travels in
one request. Saved states stay in the child, where a number stands for each.
"""

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .capabilities import Capabilities
from .counter import LAST
from .exchange import Child
from .frames import Observations, pack, unpack
from .habits import HABITS
from .layouts import LAYOUTS
from .process import PATIENCE, Limits
from .protocol import DTYPES, READS, SUPPORTS, Observation, PortError
from .scenario import Set, Step
from .server import WARNINGS
from .text import printable


class _State:
    """What stands for a state that the child keeps."""

    def __init__(self, token: int, child: Child) -> None:
        self.token, self.child = token, child
        weakref.finalize(self, child.dropped.append, token)


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
        self._child, self.number = Child(how, limits or Limits()), 0
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

    def habits(self, dtype: str) -> list[str]:
        """Habits of users that change what the port computes."""
        request = {"op": "habits", "port": self.number, "dtype": dtype}
        answer, _ = self._child.ask(request, timeouts=PATIENCE)
        found = answer.get("failed")
        return [name for name in sorted(HABITS) if isinstance(found, list) and name in found]

    def hello(self) -> dict[str, Any]:
        """Ask the port what it is."""
        answer, _ = self._child.ask({"op": "hello"}, timeouts=PATIENCE)
        known = {"dtypes": DTYPES, "reads": READS, "supports": (*SUPPORTS, *LAYOUTS)}
        for key, possible in known.items():
            entries = answer.get(key)
            if not isinstance(entries, list) or not all(e in possible for e in entries):
                raise PortError(f"hello() answered nonsense: {key}")
        texts = {key: printable(answer.get(key, ""), 100) for key in ("name", "version")}
        lacks = answer.get("lacks")
        if not isinstance(lacks, dict) or not all(isinstance(w, str) for w in lacks.values()):
            raise PortError("hello() answered nonsense: lacks")
        return {**texts, **{key: answer[key] for key in known}, "lacks": lacks}

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Make a new optimizer; whatever the port raises is a refusal."""
        self._child.ask(*self._opening(dtype, groups), self._patience())

    def _opening(
        self, dtype: str, groups: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Any], bytes]:
        self._dtype, self._sizes = dtype, []
        return self._with_groups("open", groups)

    def add_group(self, group: Mapping[str, Any]) -> None:
        """Let another group join."""
        self._child.ask(*self._with_groups("add_group", [group]), self._patience())

    def _with_groups(
        self, operation: str, groups: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Any], bytes]:
        """A request with groups, which from then on are there."""
        sizes = [[len(p) for p in group["params"]] for group in groups]
        arrays = [np.asarray(p, self._dtype) for group in groups for p in group["params"]]
        told = [
            {k: v if k == "layouts" else _plain(v) for k, v in group.items() if k != "params"}
            for group in groups
        ]
        self._sizes += [n for each in sizes for n in each]
        request = {"op": operation, "port": self.number, "dtype": self._dtype, "groups": told}
        return {**request, "sizes": sizes}, pack(arrays, self._dtype)

    def drive(
        self, dtype: str, groups: Sequence[Mapping[str, Any]], events: Sequence[Step | Set]
    ) -> list[Observation]:
        """Open groups and go through events, in one request."""
        opening, body = self._opening(dtype, groups)
        playing = _Playing(events, dtype, self._sizes, [self.number])
        then = {"then": playing.request, "bytes": len(body)}
        self._child.tell({**opening, **then}, body + playing.body)
        self._child.answer("open", self._patience())
        return self._played(playing)

    def play(
        self, events: Sequence[Step | Set], beside: "ChildPort | None" = None
    ) -> list[Observation]:
        """Go through events, in turns with another port of this child; what each step shows."""
        ports = [self.number] if beside is None else [self.number, beside.number]
        playing = _Playing(events, self._dtype, self._sizes, ports)
        self._child.tell(playing.request, playing.body)
        return self._played(playing)

    def advance(self, events: Sequence[Step | Set]) -> None:
        """Go through events, and look at nothing."""
        playing = _Playing(events, self._dtype, self._sizes, [self.number])
        self._child.ask({**playing.request, "op": "advance"}, playing.body, self._patience())

    def _played(self, playing: "_Playing") -> list[Observation]:
        patience = self._patience()
        while playing.more:
            playing.take(*self._child.answer("play", patience, playing.size))
        self._child.warm.update(self._kinds())
        return playing.seen

    def _patience(self) -> float:
        """Timeouts of a request: for a new size a library may compile, at first start a device."""
        warm = self._child.warm
        return 1 if warm and self._kinds() <= warm else PATIENCE

    def _kinds(self) -> frozenset[tuple[str, int]]:
        return frozenset((self._dtype, size) for size in self._sizes)

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

        request = {"op": "watch", "port": self.number, "event": _mask(grads)}
        header, body = self._child.ask(request, pack(given, self._dtype), 1, size)
        return tuple(tuple(g.tolist()) for g in unpack(body, "float64", header["sizes"]))

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters of a group."""
        changes = {k: _plain(v) for k, v in hyper.items()}
        self._child.ask({"op": "set", "port": self.number, "group": group, "hyper": changes})

    def save(self) -> Any:
        """What stands for the state, which stays in the child."""
        return self._save(copy=False)

    def save_copy(self) -> Any:
        """What stands for a copy of the state."""
        return self._save(copy=True)

    def _save(self, *, copy: bool) -> _State:
        answer, _ = self._child.ask({"op": "save", "port": self.number, "copy": copy})
        token = answer.get("token")
        if type(token) is not int:
            raise PortError("save() answered nonsense")
        return _State(token, self._child)

    def load(self, state: Any) -> None:
        """Continue from a state that was saved in this child."""
        if not isinstance(state, _State) or state.child is not self._child:
            raise PortError("the state was not saved by this port")
        self._child.ask({"op": "load", "port": self.number, "token": state.token})

    def count_beyond(self, dtype: str, edge: float) -> float | None:
        """What the step counter shows two steps after ``edge`` (`counter.count_beyond`)."""
        request = {"op": "count", "port": self.number, "dtype": dtype, "edge": edge}
        answer, _ = self._child.ask(request)
        reached = answer.get("reached")
        try:
            return None if reached is None else float.fromhex(reached)
        except (TypeError, ValueError, OverflowError):
            raise PortError("the count cannot be read") from None

    def steps_from(self, dtype: str, count: int) -> list[Observation] | None:
        """What the steps show that follow a set count (`counter.steps_from`)."""
        codec = Observations(dtype, [len(LAST[0])])

        def size(header: dict[str, Any]) -> int:
            steps = header.get("steps")
            if type(steps) is not int or steps not in {0, len(LAST)}:
                raise PortError("its answer cannot be read")
            return steps * codec.bytes

        request = {"op": "late", "port": self.number, "dtype": dtype, "count": count}
        # For a size that is new a library may compile.
        _, body = self._child.ask(request, b"", PATIENCE, size)
        return codec.unpack(body) or None

    def twin(self) -> "ChildPort | None":
        """Another optimizer of the same make in the same child."""
        answer, _ = self._child.ask({"op": "twin"})
        if answer.get("made") is not True:
            return None
        other = ChildPort(self._child.how)
        other._child, other.number = self._child, 1
        return other

    def close(self) -> None:
        """Discard the optimizer, and end the child."""
        try:
            self._child.ask({"op": "close", "port": self.number})
        finally:
            self._child.stop()


class _Playing:
    """A request to go through events, and what was answered."""

    def __init__(
        self,
        events: Sequence[Step | Set],
        dtype: str,
        sizes: Sequence[int],
        ports: Sequence[int],
    ) -> None:
        steps = [event for event in events if isinstance(event, Step)]
        told = [
            _mask(event.grads) if isinstance(event, Step) else [event.group, dict(event.changes)]
            for event in events
        ]
        self.request = {"op": "play", "ports": ports, "events": told}
        given = [np.array(g, dtype) for step in steps for g in step.grads if g is not None]
        self.body = pack(given, dtype)
        self.more, self.seen = True, list[Observation]()
        self._steps, self._codec = len(steps), Observations(dtype, sizes)

    def size(self, header: dict[str, Any]) -> int:
        """Bytes that an answer has."""
        steps, left = header.get("steps"), self._steps - len(self.seen)
        if type(steps) is not int or not 0 <= steps <= left or type(header.get("more")) is not bool:
            raise PortError("its answer cannot be read")
        if header["more"] is False and steps != left:
            raise PortError(f"its answer lacks {left - steps} steps")
        return steps * self._codec.bytes

    def take(self, header: dict[str, Any], body: bytes) -> None:
        """Take an answer."""
        self.seen += self._codec.unpack(body)
        self.more = header["more"]


def _mask(grads: Sequence[object]) -> str:
    return "".join("0" if grad is None else "1" for grad in grads)


def _plain(value: Any) -> Any:
    """A hyperparameter as JSON can carry it, exactly."""
    return value if isinstance(value, bool | int) else float(value)
