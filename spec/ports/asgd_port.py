"""Averaged SGD behind the port protocol (protocol.md), in Python's standard library.

    asgd verify -- python asgd_port.py

It implements the convention "documented". The lines marked TORCH say what "torch" changes. Replace
`Parameter.step` by your own optimizer (YOURS), and keep the rest. (What Python can import
needs no protocol: ``asgd verify package.module:Class``; see the templates beside this file.)
"""

import ctypes
import json
import math
import sys
from typing import Any

NAMES = ("lr", "lambd", "alpha", "t0", "weight_decay")


def rounded(x: float, dtype: str) -> float:
    """``x`` in the dtype: one operation in float64, rounded, is that operation in float32."""
    return ctypes.c_float(x).value if dtype == "float32" else x


def step_size(t: int, hyper: dict[str, Any]) -> float:
    """Step size after t steps (E2)."""
    try:
        power = math.pow(1 + hyper["lambd"] * hyper["lr"] * t, hyper["alpha"])
    except OverflowError:
        power = math.inf
    return float(hyper["lr"] / power)


def averaging_weight(t: int, t0: float) -> float:
    """Weight of the newest iterate (E4)."""
    return 1 / max(1.0, t - t0)


class Parameter:
    """One parameter and its state."""

    def __init__(self, theta: list[float], group: int) -> None:
        self.theta, self.group = theta, group
        self.average: list[float] | None = None  # None: it is theta
        self.t = 0
        self.eta = self.mu = 0.0

    def step(self, grad: list[float], hyper: dict[str, Any], dtype: str) -> None:
        """Take one step (E6)."""
        # YOURS: your arithmetic goes here; it may call your library.
        self.t += 1
        # TORCH: step_size(self.t - 1, ...) and averaging_weight(self.t - 1, t0), without ceil; and
        # lr, lambd, alpha and t0 in these two lines are those of the end of the parameter's step
        # before (those in force at its first), so keep a copy of `hyper` here, and save it.
        t0 = hyper["t0"] if math.isinf(hyper["t0"]) else math.ceil(hyper["t0"])
        self.eta = step_size(self.t, hyper)
        self.mu = averaging_weight(self.t + 1, t0)
        scalars = (self.eta, self.mu, hyper["lambd"], hyper["weight_decay"])
        eta, mu, lambd, weight_decay = (rounded(x, dtype) for x in scalars)
        average = list(self.theta) if self.average is None else self.average
        for i, (theta, entry) in enumerate(zip(self.theta, grad, strict=True)):
            g = -entry if hyper["maximize"] else entry
            # E1 and E3; without the tests, 0 * inf would make a nan.
            if weight_decay:
                g = rounded(g + rounded(weight_decay * theta, dtype), dtype)
            if lambd:
                g = rounded(g + rounded(lambd * theta, dtype), dtype)
            updated = rounded(theta - rounded(eta * g, dtype), dtype) if eta else theta
            # E5; with mu = 1 a copy, for inf - inf would make a nan.
            move = rounded(mu * rounded(updated - average[i], dtype), dtype)
            average[i] = updated if mu == 1 else rounded(average[i] + move, dtype)
            self.theta[i] = updated
        self.average = average


def hyperparameters(given: dict[str, Any]) -> dict[str, Any]:
    """The hyperparameters that a request names, checked."""
    hyper: dict[str, Any] = {}
    for name in NAMES:
        if name not in given:
            continue
        value = float.fromhex(given[name])
        if not value >= 0 or (value == math.inf and name != "t0"):
            domain = "[0, inf]" if name == "t0" else "[0, inf)"
            raise ValueError(f"{name} must be in {domain}, got {value}")
        hyper[name] = value
    if "maximize" in given:
        hyper["maximize"] = given["maximize"] is True
    return hyper


def array(values: list[float]) -> list[str]:
    """An array as the protocol writes it."""
    return [value.hex() for value in values]


class Port:
    """The operations of the protocol."""

    def __init__(self) -> None:
        self.dtype = "float64"
        self.groups: list[dict[str, Any]] = []
        self.params: list[Parameter] = []

    def hello(self, protocol: int) -> dict[str, Any]:
        """What this port has."""
        return {
            "protocol": min(protocol, 1),
            "name": "asgd_port.py",
            "version": "1",
            "dtypes": ["float32", "float64"],
            # NOT SHOWN: delete from "reads" what your port cannot show, and from "supports" what it
            # cannot do; what you leave out of "reads", delete in `step` below too.
            "reads": ["average", "eta", "mu"],
            "supports": ["groups", "skip", "set", "save", "maximize", "add_group"],
        }

    def open(self, dtype: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
        """Make a new optimizer."""
        self.dtype, self.groups, self.params = dtype, [], []
        for group in groups:
            self.add_group(group)
        return {}

    def add_group(self, group: dict[str, Any]) -> dict[str, Any]:
        """Let a group join, whose parameters come behind all others."""
        self.groups.append(hyperparameters(group))
        for theta in group["params"]:
            numbers = [float.fromhex(x) for x in theta]
            self.params.append(Parameter(numbers, len(self.groups) - 1))
        return {}

    def step(self, grads: list[list[str] | None]) -> dict[str, Any]:
        """Take one step of every parameter that has a gradient."""
        for parameter, grad in zip(self.params, grads, strict=True):
            if grad is not None:
                numbers = [float.fromhex(x) for x in grad]
                parameter.step(numbers, self.groups[parameter.group], self.dtype)
        pairs = list(zip(self.params, grads, strict=True))
        return {
            "theta": [array(p.theta) for p in self.params],
            "average": [array(p.theta if p.average is None else p.average) for p in self.params],
            "eta": [None if grad is None else p.eta.hex() for p, grad in pairs],
            "mu": [None if grad is None else p.mu.hex() for p, grad in pairs],
        }

    def set(self, group: int, **changes: Any) -> dict[str, Any]:
        """Change hyperparameters of a group."""
        self.groups[group].update(hyperparameters(changes))
        return {}

    def save(self) -> dict[str, Any]:
        """The state: what goes on living besides theta, which the caller keeps."""
        groups = [
            {name: x.hex() if isinstance(x, float) else x for name, x in group.items()}
            for group in self.groups
        ]
        params = [
            {"t": p.t, "average": None if p.average is None else array(p.average)}
            for p in self.params
        ]
        return {"state": {"groups": groups, "params": params}}

    def load(self, state: dict[str, Any]) -> dict[str, Any]:
        """Continue from a saved state."""
        self.groups = [hyperparameters(group) for group in state["groups"]]
        for parameter, entry in zip(self.params, state["params"], strict=True):
            average = entry["average"]
            parameter.t = entry["t"]
            parameter.average = None if average is None else [float.fromhex(x) for x in average]
        return {}

    def close(self) -> dict[str, Any]:
        """Nothing is left to do."""
        return {}


def main() -> None:
    """Answer the requests on standard input until `close`."""
    port = Port()
    for line in sys.stdin:
        request = json.loads(line)
        op = request.pop("op")
        try:
            answer = {"ok": True, **getattr(port, op)(**request)}
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)  # noqa: T201 - this is the protocol
        if op == "close":
            break


if __name__ == "__main__":
    main()
