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

BLOCK = 1 << 18
"""Elements worked on at a time: measured in ``spec/kernels.md``, "Speed"."""


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
    scratch : (n,) array of float64
        Overwritten; with ``low``, two rows of it.
    """
    if low is None:
        np.copyto(scratch, theta)
        np.add(high, scratch, high)
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
        self.arrays: dict[Any, tuple[NDArray[Any], NDArray[Any]]] = {}
        self.gathers: dict[Any, tuple[NDArray[Any], NDArray[Any]]] = {}
        # A context that keeps the error state is entered faster than the state is set.
        self.context = contextvars.Context()
        self.context.run(np.seterr, all="ignore")

    def of(self, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Scratch of `update` and of `accumulate` for parameters of ``dtype``."""
        found = self.arrays.get(dtype)
        if found is None:
            sums = aligned(BLOCK, np.float64)
            if dtype == np.float64:
                sums = aligned(2 * BLOCK, np.float64).reshape(2, BLOCK)
            found = self.arrays[dtype] = aligned(BLOCK, dtype), sums
        return found

    def gathered(self, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Room for small parameters of ``dtype``, gathered, and for their gradients."""
        found = self.gathers.get(dtype)
        if found is None:
            found = self.gathers[dtype] = aligned(BLOCK, dtype), aligned(BLOCK, dtype)
        return found


SCRATCH = Scratch()
