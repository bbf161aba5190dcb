"""Averaged SGD as a `torch.optim.Optimizer`: a template.

    asgd verify template_torch.py:ASGD

What `asgd verify` uses of such a class: the constructor, ``step()``, ``param_groups``,
``state_dict()`` and ``load_state_dict()``, and the average as ``state[parameter]["average"]``.
NOT SHOWN: a port without averages deletes what is said of "average", and is verified by
``asgd verify --without average``.
It implements the convention "documented"; the line marked TORCH says what "torch" changes.
"""

import math
from typing import Any

import torch


class ASGD(torch.optim.Optimizer):
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
        super().__init__(params, defaults)
        for group in self.param_groups:
            for name in ("lr", "lambd", "alpha", "t0", "weight_decay"):
                value = group[name]
                if not 0 <= value <= math.inf or (value == math.inf and name != "t0"):
                    raise ValueError(f"{name} is outside its domain, got {value!r}")

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step of every parameter that has a gradient (E6)."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, group)
        return loss

    def _step(self, parameter: Any, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            # Plain numbers: a tensor would be cast to the parameter's dtype by load_state_dict.
            state["t"] = 0
            state["average"] = parameter.detach().clone()
        state["t"] += 1
        t, t0, lambd = state["t"], group["t0"], group["lambd"]
        # YOURS: from here on, your arithmetic; it may call your library.
        # TORCH: t - 1 in the first line, 1 / max(1, t - 1 - t0) in the second; and lr, lambd, alpha
        # and t0 of these two lines are those of the end of the parameter's step before.
        eta = group["lr"] / (1 + lambd * group["lr"] * t) ** group["alpha"]  # E2
        mu = 1 / max(1, t + 1 - (t0 if math.isinf(t0) else math.ceil(t0)))  # E4
        grad = parameter.grad
        total = -grad if group["maximize"] else grad  # E1: the caller's tensor is left alone
        if group["weight_decay"]:
            total = total + group["weight_decay"] * parameter
        if lambd:
            total = total + lambd * parameter
        if eta:
            parameter.sub_(eta * total)  # E3: one product, one difference
        if mu == 1:
            state["average"].copy_(parameter)  # E5: inf - inf would make a nan
        else:
            state["average"].add_(mu * (parameter - state["average"]))
