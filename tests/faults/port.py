"""A variant as a port: NumPy arrays go through its parts in the dtype itself."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Hyperparameters, check_hyperparameter

from ..ports.scenario import Group, Set
from .moments import Moments
from .variant import Moment, Variant


class VariantPort:
    """Port that computes a `Variant`; of a convention without faults, a correct port."""

    def __init__(self, variant: Variant, reads: Sequence[str] = ("average",)) -> None:
        self._variant, self._reads = variant, tuple(reads)

    def hello(self) -> dict[str, Any]:
        """Name it by its convention and faults."""
        name = "+".join((self._variant.convention.name, *self._variant.faults))
        return {
            "name": name,
            "version": "1",
            "dtypes": ["float32", "float64"],
            "reads": list(self._reads),
            "supports": ["groups", "skip", "set", "save", "maximize"],
        }

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Start over."""
        made = []
        for group in groups:
            numbers = {
                name: check_hyperparameter(name, group[name])
                for name in ("lr", "lambd", "alpha", "t0", "weight_decay")
            }
            hyper = Hyperparameters(**numbers, maximize=bool(group.get("maximize", False)))
            made.append(Group(hyper, tuple((0.0,) * np.size(p) for p in group["params"])))
        self._walk = Moments(made, np.dtype(dtype).type)
        self._start = [np.array(p, dtype) for group in groups for p in group["params"]]
        self._theta = [p.copy() for p in self._start]
        zero = self._variant.start_at_zero
        self._average: list[NDArray[Any]] = [
            np.zeros_like(p) if zero else p.copy() for p in self._start
        ]

    def step(self, grads: Sequence[NDArray[Any] | None]) -> dict[str, Any]:
        """Take a step of every parameter that the variant takes one of."""
        moments = self._walk.moments(grads)
        eta: list[float | None] = []
        with np.errstate(all="ignore"):
            for i, (moment, grad) in enumerate(zip(moments, grads, strict=True)):
                taken = moment
                if taken is None and not self._variant.skips:
                    taken = self._walk.absent(i)
                if taken is None:
                    eta.append(None)
                    continue
                eta.append(self._one(i, taken, grad))
        answer: dict[str, Any] = {"theta": [p.copy() for p in self._theta]}
        if "average" in self._reads:
            answer["average"] = [a.copy() for a in self._average]
        if "eta" in self._reads:
            answer["eta"] = eta
        return answer

    def _one(self, i: int, moment: Moment, grad: NDArray[Any] | None) -> float:
        theta = self._theta[i]
        moment.theta, moment.start = theta, self._start[i]
        moment.grad = np.zeros_like(theta) if grad is None else grad
        moment.average = self._average[i]
        eta = self._variant.eta(moment)
        updated = np.asarray(self._variant.theta(moment, eta), theta.dtype)
        mean = self._variant.average(moment, updated)
        undefined = np.full_like(theta, np.nan)
        self._average[i] = undefined if mean is None else np.array(mean, theta.dtype)
        self._theta[i] = updated
        return float(eta)

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters of a group."""
        self._walk.set(Set(group, hyper))

    def save(self) -> Any:
        """Copy of everything."""
        return copy.deepcopy((self._walk, self._start, self._theta, self._average))

    def load(self, state: Any) -> None:
        """Continue from a saved state."""
        self._walk, self._start, self._theta, self._average = copy.deepcopy(state)

    def close(self) -> None:
        """Nothing is held."""
