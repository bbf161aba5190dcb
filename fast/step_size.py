"""Step sizes, correctly rounded (E2).

Each value is computed as a sum of two floats with a proven error bound. Where both ends of the
error interval round to one number, that is the correctly rounded value; where they do not, which
is rare, the certificate decides. So the bits do not depend on the way that was taken.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from asgd.spec.hyperparameters import check_hyperparameter, shown

from . import double_double
from .certificate import rounded

# Values at a time: with the dozens of temporary arrays they still fit the cache.
_BLOCK = 1024
# Wider errors could reach past a midpoint between two floats on both sides.
_LARGEST_ERROR = 2.0**-56
# Results between these are normal numbers, and the low part of their sum loses nothing.
_RANGES = {False: (-960, 1020), True: (-124, 126)}


def step_size(
    t: Any, *, lr: float, lambd: float, alpha: float, dtype: DTypeLike = np.float64
) -> Any:
    """Step size after t steps (E2), each value correctly rounded to ``dtype``.

    Parameters
    ----------
    t : int or array of int
        Steps, >= 0.
    lr, lambd, alpha : float
        Hyperparameters, each in [0, inf), taken exactly.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    numpy scalar or array
        eta of the shape of ``t`` and of dtype ``dtype``.

    Raises
    ------
    ValueError
        If an argument is outside its domain.

    Examples
    --------
    >>> float(step_size(15, lr=1.0, lambd=1.0, alpha=0.75))
    0.125
    """
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype must be float32 or float64, got {dtype!r}")
    given = (("lr", lr), ("lambd", lambd), ("alpha", alpha))
    first, second, third = (check_hyperparameter(name, value) for name, value in given)
    steps = np.asarray(t)
    if steps.size and (steps.dtype.kind not in "iu" or steps.min() < 0):
        raise ValueError(f"t must be integers in [0, inf), got {shown(t)}")
    hyper = (first, second, third)
    single = kind == np.float32
    if steps.ndim == 0:
        return np.array(one_step_size(int(steps), *hyper, single), kind)[()]
    flat = steps.reshape(-1)
    out = np.empty(flat.shape, kind)
    for start in range(0, flat.size, _BLOCK):
        out[start : start + _BLOCK] = _block(flat[start : start + _BLOCK], *hyper, single)
    return out.reshape(steps.shape)


@lru_cache(maxsize=4096)
def one_step_size(t: int, lr: float, lambd: float, alpha: float, single: bool) -> float:
    """Correctly rounded step size as a float (a float32 number where ``single``)."""
    if not _is_regular(t, lr, lambd, alpha):
        return rounded(t, lr, lambd, alpha, single)
    high, low, exponent, error = double_double.step_size(
        float(t), lr=lr, lambd=lambd, alpha=alpha, arithmetic=double_double.scalar()
    )
    lowest, highest = _RANGES[single]
    if error <= _LARGEST_ERROR and lowest < exponent < highest:
        down = high + (low - error * high)
        up = high + (low + error * high)
        if single:
            same = _is_sure(down, up)
            down = float(np.float32(down))
        else:
            same = down == up
        if same:
            return math.ldexp(down, exponent)
    return rounded(t, lr, lambd, alpha, single)


def _is_regular(t: int, lr: float, lambd: float, alpha: float) -> bool:
    """Whether E2 is in the domain of the sums of two floats."""
    if t > double_double.LARGEST_STEP or not 0 < alpha <= double_double.LARGEST_POWER:
        return False
    z = lambd * lr * t
    return (
        lr > 0
        and lambd > 0
        and z < 2.0**1000
        and alpha * math.log1p(z) < double_double.LARGEST_LOGARITHM
    )


def _is_sure(down: float, up: float) -> bool:
    """Whether every number between two float64 numbers rounds to the same float32 number.

    A float64 number that is not a midpoint of two float32 numbers lies on the same side of all
    midpoints as whatever was rounded to it.
    """
    return not (_is_midpoint(down) or _is_midpoint(up)) and bool(np.float32(down) == np.float32(up))


def _is_midpoint(x: float) -> bool:
    """Whether ``x``, in float32's normal range, is halfway between two float32 numbers."""
    return math.ldexp(math.frexp(x)[0], 25) % 2 == 1  # Its last bit is then the 25th.


def _block(t: NDArray[Any], lr: float, lambd: float, alpha: float, single: bool) -> NDArray[Any]:
    """Correctly rounded step sizes of a block, as float64 (float32 numbers where ``single``)."""
    # z grows with t, so the regular steps are those up to the last regular one.
    largest = int(t.max())
    if not _is_regular(largest, lr, lambd, alpha):
        return np.array([one_step_size(int(s), lr, lambd, alpha, single) for s in t])
    # What underflows is 2**-1000 of what it is added to.
    with np.errstate(under="ignore"):
        high, low, exponent, error = double_double.step_size(
            t.astype(np.float64), lr=lr, lambd=lambd, alpha=alpha, arithmetic=double_double.vector()
        )
    lowest, highest = _RANGES[single]
    margin = error * high
    down, up = high + (low - margin), high + (low + margin)
    if single:
        # As `_is_sure` does.
        parts = [np.ldexp(np.frexp(end)[0], 25) for end in (down, up)]
        sure = (parts[0] % 2 != 1) & (parts[1] % 2 != 1)
        down, up = (end.astype(np.float32).astype(np.float64) for end in (down, up))
        sure &= down == up
    else:
        sure = down == up
    sure &= (error <= _LARGEST_ERROR) & (exponent > lowest) & (exponent < highest)
    out: NDArray[Any] = np.ldexp(down, exponent)
    for i in np.flatnonzero(~sure):
        out[i] = rounded(int(t[i]), lr, lambd, alpha, single)
    return out
