"""Averaged SGD as a class over NumPy arrays: a template.

    asgd verify template_numpy.py:ASGD

What `asgd verify` uses of such a class: the constructor (parameters are objects with ``.data`` and
``.grad``, or group dicts), ``step()``, ``param_groups``, and ``state[parameter]["average"]``.
NOT SHOWN: a port without averages deletes what is said of "average", and is verified by
``asgd verify --without average``.
It implements the convention "documented"; the line marked TORCH says what "torch" changes.
"""

import math
from typing import Any

import numpy as np


class ASGD:
    """Averaged SGD; the average of a parameter is in ``state[parameter]["average"]``."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        entries = list(params)
        groups = entries if isinstance(entries[0], dict) else [{"params": entries}]
        self.param_groups = [{**defaults, **group} for group in groups]
        self.state: dict[Any, dict[str, Any]] = {}
        for group in self.param_groups:
            for name in ("lr", "lambd", "alpha", "t0", "weight_decay"):
                value = group[name]
                if not 0 <= value <= math.inf or (value == math.inf and name != "t0"):
                    raise ValueError(f"{name} is outside its domain, got {value!r}")

    def step(self) -> None:
        """Take one step of every parameter that has a gradient (E6)."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, group)

    def _step(self, parameter: Any, group: dict[str, Any]) -> None:
        theta, grad = parameter.data, parameter.grad
        lambd, weight_decay, t0 = group["lambd"], group["weight_decay"], group["t0"]
        state = self.state.setdefault(parameter, {"t": 0, "average": theta.copy()})
        state["t"] += 1
        t = state["t"]
        # YOURS: from here on, your arithmetic; it may call your library.
        # TORCH: t - 1 in the first line, 1 / max(1, t - 1 - t0) in the second; and lr, lambd, alpha
        # and t0 of these two lines are those of the end of the parameter's step before.
        eta = group["lr"] / (1 + lambd * group["lr"] * t) ** group["alpha"]  # E2
        mu = 1 / max(1, t + 1 - (t0 if math.isinf(t0) else math.ceil(t0)))  # E4
        total = -grad if group["maximize"] else grad  # E1: the caller's array is left alone
        if weight_decay:
            total = total + weight_decay * theta
        if lambd:
            total = total + lambd * theta
        if eta:
            parameter.data = theta = theta - np.asarray(eta, theta.dtype) * total  # E3
        average = state["average"]
        state["average"] = theta.copy() if mu == 1 else average + mu * (theta - average)  # E5
