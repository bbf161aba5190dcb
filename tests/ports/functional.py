"""Functional optimizers in the manner of optax, as ports."""

import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .capabilities import of_optimizer
from .layouts import LAYOUTS, PLAIN, Layout, arranged, as_shown, flat, takes, vectors
from .mismatch import HYPERPARAMETERS
from .protocol import DTYPES, located


class FunctionalPort:
    """A callable of the hyperparameters that returns an object with ``init`` and ``update``.

    The arrays are JAX's where the port has imported it, else NumPy's. The average is
    ``averages(state)`` of the object, or a field ``average`` somewhere in the state.

    Parameters
    ----------
    factory : callable
        Takes lr, lambd, alpha, t0 and weight_decay, and maximize where ``has_maximize``.
    name, version : str
        For the report.
    has_maximize : bool
        Whether it takes maximize.
    """

    kind = "functional"
    make = "as a function of the hyperparameters"

    def __init__(
        self, factory: Callable[..., Any], name: str, version: str, *, has_maximize: bool
    ) -> None:
        self._factory, self._name, self._version = factory, name, version
        self._has_maximize = has_maximize
        self.capabilities = of_optimizer(self.kind, factory)
        self._optimizer: Any = None
        self._state: Any = None
        self._theta: list[NDArray[Any]] = []
        self._layouts: Sequence[Layout] = ()
        self._grads: list[Any] = []
        self._lacks: dict[str, str] = {}

    @property
    def optimizer(self) -> Any:
        """What the function returned."""
        return self._optimizer

    def hello(self) -> dict[str, Any]:
        """Take trial steps to learn what the optimizer has."""
        dtypes = [dtype for dtype in DTYPES if self._works(dtype)]
        if not dtypes:
            self.trial(DTYPES[1])  # raises what went wrong
            dtype = self._theta[0].dtype
            raise TypeError(f"updates of float32 and float64 parameters have the dtype {dtype}")
        self.trial(dtypes[0])
        held = self._hyperparameters()
        layouts = [name for name, layout in LAYOUTS.items() if self._takes(layout, dtypes[0])]
        return {
            "name": self._name,
            "version": self._version,
            "dtypes": dtypes,
            "reads": [] if self._averages() is None else ["average"],
            "supports": [
                "save",
                *(["set"] if held is not None else []),
                *(["maximize"] if self._has_maximize else []),
                *layouts,
            ],
            "lacks": self._lacks,
        }

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Make an optimizer and its first state."""
        if len(groups) != 1:
            raise ValueError("a functional optimizer has one group")
        [group] = groups
        hyper = {name: group[name] for name in HYPERPARAMETERS}
        if self._has_maximize:
            hyper["maximize"] = bool(group.get("maximize", False))
        elif group.get("maximize"):
            raise ValueError("the optimizer has no maximize")
        self._optimizer = self._factory(**hyper)
        self._layouts = group.get("layouts") or vectors(group["params"])
        self._theta = [np.array(p, dtype) for p in group["params"]]
        self._state = self._optimizer.init(self._parameters())

    def step(self, grads: Sequence[NDArray[Any] | None]) -> dict[str, Any]:
        """Take a step, and add the updates."""
        if any(grad is None for grad in grads):
            raise ValueError("a functional optimizer takes a gradient for every parameter")
        self._grads = self._arrays(grads, [layout.gradient for layout in self._layouts])
        taken = self._optimizer.update(self._grads, self._state, self._parameters())
        updates, self._state = taken
        with np.errstate(all="ignore"):
            self._theta = [
                theta + self._flat(i, update)
                for i, (theta, update) in enumerate(zip(self._theta, updates, strict=True))
            ]
        averages: Sequence[Any] | None = self._averages()
        shown: list[Any] = [None] * len(grads)
        if averages is not None:
            rows = [self._flat(i, row) for i, row in enumerate(averages)]
            shown = [
                as_shown(row, theta.dtype) for row, theta in zip(rows, self._theta, strict=True)
            ]
        return {"theta": list(self._theta), "average": shown}

    def advance(self, grads: Sequence[NDArray[Any] | None]) -> None:
        """Take a step; reading a state does not change it."""
        self.step(grads)

    def set(self, _group: int, **hyper: float) -> None:
        """Change hyperparameters that the state holds."""
        held = self._hyperparameters()
        if held is None:
            raise ValueError("the state holds no hyperparameters")
        for name, value in hyper.items():
            kept = held[name]
            held[name] = value if isinstance(kept, float) else self._like(kept, value)

    def save(self) -> Any:
        """Copy of the state."""
        return copy.deepcopy(self._state)

    def load(self, state: Any) -> None:
        """Continue from a saved state."""
        self._state = copy.deepcopy(state)

    def close(self) -> None:
        """Forget the optimizer."""
        self._optimizer, self._state, self._theta, self._grads = None, None, [], []

    def gradients(self) -> list[NDArray[Any]]:
        """The gradients as they were given."""
        return [self._flat(i, grad) for i, grad in enumerate(self._grads)]

    def twin(self) -> "FunctionalPort":
        """Another port of the same optimizer."""
        return FunctionalPort(
            self._factory, self._name, self._version, has_maximize=self._has_maximize
        )

    def trial(self, dtype: str) -> None:
        """Take two steps."""
        hyper = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 0.0, "weight_decay": 0.0}
        self.open(dtype, [{**hyper, "params": [np.ones(2, dtype)]}])
        for _ in range(2):
            self.step([np.ones(2, dtype)])

    def _works(self, dtype: str) -> bool:
        try:
            self.trial(dtype)
        except Exception as error:  # noqa: BLE001 - whatever a foreign optimizer raises
            self._lacks[dtype] = located(error)
            return False
        became = self._theta[0].dtype
        if became != dtype:
            self._lacks[dtype] = f"a parameter of {dtype} is of {became} after a step"
        return bool(became == dtype)

    def _takes(self, layout: Layout, dtype: str) -> bool:
        """Whether arrays of a layout are taken without complaint; JAX places arrays itself."""
        if "jax.numpy" in sys.modules and (layout.parameter, layout.gradient) != (PLAIN, PLAIN):
            return False
        return takes(self, layout, dtype)

    def _parameters(self) -> list[Any]:
        return self._arrays(self._theta, [layout.parameter for layout in self._layouts])

    def _arrays(self, rows: Sequence[Any], memories: Sequence[str]) -> list[Any]:
        numpy = sys.modules.get("jax.numpy")
        placed = [
            arranged(np.asarray(row), layout.shape, memory)
            for row, layout, memory in zip(rows, self._layouts, memories, strict=True)
        ]
        return placed if numpy is None else [numpy.array(row) for row in placed]

    def _flat(self, i: int, row: Any) -> NDArray[Any]:
        """Elements of what belongs to a parameter, in C order."""
        return flat(np.array(row), self._layouts[i])

    @staticmethod
    def _like(kept: Any, value: float) -> Any:
        numpy = sys.modules.get("jax.numpy", np)
        return numpy.asarray(value, kept.dtype)

    def _averages(self) -> list[NDArray[Any]] | None:
        averages = getattr(self._optimizer, "averages", None)
        found = averages(self._state) if callable(averages) else _field(self._state, "average")
        return None if found is None else [np.array(row) for row in found]

    def _hyperparameters(self) -> dict[str, Any] | None:
        """Hyperparameters that the state holds, if it holds them all."""
        held = _field(self._state, "hyperparams")
        return held if isinstance(held, dict) and set(HYPERPARAMETERS) <= set(held) else None


def _field(state: Any, name: str) -> Any:
    """First field of a name in a state or, as with optax's chains, in the states in it."""
    found = state.get(name) if isinstance(state, Mapping) else getattr(state, name, None)
    if found is not None:
        return found
    for part in _parts(state):
        found = _field(part, name)
        if found is not None:
            return found
    return None


def _parts(state: Any) -> Iterator[Any]:
    if isinstance(state, Mapping):
        yield from state.values()
    elif isinstance(state, tuple | list):
        yield from state
