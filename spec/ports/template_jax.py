"""Averaged SGD as pure functions over JAX arrays, as in optax: a template.

    asgd verify template_jax.py:Port --policy native-ftz    (XLA flushes subnormal numbers to zero)

`update` returns what must be added to the parameters; `Port` shows `asgd verify` the rest. It
implements the convention "documented"; the line marked TORCH says what "torch" changes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)  # without it, float64 would be float32

NAMES = ("lr", "lambd", "alpha", "t0", "weight_decay")


class State(NamedTuple):
    """State of one parameter."""

    t: int
    average: Any
    eta: float | None = None
    mu: float | None = None


def init(theta: Any) -> State:
    """State before the first step."""
    return State(0, theta)


def update(grad: Any, state: State, theta: Any, hyper: Mapping[str, Any]) -> tuple[Any, State]:
    """What to add to ``theta``, and the new state (E6)."""
    t, t0, lambd = state.t + 1, hyper["t0"], hyper["lambd"]
    # YOURS: from here on, your arithmetic; it may call your library.
    # TORCH: t - 1 in the first line, 1 / max(1, t - 1 - t0) in the second; and lr, lambd, alpha and
    # t0 of these two lines are those of the end of the parameter's step before: keep them in State.
    eta = hyper["lr"] / (1 + lambd * hyper["lr"] * t) ** hyper["alpha"]  # E2
    mu = 1 / max(1, t + 1 - (t0 if math.isinf(t0) else math.ceil(t0)))  # E4
    total = -grad if hyper["maximize"] else grad  # E1
    if hyper["weight_decay"]:
        total = total + hyper["weight_decay"] * theta
    if lambd:
        total = total + lambd * theta
    change = -jnp.asarray(eta, theta.dtype) * total if eta else jnp.zeros_like(theta)  # E3
    updated = theta + change
    move = jnp.asarray(mu, theta.dtype) * (updated - state.average)
    average = updated if mu == 1 else state.average + move  # E5
    return change, State(t, average, eta, mu)


class Port:
    """The functions above, as `asgd verify` looks at them."""

    def hello(self) -> dict[str, Any]:
        """What this port has."""
        return {
            "name": "template_jax.py",
            "version": "1",
            "dtypes": ["float32", "float64"],
            # NOT SHOWN: delete from "reads" what your port cannot show, and from "supports" what it
            # cannot do; what you leave out of "reads", delete in `step` below too.
            "reads": ["average", "eta", "mu"],
            "supports": ["groups", "skip", "set", "save", "maximize"],
        }

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Start over; a bad hyperparameter is refused by raising."""
        for group in groups:
            for name in NAMES:
                value = group[name]
                if not 0 <= value <= math.inf or (value == math.inf and name != "t0"):
                    raise ValueError(f"{name} is outside its domain, got {value!r}")
        self.hypers = [{k: v for k, v in group.items() if k != "params"} for group in groups]
        self.owner = [i for i, group in enumerate(groups) for _ in group["params"]]
        self.thetas = [jnp.array(p, dtype) for group in groups for p in group["params"]]
        self.states = [init(theta) for theta in self.thetas]

    def step(self, grads: Sequence[Any]) -> dict[str, Any]:
        """Take one step of every parameter that has a gradient."""
        for i, grad in enumerate(grads):
            if grad is not None:
                hyper = self.hypers[self.owner[i]]
                gradient = jnp.asarray(grad, self.thetas[i].dtype)
                change, self.states[i] = update(gradient, self.states[i], self.thetas[i], hyper)
                self.thetas[i] = self.thetas[i] + change
        pairs = list(zip(self.states, grads, strict=True))
        return {
            "theta": self.thetas,
            "average": [state.average for state in self.states],
            "eta": [None if grad is None else state.eta for state, grad in pairs],
            "mu": [None if grad is None else state.mu for state, grad in pairs],
        }

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters of a group."""
        self.hypers[group].update(hyper)

    def save(self) -> Any:
        """The state; what is immutable needs no copy."""
        return [dict(hyper) for hyper in self.hypers], list(self.states)

    def load(self, state: Any) -> None:
        """Continue from a saved state."""
        hypers, states = state
        self.hypers, self.states = [dict(hyper) for hyper in hypers], list(states)

    def close(self) -> None:
        """Nothing is held."""
