"""The child's side: a Python port in a process of its own, served over a private pipe."""

import json
import os
import socket
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .capabilities import capabilities, habits_of, save_copy, twin, watch
from .counter import LAST, count_beyond, shown_from
from .frames import ASKED, LENGTHS, Observations, frame, pack, unpack
from .importing import import_port
from .layouts import Layout
from .protocol import (
    Port,
    PortError,
    RaisedError,
    RefusalError,
    Shown,
    asking,
    describe,
    greet,
    take_step,
)

INTERVAL = 1.0
"""Seconds after which what is known of a scenario is sent, before the rest is gone through."""
_LARGEST = 1 << 20  # bytes of observations that are sent at once
WARNINGS = 20
"""Warnings of different words that are kept."""

Answer = tuple[dict[str, Any], bytes]


class _Opened:
    """A port, and the shapes that it was opened with."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self.dtype, self.sizes = "float64", [0]


class Server:
    """What the child does for each request of the judge."""

    def __init__(self) -> None:
        self._ports: list[_Opened] = []
        self._states: dict[int, Any] = {}
        self._saved = 0
        self._warned: dict[str, None] = {}

    def answers(self, header: dict[str, Any], body: bytes) -> Iterator[Answer]:
        """Answers to a request: one, or several to a scenario; and to what comes ``then``."""
        for token in header.get("drop", ()):
            self._states.pop(token, None)
        op = ""
        try:
            while header:
                op, end = header["op"], header.get("bytes", len(body))
                yield from getattr(self, f"_{op}")(header, body[:end])
                header, body = header.get("then", {}), body[end:]
        except RefusalError as error:
            yield {"raised": describe(error), "refused": True}, b""
        except RaisedError as error:
            yield {"raised": str(error), "call": error.call}, b""
        except PortError as error:
            yield {"broken": str(error)}, b""
        except BaseException as error:  # noqa: BLE001 - whatever a foreign port raises
            yield {"broken": f"{ASKED.get(op, op)} ended with {describe(error)}"}, b""

    def _start(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        # What the judge can import, the port can, behind what is installed here.
        sys.path += [entry for entry in header["path"] if entry not in sys.path]
        warnings.showwarning = self._note
        with np.errstate(all="ignore"):
            port = import_port(header["how"], header["device"])
        self._ports = [_Opened(port)]
        yield {"ok": True, "capabilities": asdict(capabilities(port))}, b""

    def _hello(self, _header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        hello = greet(self._ports[0].port)
        lists = {k: sorted(getattr(hello, k)) for k in ("dtypes", "reads", "supports")}
        texts = {"name": hello.name, "version": hello.version, "lacks": dict(hello.lacks)}
        yield {"ok": True, **texts, **lists}, b""

    def _open(self, header: dict[str, Any], body: bytes) -> Iterator[Answer]:
        opened = self._ports[header["port"]]
        opened.dtype = header["dtype"]
        opened.sizes, groups = _groups(header, body)
        try:
            with asking("open"):
                opened.port.open(opened.dtype, groups)
        except RaisedError as error:
            raise RefusalError(describe(error.__cause__ or error)) from error
        yield {"ok": True}, b""

    def _add_group(self, header: dict[str, Any], body: bytes) -> Iterator[Answer]:
        opened = self._ports[header["port"]]
        sizes, (group,) = _groups(header, body)
        port: Any = opened.port
        with asking("add_group"):
            port.add_group(group)
        opened.sizes = opened.sizes + sizes
        yield {"ok": True}, b""

    def _play(self, header: dict[str, Any], body: bytes) -> Iterator[Answer]:
        """Go through events: a text of 0 and 1, one a gradient, is a step, all else a change.

        Where there are two ports, they take turns, and the first one is shown.
        """
        opened, *others = (self._ports[number] for number in header["ports"])
        codec = Observations(opened.dtype, opened.sizes)
        rest = iter(unpack(body, opened.dtype, _given(header["events"], opened.sizes)))
        sent, call = time.monotonic(), 1
        for event in header["events"]:
            try:
                if isinstance(event, str):
                    grads = [next(rest) if there == "1" else None for there in event]
                    shown = _step(opened, grads)
                    codec.add(shown)
                    for other in others:
                        _step(other, grads)
                    call += 1
                else:
                    with asking("set"):
                        for each in (opened, *others):
                            each.port.set(event[0], **event[1])
            except RaisedError as error:
                error.call = call
                raise
            now = time.monotonic()
            if now - sent > INTERVAL or codec.steps * codec.bytes > _LARGEST:
                yield {"ok": True, "steps": codec.steps, "more": True}, codec.pack()
                sent = now
        yield {"ok": True, "steps": codec.steps, "more": False}, codec.pack()

    def _advance(self, header: dict[str, Any], body: bytes) -> Iterator[Answer]:
        """Go through events as `_play` does, and look at nothing."""
        opened = self._ports[header["ports"][0]]
        rest = iter(unpack(body, opened.dtype, _given(header["events"], opened.sizes)))
        port: Any = opened.port
        for event in header["events"]:
            if isinstance(event, str):
                with asking("step"):
                    port.advance([next(rest).copy() if there == "1" else None for there in event])
            else:
                with asking("set"):
                    port.set(event[0], **event[1])
        yield {"ok": True}, b""

    def _watch(self, header: dict[str, Any], body: bytes) -> Iterator[Answer]:
        opened = self._ports[header["port"]]
        there = header["event"]
        given = [n for n, one in zip(opened.sizes, there, strict=True) if one == "1"]
        rest = iter(unpack(body, opened.dtype, given))
        grads = [tuple(next(rest).tolist()) if one == "1" else None for one in there]
        kept = [np.array(g) for g in watch(opened.port, opened.dtype, grads, opened.sizes)]
        yield {"ok": True, "sizes": [g.size for g in kept]}, pack(kept, "float64")

    def _set(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        with asking("set"):
            self._ports[header["port"]].port.set(header["group"], **header["hyper"])
        yield {"ok": True}, b""

    def _save(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        port = self._ports[header["port"]].port
        with asking("save"):
            state = save_copy(port) if header["copy"] else port.save()
        self._saved += 1
        self._states[self._saved] = state
        yield {"ok": True, "token": self._saved}, b""

    def _load(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        with asking("load"):
            self._ports[header["port"]].port.load(self._states[header["token"]])
        yield {"ok": True}, b""

    def _count(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        port = self._ports[header["port"]].port
        reached = count_beyond(port, header["dtype"], header["edge"])
        yield {"ok": True, "reached": None if reached is None else float(reached).hex()}, b""

    def _late(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        dtype = header["dtype"]
        seen = shown_from(self._ports[header["port"]].port, dtype, header["count"])
        codec = Observations(dtype, [len(LAST[0])])
        for shown in seen or ():
            codec.add(shown)
        yield {"ok": True, "steps": codec.steps}, codec.pack()

    def _twin(self, _header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        with asking("twin"):
            other = twin(self._ports[0].port)
        if other is not None:
            self._ports[1:] = [_Opened(other)]
        yield {"ok": True, "made": other is not None}, b""

    def _note(self, message: Any, category: type[Warning], *_where: Any, **_more: Any) -> None:
        if len(self._warned) < WARNINGS:
            self._warned[f"{category.__name__}: {message}"[:200]] = None

    def _warnings(self, _header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        yield {"ok": True, "warnings": list(self._warned)}, b""

    def _habits(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        port = self._ports[header["port"]].port
        yield {"ok": True, "failed": habits_of(port, header["dtype"])}, b""

    def _close(self, header: dict[str, Any], _body: bytes) -> Iterator[Answer]:
        with asking("close"):
            self._ports[header["port"]].port.close()
        yield {"ok": True}, b""


def _given(events: Sequence[Any], sizes: Sequence[int]) -> list[int]:
    """Sizes of the gradients that come with events."""
    return [
        n
        for event in events
        if isinstance(event, str)
        for n, there in zip(sizes, event, strict=True)
        if there == "1"
    ]


def _step(opened: _Opened, grads: list[NDArray[Any] | None]) -> Shown:
    """Take a step with copies of the gradients."""
    given = [None if grad is None else grad.copy() for grad in grads]
    return take_step(opened.port, given, opened.dtype, opened.sizes)


def _groups(header: dict[str, Any], body: bytes) -> tuple[list[int], list[dict[str, Any]]]:
    """Sizes of the parameters, and the groups."""
    sizes = [n for each in header["sizes"] for n in each]
    rest = iter(unpack(body, header["dtype"], sizes))
    groups = []
    for told, each in zip(header["groups"], header["sizes"], strict=True):
        group = {**told, "params": [next(rest) for _ in each]}
        if "layouts" in group:
            group["layouts"] = [Layout(tuple(shape), *how) for shape, *how in group["layouts"]]
        groups.append(group)
    return sizes, groups


def _receive(pipe: BinaryIO) -> tuple[bytes, bytes] | None:
    """Header and body of a request, or None once the judge has gone."""
    head = pipe.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    lengths = LENGTHS.unpack(head)
    header, body = (pipe.read(n) for n in lengths)
    return None if len(body) < lengths[1] else (header, body)


def main() -> None:
    """Serve the port over the descriptor that the command line names, until it is closed."""
    link = socket.socket(fileno=int(sys.argv[1]))
    sys.argv[1:] = []
    # What the port starts does not hold the pipe.
    link.set_inheritable(False)
    server, here, pipe = Server(), os.getpid(), link.makefile("rb")
    while (request := _receive(pipe)) is not None:
        header = json.loads(request[0])
        for answer in server.answers(header, request[1]):
            if os.getpid() != here:  # A copy that the port made, and that came back from its step.
                os._exit(0)
            link.sendall(frame(*answer))
    # Threads that never end, and what was registered for the end, are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
