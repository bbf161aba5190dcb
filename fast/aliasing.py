"""Parameters that share memory would be updated twice in a step: they are refused."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

# The exact question is exponential at worst; a limited number of candidates is tried.
_WORK = 10_000


def refuse_overlap(arrays: Sequence[NDArray[Any]]) -> None:
    """Raise ValueError if two of the arrays, or two elements of one, share memory.

    Byte bounds decide nearly always; for arrays that interleave, as two columns of a matrix do,
    the exact question is asked.
    """
    spans = []
    for array in arrays:
        if array.size:
            if not array.flags.c_contiguous:
                _refuse_inner(array)
            spans.append((*byte_bounds(array), array))
    spans.sort(key=lambda span: span[0])
    near: list[tuple[int, NDArray[Any]]] = []
    for low, high, array in spans:
        near = [(end, other) for end, other in near if end > low]
        for _, other in near:
            if _share(array, other):
                raise ValueError(
                    "parameters must not share memory, got arrays of shapes "
                    f"{other.shape} and {array.shape} that do"
                )
        near.append((high, array))


def _share(a: NDArray[Any], b: NDArray[Any]) -> bool:
    try:
        return np.shares_memory(a, b, max_work=_WORK)  # type: ignore[arg-type] # any count is right
    except np.exceptions.TooHardError:
        return True


def _refuse_inner(array: NDArray[Any]) -> None:
    """Refuse an array of which the strides do not prove that its elements lie apart."""
    reach = array.itemsize
    for stride, count in sorted(
        (abs(stride), count) for stride, count in zip(array.strides, array.shape, strict=True)
    ):
        if count > 1:
            if stride < reach:
                raise ValueError(
                    "a parameter's elements must not share memory, got an array of shape "
                    f"{array.shape} and strides {array.strides}"
                )
            reach += (count - 1) * stride
