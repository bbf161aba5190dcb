"""The update and the average of one block, in place (E1, E3, E5).

Everything is elementwise, so blocks may be worked on in any order and by any thread: the bits are
the same. Each line is one pass over a block that stays in the cache; the memory is gone through
once. Scratch belongs to the thread, and is allocated once.
"""

import contextvars
import threading
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 21
"""Bytes of theta worked on at a time: measured in ``spec/kernels.md``, "Speed"."""

# So many sizes are remembered.
_PARTS = 256

# Elements that NumPy converts at a time: its default, 8,192, does not fit the nearest cache.
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
    numbers : tuple
        The decay, whether there is one, and the sign, as compiled kernels take them.
    """

    eta: NDArray[Any]
    decay: NDArray[Any] | None
    maximize: bool
    numbers: tuple[Any, bool, Any]

    @classmethod
    def of(cls, eta: NDArray[Any], decay: float, *, maximize: bool) -> Self:
        """Scalars of eta's dtype."""
        with np.errstate(over="ignore"):
            number = eta.dtype.type(decay)
        numbers = number, bool(decay), eta.dtype.type(-1 if maximize else 1)
        return cls(eta, np.array(number) if decay else None, maximize, numbers)


def update(
    theta: NDArray[Any],
    grad: NDArray[Any],
    scalars: Scalars,
    scratch: NDArray[Any],
    carry: NDArray[Any] | None = None,
    rest: NDArray[Any] | None = None,
) -> None:
    """Theta - eta (s grad + (weight_decay + lambd) theta), in place (E1, E3).

    The decay is added to the gradient, never rounded into 1 - lambd eta: see ``descend``.

    Parameters
    ----------
    theta, grad, scratch : (n,) arrays of one dtype
        ``theta`` and ``scratch`` are written, ``grad`` is not.
    scalars : Scalars
        Of the same dtype.
    carry, rest : (n,) arrays of the same dtype, or None
        What rounding has taken from theta: it joins the step, and becomes what rounding takes
        now (kernels.md, "The compensated update"). ``rest`` is overwritten.
    """
    eta, decay, maximize, _ = scalars
    move: np.ufunc = np.subtract
    if decay is None:
        np.multiply(grad, eta, scratch)
        if maximize:
            move = np.add
    else:
        np.multiply(theta, decay, scratch)
        if maximize:
            np.subtract(scratch, grad, scratch)
        else:
            np.add(scratch, grad, scratch)
        np.multiply(scratch, eta, scratch)
    if carry is None or rest is None:
        move(theta, scratch, theta)
        return
    move(carry, scratch, carry)
    _add_exactly(theta, carry, carry, scratch, rest)
    # Beyond the largest number nothing is kept. Carries are too small for their sum to overflow.
    if not np.isfinite(np.add.reduce(carry)):
        np.copyto(carry, 0, where=~np.isfinite(carry))


def _add_exactly(
    a: NDArray[Any], b: NDArray[Any], error: NDArray[Any], total: NDArray[Any], rest: NDArray[Any]
) -> None:
    """Add b to a, in place, and set ``error`` to what rounding takes: it may be b or ``rest``.

    Knuth's TwoSum, exact whichever of the two is larger. ``total`` and ``rest`` are scratch.
    """
    np.add(a, b, total)
    np.subtract(total, b, rest)  # the part of a that arrived
    np.subtract(a, rest, a)
    np.subtract(total, rest, rest)
    np.subtract(b, rest, rest)
    np.add(rest, a, error)
    np.copyto(a, total)


def accumulate(
    high: NDArray[Any],
    low: NDArray[Any] | None,
    theta: NDArray[Any],
    scratch: NDArray[Any],
    carry: NDArray[Any] | None = None,
) -> None:
    """Add theta, with its carry, to the sum of its window, in place (E5).

    Parameters
    ----------
    high, low : (n,) arrays of float64, ``low`` None for float32
        The sum, as in `Window`.
    theta : (n,) array
        The newest iterate.
    scratch : (2, n) array of float64
        Overwritten; not used where ``low`` is None.
    carry : (n,) array, or None
        What rounding has taken from theta.
    """
    if low is None:
        np.add(high, theta, high)
        if carry is not None:
            np.add(high, carry, high)
        return
    # An average near zero has no large sum to add to, so either may be larger.
    total, rest = scratch
    _add_exactly(high, theta, rest, total, rest)
    np.add(low, rest, low)
    if carry is not None:
        np.add(low, carry, low)


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
        self.parts: dict[tuple[str, int], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = {}
        # A context that keeps the error state is entered faster than the state is set.
        self.context = contextvars.Context()
        self.context.run(np.seterr, all="ignore")
        self.context.run(np.setbufsize, _CONVERTED)

    def of(self, key: tuple[str, int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Scratch and ``rest`` of `update`, and rows for `accumulate`, by letter and size."""
        found = self.parts.get(key)
        if found is None:
            if len(self.parts) >= _PARTS:
                self.parts.clear()
            char, size = key
            first, second = self.arrays.get(char) or self._new(char)
            found = self.parts[key] = first[:size], second[0, :size], second[:, :size]
        return found

    def _new(self, char: str) -> tuple[NDArray[Any], NDArray[Any]]:
        most = elements(char)
        # A sum in two floats takes two rows; without a carry, float32 touches neither.
        rows = 2 if char == "d" else 1
        found = aligned(most, char), aligned(rows * most, char).reshape(rows, most)
        self.arrays[char] = found
        return found

    def gathered(self, dtype: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """Room for small parameters of ``dtype``, gathered, and for their gradients."""
        found = self.gathers.get(dtype)
        if found is None:
            most = elements(dtype)
            found = self.gathers[dtype] = aligned(most, dtype), aligned(most, dtype)
        return found


SCRATCH = Scratch()
