"""The update and the average of one block, in place (E1, E3, E5).

Everything is elementwise, so blocks may be worked on in any order and by any thread: the bits are
the same. Each line is one pass over a block that stays in the cache; the memory is gone through
once. Scratch belongs to the thread, and is allocated once.
"""

import contextvars
import threading
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 21
"""Bytes of theta worked on at a time: measured in ``spec/kernels.md``, "Speed"."""

# So many sizes are remembered.
_PARTS = 256

# NumPy converts in pieces of so many elements: its own choice, 8,192, leaves the nearest cache.
_CONVERTED = 1024


def elements(dtype: Any) -> int:
    """Elements of ``dtype`` in a block."""
    width: int = np.dtype(dtype).itemsize
    return BLOCK // width


class Scalars(NamedTuple):
    """What all elements of a step share, as arrays of no dimension: those are never converted.

    Attributes
    ----------
    eta : () array
        Step size.
    decay : () array, or None
        lambd + weight_decay; None where that is zero.
    maximize : bool
        Whether the gradient's sign is turned.
    """

    eta: NDArray[Any]
    decay: NDArray[Any] | None
    maximize: bool


def update(
    theta: NDArray[Any], grad: NDArray[Any], scalars: Scalars, scratch: NDArray[Any]
) -> None:
    """Theta - eta (s grad + (weight_decay + lambd) theta), in place (E1, E3).

    The decay is added to the gradient, never rounded into 1 - lambd eta: see ``descend``.

    Parameters
    ----------
    theta, grad, scratch : (n,) arrays of one dtype
        ``theta`` and ``scratch`` are written, ``grad`` is not.
    scalars : Scalars
        Of the same dtype.
    """
    eta, decay, maximize = scalars
    if decay is None:
        np.multiply(grad, eta, scratch)
        if maximize:
            np.add(theta, scratch, theta)
            return
    else:
        np.multiply(theta, decay, scratch)
        if maximize:
            np.subtract(scratch, grad, scratch)
        else:
            np.add(scratch, grad, scratch)
        np.multiply(scratch, eta, scratch)
    np.subtract(theta, scratch, theta)


def accumulate(
    high: NDArray[Any], low: NDArray[Any] | None, theta: NDArray[Any], scratch: NDArray[Any]
) -> None:
    """Add theta to the sum of its window, in place (E5).

    Parameters
    ----------
    high, low : (n,) arrays of float64, ``low`` None for float32
        The sum, as in `Window`.
    theta : (n,) array
        The newest iterate.
    scratch : (2, n) array of float64
        Overwritten; not used where ``low`` is None.
    """
    if low is None:
        np.add(high, theta, high)
        return
    # Knuth's TwoSum, exact whichever is larger: an average near zero has no large sum to add to.
    total, rest = scratch
    np.add(high, theta, total)
    np.subtract(total, theta, rest)  # the part of `high` that arrived
    np.subtract(high, rest, high)
    np.subtract(total, rest, rest)
    np.subtract(theta, rest, rest)
    np.add(rest, high, rest)
    np.add(low, rest, low)
    np.copyto(high, total)


# A cache line: NumPy's loops are slower on numbers that lie across two.
_LINE = 64


def aligned(size: int, dtype: Any) -> NDArray[Any]:
    """New array of ``size`` elements that begins on a cache line, of any content."""
    width = np.dtype(dtype).itemsize
    raw = np.empty(size * width + _LINE, np.uint8)
    start = -raw.__array_interface__["data"][0] % _LINE
    return raw[start : start + size * width].view(dtype)


class Scratch(threading.local):
    """What each thread keeps: arrays by dtype, and NumPy's error state.

    Overflow and nan follow the spec's stated rule; they are not the kernels' news.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
        self.gathers: dict[Any, tuple[NDArray[Any], NDArray[Any]]] = {}
        # Cutting an array costs as much as a short kernel: parts that were cut are kept.
        self.parts: dict[tuple[str, int], tuple[NDArray[Any], NDArray[Any]]] = {}
        # A context that keeps the error state is entered faster than the state is set.
        self.context = contextvars.Context()
        self.context.run(np.seterr, all="ignore")
        self.context.run(np.setbufsize, _CONVERTED)

    def of(self, key: tuple[str, int]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Scratch of `update` and of `accumulate`; the key is a dtype's letter and a size."""
        found = self.parts.get(key)
        if found is None:
            if len(self.parts) >= _PARTS:
                self.parts.clear()
            char, size = key
            first, second = self.arrays.get(char) or self._new(char)
            found = self.parts[key] = first[:size], second[:, :size]
        return found

    def _new(self, char: str) -> tuple[NDArray[Any], NDArray[Any]]:
        most = elements(char)
        # Only a sum in two floats takes scratch.
        double = most if char == "d" else 0
        found = aligned(most, char), aligned(2 * double, char).reshape(2, double)
        self.arrays[char] = found
        return found

    def gathered(self, dtype: Any, size: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Room for small parameters of ``dtype``, gathered, and for their gradients."""
        found = self.gathers.get(dtype)
        if found is None:
            most = elements(dtype)
            found = self.gathers[dtype] = aligned(most, dtype), aligned(most, dtype)
        first, second = found
        return first[:size], second[:size]


SCRATCH = Scratch()
