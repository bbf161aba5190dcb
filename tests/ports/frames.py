"""Frames between the judge and a port in a child process: a JSON header and raw arrays.

A frame is two lengths (header, body), the header in UTF-8, and the body: the bytes of arrays whose
shapes both sides know beforehand, little-endian. Nothing that comes from the child is evaluated: a
header is checked field by field by who asked, and a body must have the length that was asked for.
"""

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .protocol import Observation, PortError, Shown

LENGTHS = struct.Struct("<IQ")
ASKED = {"start": "import", **dict.fromkeys(("play", "advance", "late"), "step")}
"""What a request is called in messages, where that is another name."""
LONGEST_HEADER = 1 << 20
"""Bytes of the header of an answer."""


def exactly(link: socket.socket, count: int) -> bytes | None:
    """Exactly ``count`` bytes, or None where the other side has gone."""
    out = bytearray()
    while len(out) < count:
        part = link.recv(min(count - len(out), 1 << 20))
        if not part:
            return None
        out += part
    return bytes(out)


def frame(header: Mapping[str, Any], body: bytes = b"") -> bytes:
    """Header and body as they are sent."""
    text = json.dumps(header).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def pack(arrays: Sequence[NDArray[Any]], dtype: str) -> bytes:
    """Bytes of arrays of a dtype, one behind the other."""
    little = np.dtype(dtype).newbyteorder("<")
    return b"".join(np.ascontiguousarray(a, little).tobytes() for a in arrays)


def unpack(body: bytes, dtype: str, sizes: Sequence[int]) -> list[NDArray[Any]]:
    """Arrays that `pack` packed."""
    little = np.dtype(dtype).newbyteorder("<")
    if len(body) != sum(sizes) * little.itemsize:
        raise PortError(f"{len(body)} bytes are not {sum(sizes)} numbers of {dtype}")
    flat = np.frombuffer(body, little).astype(dtype)
    return [flat[a:b] for a, b in pairwise(accumulate(sizes, initial=0))]


class Observations:
    """Codec of what steps show, for parameters of given sizes: all arrays, then all numbers."""

    def __init__(self, dtype: str, sizes: Sequence[int]) -> None:
        self._count, self._total = len(sizes), 2 * sum(sizes)
        self._little = np.dtype(dtype).newbyteorder("<")
        self._slices = [slice(a, b) for a, b in pairwise(accumulate((*sizes, *sizes), initial=0))]
        self._nothing = [bytes(n * self._little.itemsize) for n in sizes]
        self.bytes = self._total * self._little.itemsize + self._count * (1 + 2 * 9)
        """Bytes of one step."""
        self._clear()

    def _clear(self) -> None:
        self.steps = 0
        self._arrays: list[bytes] = []
        self._scalars: list[float] = []
        self._there: list[bool] = []

    def add(self, shown: Shown) -> None:
        """Take what a step shows, as it is now: theta, average, eta, mu."""
        little = self._little
        scalars = (*shown.eta, *shown.mu)
        self._arrays += [a.astype(little, copy=False).tobytes() for a in shown.theta]
        self._arrays += [
            nothing if a is None else a.astype(little, copy=False).tobytes()
            for a, nothing in zip(shown.average, self._nothing, strict=True)
        ]
        self._scalars += [0.0 if x is None else x for x in scalars]
        self._there += [x is not None for x in (*shown.average, *scalars)]
        self.steps += 1

    def pack(self) -> bytes:
        """The steps since the last time."""
        scalars = struct.pack(f"<{len(self._scalars)}d", *self._scalars)
        body = b"".join((*self._arrays, scalars, bytes(self._there)))
        self._clear()
        return body

    def unpack(self, body: bytes) -> list[Observation]:
        """Steps that `pack` packed."""
        steps = len(body) // self.bytes if self.bytes else 0
        columns, at = [], 0
        for dtype, width in (
            (self._little, self._total),
            (np.dtype("<f8"), 2 * self._count),
            (np.dtype("u1"), 3 * self._count),
        ):
            column = np.frombuffer(body, dtype, steps * width, at)
            columns.append(column.reshape(steps, width).tolist())
            at += column.nbytes
        return [self._one(*row) for row in zip(*columns, strict=True)]

    def _one(self, values: list[float], scalars: list[float], there: list[int]) -> Observation:
        count = self._count
        arrays = [tuple(values[each]) for each in self._slices]
        averages: list[tuple[float, ...] | None] = [*arrays[count:]]
        seen: list[float | None] = [*scalars]
        if not all(there):
            averages = [x if y else None for x, y in zip(averages, there, strict=False)]
            seen = [x if y else None for x, y in zip(scalars, there[count:], strict=True)]
        return Observation(
            theta=tuple(arrays[:count]),
            average=tuple(averages),
            eta=tuple(seen[:count]),
            mu=tuple(seen[count:]),
        )
