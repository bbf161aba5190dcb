"""The optimizer of the spec in mpmath: the interface of `asgd.fast`, in arbitrary precision."""

from typing import Any

import mpmath
import numpy as np
from mpmath.libmp import finf, fnan, fninf, fzero
from mpmath.libmp.backend import MPZ
from numpy.typing import NDArray

from asgd.spec import Hyperparameters, Optimizer
from asgd.spec.hyperparameters import shown
from asgd.spec.optimizer import ParameterState

from .equations import step
from .numbers import PRECISION, context, real


def _reals(array: Any, precision: int) -> NDArray[Any]:
    """Array of mpf of the same shape and the same, exact values."""
    source = np.asarray(array)
    out = np.empty(source.shape, object)
    for index in np.ndindex(source.shape):
        out[index] = real(source[index], precision)
    return out


class Parameter:
    """A parameter: ``data``, an array of mpf, and ``grad``, an array of its shape or None.

    Parameters
    ----------
    data : array_like of numbers
        Initial value, any shape, taken exactly.
    precision : int
        Bits of every operation.
    """

    def __init__(self, data: Any, *, precision: int = PRECISION) -> None:
        self.precision = precision
        self.data: NDArray[Any] = _reals(data, precision)
        self.grad: Any = None

    def __repr__(self) -> str:
        return f"Parameter({self.data!r}, precision={self.precision})"


class ASGD(Optimizer[Parameter]):
    """Averaged SGD in arbitrary precision (E6); `Optimizer` says what parameters and methods mean.

    Gradients may be arrays of floats, which are taken exactly, or of mpf. ``compensated`` is there
    for the same interface: the precision is the parameter's, and nothing else is kept.

    Examples
    --------
    >>> w = Parameter([1.0])
    >>> optimizer = ASGD([w], lr=1.0, lambd=1.0, convention="documented")
    >>> for _ in range(15):
    ...     w.grad = [0.0]
    ...     optimizer.step()
    >>> optimizer.state[w].step
    15
    """

    def _check_parameter(self, parameter: Parameter) -> None:
        if not isinstance(parameter, Parameter):
            raise TypeError(
                f"a parameter must be a reference.Parameter, got {type(parameter).__name__}"
            )

    def _check_gradient(self, parameter: Parameter) -> None:
        grad = np.asarray(parameter.grad)
        shape = parameter.data.shape
        if grad.shape != shape:
            raise ValueError(f"grad must have the shape {shape} of theta, got {grad.shape}")
        if grad.dtype.kind not in "fiuO":
            raise TypeError(f"grad must be of real numbers, got dtype {grad.dtype}")
        _reals(grad, parameter.precision)

    def _update(
        self, parameter: Parameter, state: ParameterState, hyper: Hyperparameters
    ) -> NDArray[Any] | None:
        precision = parameter.precision
        theta: Any = parameter.data
        mean: Any = theta if state.average is None else state.average
        t0 = self.convention.read_t0(hyper.t0)
        lr, lambd, alpha, t0, weight_decay = (
            real(x, precision) for x in (hyper.lr, hyper.lambd, hyper.alpha, t0, hyper.weight_decay)
        )
        scheduled: Any = state.scheduled
        if scheduled is not None:
            scheduled = tuple(real(x, precision) for x in scheduled)
        grad: Any = _reals(parameter.grad, precision)
        updated: Any
        updated, mean = step(
            theta,
            mean,
            state.step + 1,
            grad,
            lr=lr,
            lambd=lambd,
            alpha=alpha,
            t0=t0,
            weight_decay=weight_decay,
            maximize=hyper.maximize,
            convention=self.convention,
            scheduled=scheduled,
        )
        parameter.data[...] = updated
        if mean is None:
            mean = np.full(theta.shape, context(precision).nan, object)
        return None if mean is updated else np.asarray(mean)

    def _copy(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.copy()

    def _encode_carry(self, carry: Any) -> None:
        assert carry is None

    def _decode_carry(self, data: Any, _like: Any, _step: int) -> None:
        if data is not None:
            raise ValueError(f"carry must be None, got {data!r:.80}")

    def _encode(self, array: NDArray[Any]) -> dict[str, Any]:
        """Each mpf as the four integers that mpmath makes it of: sign, mantissa, exponent, bits."""
        return {"shape": list(array.shape), "mpf": [[int(i) for i in x._mpf_] for x in array.flat]}

    def _decode(self, data: Any, like: NDArray[Any]) -> NDArray[Any]:
        if not isinstance(data, dict) or set(data) != {"shape", "mpf"}:
            raise ValueError(f"an array must have the keys shape, mpf, got {data!r:.80}")
        numbers = data["mpf"]
        fits = isinstance(numbers, list) and len(numbers) == like.size
        if data["shape"] != list(like.shape) or not fits:
            got = shown(data["shape"])
            raise ValueError(f"average must have shape {list(like.shape)}, got {got}")
        out = np.empty(like.shape, object)
        mp = like.flat[0].context if like.size else mpmath.mp
        for i, number in enumerate(numbers):
            sign, mantissa, exponent, bits = _quadruple(number)
            # mpmath's own integers: with gmpy2 it accepts no others.
            out.flat[i] = mp.make_mpf((sign, MPZ(mantissa), exponent, bits))
        return out


_SPECIAL = {tuple(map(int, x)) for x in (fzero, finf, fninf, fnan)}
_EXPONENT = 2**62


def _quadruple(number: Any) -> tuple[int, int, int, int]:
    """Sign, mantissa, exponent and bits of a number as mpmath keeps it, checked.

    A quadruple that is not normal gives numbers that are wrong, or errors in the middle of a step.
    """
    if isinstance(number, list | tuple) and len(number) == 4:
        sign, mantissa, exponent, bits = number
        if all(type(x) is int for x in number) and (
            tuple(number) in _SPECIAL
            or (
                sign in {0, 1}
                and mantissa > 0
                and mantissa % 2 == 1
                and bits == mantissa.bit_length()
                and abs(exponent) < _EXPONENT
            )
        ):
            return sign, mantissa, exponent, bits
    raise ValueError(
        "average must hold numbers as [sign, odd mantissa, exponent, bits of the mantissa], "
        f"got {shown(number)}"
    )
