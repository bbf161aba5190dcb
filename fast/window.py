"""The averaging window: the sum of its iterates, which does not drift (E4, E5).

E5 with the weights of E4 is a sum divided by the number of its terms, so the sum is what is kept:

- for float32, in float64;
- for float64, as an unevaluated sum ``high + low`` of two floats: each addition's rounding error is
  itself exact, and is added to ``low``.

Both are two arrays of theta's size. The mean is one rounding from the exact one, unless iterates
cancel to a thousandth of their size: ``spec/kernels.md``, "The average".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Convention

from .double_double import two_product, two_sum
from .kernels import aligned

# Elements divided at a time, so that what is made on the way stays in the cache.
_BLOCK = 1 << 14


@dataclass(slots=True)
class Window:
    """Sum of the iterates of one parameter since its window opened.

    Attributes
    ----------
    t0 : float
        Step at which averaging began, as the convention reads it.
    high : (n,) array of float64
        The sum.
    low : (n,) array of float64, or None
        What its roundings lost; None for float32.
    """

    t0: float
    high: NDArray[Any]
    low: NDArray[Any] | None


def terms(t: int, t0: float, convention: Convention) -> float:
    """What the sum is divided by after step ``t``, for t0 as read: 1 / mu where that is below 1."""
    return (t - convention.mu_lag) - t0


def opening(terms: float, convention: Convention) -> float | None:
    """Weight of the average so far in a window that opens, or None where it stays closed.

    With (terms - 1) of it, E5 is the sum so far plus theta, divided by ``terms``.
    """
    if convention.divisor == "terms":
        return terms - 1 if terms > 1 else None
    # As printed, the sum begins with theta_t0, whatever it is divided by (E6).
    if terms < 0:
        return None
    return 1.0 if terms == 1 else max(0.0, terms - 1)


def mean(window: Window, terms: float, dtype: Any) -> NDArray[Any]:
    """The average: the sum divided by ``terms``, a new flat array; nan where terms = 0."""
    out = np.empty(window.high.shape, dtype)
    with np.errstate(all="ignore"):
        for start in range(0, out.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            if terms == 0:
                out[part] = np.nan
            elif window.low is None:
                out[part] = window.high[part] / terms
            else:
                out[part] = _quotient(window.high[part], window.low[part], terms)
    return out


def _quotient(high: NDArray[Any], low: NDArray[Any], divisor: float) -> NDArray[Any]:
    """Quotient of a sum of two floats, rounded as if once: its remainder, exact, corrects it."""
    total, rest = two_sum(high, low)
    quotient = total / divisor
    product, product_rest = two_product(quotient, divisor)
    refined = quotient + (((total - product) - product_rest) + rest) / divisor
    # Where the sum is not finite, or too large, the remainder does not exist.
    refined = np.where(np.isfinite(refined), refined, quotient)
    return np.where(np.isfinite(refined), refined, high / divisor)


def open_window(
    window: Window | None,
    weight: float,
    t0: float,
    theta: NDArray[Any],
    carry: NDArray[Any] | None = None,
) -> Window:
    """Window that begins with ``weight`` times ``theta``, in the arrays of an earlier one.

    Parameters
    ----------
    window : Window or None
        A window whose arrays may be overwritten.
    weight : float
        From `opening`.
    t0 : float
        As the convention reads it.
    theta : (n,) array
        The parameter, which is the average so far: a changed t0 is never past (E6).
    carry : (n,) array, or None
        What rounding has taken from it.
    """
    if window is None:
        high = aligned(theta.size, np.float64)
        low = aligned(theta.size, np.float64) if theta.dtype == np.float64 else None
        window = Window(t0, high, low)
    window.t0 = t0
    if weight == 0:
        window.high[...] = 0.0
    else:
        np.multiply(theta, weight, out=window.high, dtype=np.float64)
    if window.low is not None:
        window.low[...] = 0.0
        if weight not in (0.0, 1.0):
            rest = two_product(theta, weight)[1]
            np.copyto(window.low, rest, where=np.isfinite(rest))
    if carry is not None and weight != 0:
        finest = window.high if window.low is None else window.low
        finest += np.multiply(carry, weight, dtype=np.float64)
    return window
