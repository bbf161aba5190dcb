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
    return np.split(flat, np.cumsum(sizes)[:-1]) if sizes else []


class Observations:
    """Codec of what steps show, for parameters of given sizes."""

    def __init__(self, dtype: str, sizes: Sequence[int]) -> None:
        self.dtype, self._count = dtype, len(sizes)
        self._little = np.dtype(dtype).newbyteorder("<")
        ends = list(accumulate((*sizes, *sizes), initial=0))
        self._slices = [slice(a, b) for a, b in pairwise(ends)]
        self._nothing = [bytes(n * self._little.itemsize) for n in sizes]
        self.bytes = 2 * sum(sizes) * self._little.itemsize + self._count * (1 + 2 * 9)
        """Bytes of one step."""

    def pack(self, shown: Shown) -> bytes:
        """One step: theta, average, eta, mu, and which of these are there."""
        little = self._little
        scalars = (*shown.eta, *shown.mu)
        parts = [a.astype(little, copy=False).tobytes() for a in shown.theta]
        for a, nothing in zip(shown.average, self._nothing, strict=True):
            parts.append(nothing if a is None else a.astype(little, copy=False).tobytes())
        parts.append(struct.pack(f"<{len(scalars)}d", *(x or 0.0 for x in scalars)))
        parts.append(bytes(x is not None for x in (*shown.average, *scalars)))
        return b"".join(parts)

    def unpack(self, body: bytes) -> list[Observation]:
        """Steps that `pack` packed, one behind the other."""
        starts = range(0, len(body), self.bytes) if self.bytes else ()
        return [self._one(body, at) for at in starts]

    def _one(self, body: bytes, at: int) -> Observation:
        count = self._count
        total = self._slices[-1].stop if count else 0
        values = np.frombuffer(body, self._little, total, at).tolist()
        at += total * self._little.itemsize
        scalars = struct.unpack_from(f"<{2 * count}d", body, at)
        there = body[at + 16 * count : at + 19 * count]
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
