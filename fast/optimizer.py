"""The optimizer people use: the interface of the spec around the kernels."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Hyperparameters, Optimizer
from asgd.spec.optimizer import ParameterState

from .equations import step


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
        self.data: NDArray[Any] = np.asarray(data)
        self.grad: NDArray[Any] | None = None
        if self.data.dtype not in (np.float32, np.float64):
            raise TypeError(f"data must be of dtype float32 or float64, got {self.data.dtype}")
        if not self.data.flags.writeable:
            raise ValueError("data must be writeable, got a read-only array")

    def __repr__(self) -> str:
        return f"Parameter({self.data!r})"


class ASGD(Optimizer[Parameter]):
    """Averaged SGD on NumPy arrays (E6); `Optimizer` says what parameters and methods mean.

    Before the averaging window opens, nothing is stored: the average is theta.

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

    def _check_parameter(self, parameter: Parameter) -> None:
        data = getattr(parameter, "data", None)
        if not isinstance(data, np.ndarray) or not hasattr(parameter, "grad"):
            raise TypeError(
                "a parameter must have .data, a NumPy array, and .grad, "
                f"got {type(parameter).__name__}"
            )
        if data.dtype not in (np.float32, np.float64):
            raise TypeError(f"a parameter must be of float32 or float64, got {data.dtype}")

    def _check_gradient(self, parameter: Parameter) -> None:
        theta, grad = parameter.data, parameter.grad
        if not isinstance(grad, np.ndarray):
            raise TypeError(f"grad must be a NumPy array or None, got {type(grad).__name__}")
        if grad.shape != theta.shape:
            raise ValueError(f"grad must have the shape {theta.shape} of theta, got {grad.shape}")
        if grad.dtype != theta.dtype:
            raise TypeError(f"grad must have the dtype {theta.dtype} of theta, got {grad.dtype}")

    def _update(
        self, parameter: Parameter, state: ParameterState, hyper: Hyperparameters
    ) -> NDArray[Any] | None:
        theta, grad = parameter.data, parameter.grad
        assert grad is not None
        mean = theta if state.average is None else state.average
        # Overflow and nan follow the spec's stated rule; they are not this function's news.
        with np.errstate(all="ignore"):
            updated, mean = step(
                theta,
                mean,
                state.step + 1,
                grad,
                **hyper._asdict(),
                convention=self.convention,
                scheduled=state.scheduled,
            )
        theta[...] = updated
        return None if mean is updated else np.asarray(mean)

    def _copy(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.copy()

    def _encode(self, array: NDArray[Any]) -> dict[str, Any]:
        little = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
        return {
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "base64": base64.b64encode(little.tobytes()).decode("ascii"),
        }

    def _decode(self, data: Any, like: NDArray[Any]) -> NDArray[Any]:
        if not isinstance(data, dict) or set(data) != {"dtype", "shape", "base64"}:
            raise ValueError(f"an array must have the keys dtype, shape, base64, got {data!r:.80}")
        if data["dtype"] != like.dtype.name or data["shape"] != list(like.shape):
            raise ValueError(
                f"average must be {like.dtype.name} of shape {list(like.shape)}, "
                f"got {data['dtype']} of shape {data['shape']}"
            )
        raw = base64.b64decode(data["base64"], validate=True)
        if len(raw) != like.nbytes:
            raise ValueError(f"average must be {like.nbytes} bytes in base64, got {len(raw)}")
        flat = np.frombuffer(raw, like.dtype.newbyteorder("<")).astype(like.dtype)
        return flat.reshape(like.shape)
