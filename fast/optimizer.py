"""The optimizer people use: the interface of the spec around the kernels."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Hyperparameters, Optimizer, check_hyperparameter

from .aliasing import refuse_overlap
from .plan import Plan
from .window import Window, mean, terms


class Parameter:
    """A parameter: ``data``, an array of float32 or float64, and ``grad``, its like or None.

    Parameters
    ----------
    data : array_like of float32 or float64
        Initial value, any shape; an array is updated in place, anything else is copied into one.

    Raises
    ------
    TypeError
        If the dtype is another one.
    """

    def __init__(self, data: Any) -> None:
        _refuse_masked("data", data)
        self.data: NDArray[Any] = np.asarray(data)
        self.grad: NDArray[Any] | None = None
        if self.data.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"data must be of dtype float32 or float64, got {self.data.dtype}; "
                "use Parameter(np.asarray(data, np.float64))"
            )
        if not self.data.flags.writeable:
            raise ValueError(
                "data must be writeable, got a read-only array; use Parameter(data.copy())"
            )

    def __repr__(self) -> str:
        return f"Parameter({self.data!r})"


class ASGD(Optimizer[Parameter]):
    """Averaged SGD on NumPy arrays (E6); `Optimizer` says what parameters and methods mean.

    Before the averaging window opens, nothing is stored: the average is theta. From then on the sum
    of the iterates is kept, in as much memory as two arrays of theta's size and dtype.

    With ``compensated=True`` what rounding takes from theta is kept in one more array of theta's
    dtype, and is part of the next step and of the average: ``spec/kernels.md``, "The compensated
    update". It is at most half an ulp of theta, and stays if theta is edited between steps.

    Examples
    --------
    >>> w = Parameter(np.array([1.0, -2.0]))
    >>> optimizer = ASGD([w], lr=0.5, lambd=0.0, t0=0)
    >>> w.grad = np.array([1.0, 0.0])
    >>> optimizer.step()
    >>> w.data
    array([ 0.5, -2. ])
    >>> optimizer.averages()
    [array([ 0.75, -2.  ])]
    """

    _plan: Plan | None = None

    def __getstate__(self) -> dict[str, Any]:
        # In a copy, views of the parameters would become separate arrays: a copy makes a new plan.
        return {**self.__dict__, "_plan": None}

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add a group, as `Optimizer` says; parameters that share memory are refused."""
        super().add_param_group(group)
        try:
            refuse_overlap([p.data for p in self._parameters()])
        except ValueError:
            self.param_groups.pop()
            raise

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken, bit for bit, as `Optimizer` says."""
        super().load_state_dict(state_dict)
        self._plan = None

    def _check_parameter(self, parameter: Parameter) -> None:
        data = getattr(parameter, "data", None)
        if not isinstance(data, np.ndarray) or not hasattr(parameter, "grad"):
            raise TypeError(
                "a parameter must have .data, a NumPy array, and .grad, "
                f"got {type(parameter).__name__}; wrap each array: ASGD([Parameter(array)])"
            )
        _refuse_masked("data", data)
        if data.dtype not in (np.float32, np.float64):
            raise TypeError(f"a parameter must be of float32 or float64, got {data.dtype}")
        if not data.flags.writeable:
            raise ValueError("a parameter must be writeable, got a read-only array")

    def _check_gradient(self, parameter: Parameter) -> None:
        theta, grad = parameter.data, parameter.grad
        if not isinstance(grad, np.ndarray):
            raise TypeError(
                f"grad must be a NumPy array or None, got {type(grad).__name__}; "
                f"use np.asarray(grad, np.{theta.dtype})"
            )
        if grad.shape != theta.shape:
            raise ValueError(f"grad must have the shape {theta.shape} of theta, got {grad.shape}")
        if grad.dtype != theta.dtype:
            raise TypeError(
                f"grad must have the dtype {theta.dtype} of theta, got {grad.dtype}; "
                f"use grad.astype(np.{theta.dtype})"
            )
        if type(grad) is not np.ndarray:
            _refuse_masked("grad", grad)

    def _check_gradients(self, work: Sequence[tuple[Parameter, Hyperparameters]]) -> None:
        for parameter, _ in work:
            theta, grad = parameter.data, parameter.grad
            # Most are plain arrays like theta, which is seen at once.
            if (
                type(grad) is not np.ndarray
                or grad.dtype is not theta.dtype
                or grad.shape != theta.shape
            ):
                self._check_gradient(parameter)

    def _advance(self, work: Sequence[tuple[Parameter, Hyperparameters]]) -> None:
        if self._plan is None or not self._plan.fits(work):
            self._plan = None  # What follows may raise.
            for parameter, _ in work:
                self._check_parameter(parameter)
            refuse_overlap([parameter.data for parameter, _ in work])
            self._plan = Plan(work, self.state, self.convention, self.compensated)
        self._plan.step(work)

    def _average(self, parameter: Parameter, theta: NDArray[Any]) -> NDArray[Any]:
        state = self.state.get(parameter)
        if state is None or state.average is None:
            return theta.copy()
        window = state.average
        divisor = terms(state.step, window.t0, self.convention)
        return mean(window, divisor, theta.dtype).reshape(theta.shape)

    def _copy(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.copy()

    def _encode(self, window: Window) -> dict[str, Any]:
        return {
            "t0": window.t0,
            "high": _encode(window.high),
            "low": None if window.low is None else _encode(window.low),
        }

    def _encode_carry(self, carry: NDArray[Any] | None) -> str | None:
        return None if carry is None else _encode(carry)

    def _decode_carry(self, data: Any, like: NDArray[Any], step: int) -> NDArray[Any] | None:
        if (data is not None) != (self.compensated and step > 0):
            raise ValueError(f"carry does not fit a state of step {step}, got {data!r:.80}")
        return None if data is None else _decode("carry", data, like.size, like.dtype)

    def _decode(self, data: Any, like: NDArray[Any]) -> Window:
        if not isinstance(data, dict) or set(data) != {"t0", "high", "low"}:
            raise ValueError(f"an average must have the keys t0, high, low, got {data!r:.80}")
        t0 = check_hyperparameter("t0", data["t0"])
        if (data["low"] is None) != (like.dtype == np.float32):
            raise ValueError(f"low does not fit an average of {like.dtype}")
        double = np.dtype(np.float64)
        low = None if data["low"] is None else _decode("average", data["low"], like.size, double)
        return Window(t0, _decode("average", data["high"], like.size, double), low)


def _refuse_masked(name: str, array: Any) -> None:
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must not be masked: a step would ignore the mask; use {name}.filled(0)"
        )


def _encode(array: NDArray[Any]) -> str:
    little = array.dtype.newbyteorder("<")
    return base64.b64encode(array.astype(little, copy=False).tobytes()).decode("ascii")


def _decode(name: str, data: Any, size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    if not isinstance(data, str):
        raise ValueError(f"an array must be {dtype} in base64, got {data!r:.80}")  # noqa: TRY004
    try:
        raw = base64.b64decode(data, validate=True)
    except ValueError as error:
        raise ValueError(f"{name} must be {dtype} in base64: {error}") from None
    if len(raw) != dtype.itemsize * size:
        raise ValueError(f"{name} must be {dtype.itemsize * size} bytes in base64, got {len(raw)}")
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype)
