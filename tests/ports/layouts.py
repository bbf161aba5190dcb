"""Layouts of arrays: the shapes, and the places in memory, that ports in Python meet.

A scenario knows vectors. An adapter that arranges them gives each parameter and each gradient a
shape and a place in memory, and reads all of them in C order: so the judge sees vectors again.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

PLAIN = "plain"


class Layout(NamedTuple):
    """Shape of a parameter, and how its values and its gradients lie in memory.

    ``parameter`` and ``gradient`` are "plain", "transposed" (the axes in reverse order), "permuted"
    (the second axis is the innermost, as in torch's channels_last), "strided" (with gaps), "offset"
    (not at the beginning of a buffer) or "unaligned" (at an odd address).
    """

    shape: tuple[int, ...]
    parameter: str = PLAIN
    gradient: str = PLAIN

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def needs(self) -> frozenset[str]:
        """Names in `LAYOUTS` of what a port must take."""
        rank = {0: {"scalar"}, 1: set()}.get(len(self.shape), {"matrix"})
        memories = {"parameter": self.parameter, "gradient": self.gradient}
        named = {f"{memory} {what}" for what, memory in memories.items() if memory != PLAIN}
        return frozenset(rank | named)

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.shape)) or "0-d"
        return f"{self.parameter} parameter of shape {shape} with a {self.gradient} gradient"


_SHAPE = (2, 3)

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "scalar": Layout(()),
        "matrix": Layout(_SHAPE),
        "transposed parameter": Layout(_SHAPE, parameter="transposed"),
        "permuted parameter": Layout((2, 3, 2, 2), parameter="permuted"),
        "strided parameter": Layout(_SHAPE, parameter="strided"),
        "offset parameter": Layout(_SHAPE, parameter="offset"),
        "transposed gradient": Layout(_SHAPE, gradient="transposed"),
        "strided gradient": Layout(_SHAPE, gradient="strided"),
        "offset gradient": Layout(_SHAPE, gradient="offset"),
        "unaligned gradient": Layout(_SHAPE, gradient="unaligned"),
    }
)
"""What a port may take beside plain vectors, and the layout by which that is tried."""


def possible(kind: str) -> list[str]:
    """Names of layouts that arrays of a make of port can have."""
    if kind == "functional":
        # How its arrays lie in memory is for their library to say.
        return ["scalar", "matrix"]
    # A kernel may rely on it that torch aligns the elements.
    return [name for name in LAYOUTS if (kind, name) != ("torch", "unaligned gradient")]


def takes(port: Any, layout: Layout, dtype: str) -> bool:
    """Whether a port takes arrays of a layout without complaint."""
    hyper = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 0.0, "weight_decay": 0.25}
    one = np.ones(layout.size, dtype)
    try:
        port.open(dtype, [{**hyper, "params": [one], "layouts": [layout]}])
        for _ in range(2):
            seen = port.step([one])
    except Exception:  # noqa: BLE001 - whatever a foreign optimizer raises
        return False
    return bool(seen["theta"][0].shape == one.shape)


def vectors(params: Sequence[Any]) -> tuple[Layout, ...]:
    """Layouts of parameters that are plain vectors."""
    return tuple(Layout((len(p),)) for p in params)


def arranged(values: NDArray[Any], shape: tuple[int, ...], memory: str = PLAIN) -> NDArray[Any]:
    """New array of this shape that lies in memory so, and holds ``values`` in C order."""
    size, dtype = values.size, values.dtype
    if memory == "transposed":
        out = np.empty(shape[::-1], dtype).transpose()
    elif memory == "permuted":
        first, second, *rest = shape
        out = np.moveaxis(np.empty((first, *rest, second), dtype), -1, 1)
    elif memory == "strided":
        # What is read from the gaps shows.
        out = np.full((*shape, 2), np.nan, dtype)[..., 0]
    elif memory == "offset":
        out = np.full(size + 1, np.nan, dtype)[1:].reshape(shape)
    elif memory == "unaligned":
        raw = np.zeros(size * dtype.itemsize + 1, np.uint8)
        out = raw[1:].view(dtype).reshape(shape)
    else:
        out = np.empty(shape, dtype)
    out[...] = values.reshape(shape)
    return out


def flat(array: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """The elements in C order; an array of another shape as it is."""
    return array.reshape(-1) if array.shape == layout.shape else array


def as_shown(array: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Floats of another width than ``dtype`` as numbers of it; anything else as it is.

    What fewer bits have lost is seen in the numbers; what is kept in more is rounded once.
    """
    return array.astype(dtype) if array.dtype.kind == "f" else array
