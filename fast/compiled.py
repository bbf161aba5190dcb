"""The kernels compiled by numba: update and window in one pass over memory (E1, E3, E5).

They do the operations of `kernels` on each element in the same order, without contraction, so that
the bits are the same; only the sign and payload of a nan may differ. numba is the extra
``compiled``; `backend` decides when these are used.
"""

from functools import partial
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .kernels import Scalars


class Kernels(NamedTuple):
    """Compiled kernels, each for float32 and float64.

    Attributes
    ----------
    plain : callable
        The update.
    averaged : tuple of callable
        The update and the window's sum, for float32 and for float64.
    compensated : callable
        The compensated update.
    both : tuple of callable
        The compensated update and the window's sum, for float32 and for float64.
    """

    plain: Any
    averaged: tuple[Any, Any]
    compensated: Any
    both: tuple[Any, Any]

    def step(
        self,
        theta: NDArray[Any],
        grad: NDArray[Any],
        scalars: Scalars,
        carry: NDArray[Any] | None,
        window: tuple[NDArray[Any], NDArray[Any] | None] | None,
    ) -> None:
        """Take the step of one block, in place; the arguments are those of `kernels`."""
        shared = (theta, grad, scalars.eta[()], *scalars.numbers)
        if window is None:
            if carry is None:
                self.plain(*shared)
            else:
                self.compensated(*shared, carry)
            return
        high, low = window
        kernels = self.averaged if carry is None else self.both
        carried = () if carry is None else (carry,)
        if low is None:
            kernels[0](*shared, *carried, high)
        else:
            kernels[1](*shared, *carried, high, low)


def build() -> Kernels:
    """Compile the kernels, or load them from numba's cache on disk.

    Raises
    ------
    Exception
        Whatever numba raises where it is missing or broken.
    """
    import numba  # noqa: PLC0415 - an extra, and slow to import

    single, double = numba.float32, numba.float64
    # No fastmath: nothing is reordered or contracted.
    compiler = partial(numba.njit, nogil=True, cache=True, error_model="numpy")

    def signature(kind: Any, *more: Any) -> Any:
        return numba.void(kind[::1], kind[::1], kind, kind, numba.boolean, kind, *more)

    sums = double[::1]
    return Kernels(
        plain=compiler([signature(single), signature(double)])(_update),
        averaged=(
            compiler([signature(single, sums)])(_update_sum),
            compiler([signature(double, sums, sums)])(_update_exact_sum),
        ),
        compensated=compiler([signature(single, single[::1]), signature(double, double[::1])])(
            _compensated
        ),
        both=(
            compiler([signature(single, single[::1], sums)])(_compensated_sum),
            compiler([signature(double, double[::1], sums, sums)])(_compensated_exact_sum),
        ),
    )


# What is compiled. ``decays`` says whether there is a decay: theta times a decay of 0 may be nan.
# TwoSum stands where it is used, in the order of `kernels`: a call would not be inlined for sure.


def _update(theta: Any, grad: Any, eta: Any, decay: Any, decays: bool, sign: Any) -> None:
    if decays:
        for i in range(theta.size):
            theta[i] = theta[i] - (theta[i] * decay + sign * grad[i]) * eta
    else:
        for i in range(theta.size):
            theta[i] = theta[i] - (sign * grad[i]) * eta


def _update_sum(
    theta: Any, grad: Any, eta: Any, decay: Any, decays: bool, sign: Any, high: Any
) -> None:
    for i in range(theta.size):
        if decays:
            x = theta[i] - (theta[i] * decay + sign * grad[i]) * eta
        else:
            x = theta[i] - (sign * grad[i]) * eta
        theta[i] = x
        high[i] += x


def _update_exact_sum(
    theta: Any, grad: Any, eta: Any, decay: Any, decays: bool, sign: Any, high: Any, low: Any
) -> None:
    for i in range(theta.size):
        if decays:
            x = theta[i] - (theta[i] * decay + sign * grad[i]) * eta
        else:
            x = theta[i] - (sign * grad[i]) * eta
        theta[i] = x
        h = high[i]
        total = h + x
        arrived = total - x
        low[i] += (x - (total - arrived)) + (h - arrived)
        high[i] = total


def _compensated(
    theta: Any, grad: Any, eta: Any, decay: Any, decays: bool, sign: Any, carry: Any
) -> None:
    for i in range(theta.size):
        old = theta[i]
        if decays:
            move = carry[i] - (old * decay + sign * grad[i]) * eta
        else:
            move = carry[i] - (sign * grad[i]) * eta
        total = old + move
        arrived = total - move
        rest = (move - (total - arrived)) + (old - arrived)
        theta[i] = total
        # Beyond the largest number nothing is kept.
        carry[i] = rest if rest - rest == 0 else 0


def _compensated_sum(
    theta: Any, grad: Any, eta: Any, decay: Any, decays: bool, sign: Any, carry: Any, high: Any
) -> None:
    for i in range(theta.size):
        old = theta[i]
        if decays:
            move = carry[i] - (old * decay + sign * grad[i]) * eta
        else:
            move = carry[i] - (sign * grad[i]) * eta
        total = old + move
        arrived = total - move
        rest = (move - (total - arrived)) + (old - arrived)
        theta[i] = total
        carry[i] = rest if rest - rest == 0 else 0
        high[i] = (high[i] + total) + carry[i]


def _compensated_exact_sum(
    theta: Any,
    grad: Any,
    eta: Any,
    decay: Any,
    decays: bool,
    sign: Any,
    carry: Any,
    high: Any,
    low: Any,
) -> None:
    for i in range(theta.size):
        old = theta[i]
        if decays:
            move = carry[i] - (old * decay + sign * grad[i]) * eta
        else:
            move = carry[i] - (sign * grad[i]) * eta
        total = old + move
        arrived = total - move
        rest = (move - (total - arrived)) + (old - arrived)
        theta[i] = total
        carry[i] = rest if rest - rest == 0 else 0
        h = high[i]
        summed = h + total
        arrived = summed - total
        low[i] = (low[i] + ((total - (summed - arrived)) + (h - arrived))) + carry[i]
        high[i] = summed
