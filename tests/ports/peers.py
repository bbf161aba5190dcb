"""Optimizers of the world as ports: installed ones, and old rules written from their formulas.

``asgd verify asgd.tests.ports.peers:NAME`` judges one; `ledger` writes the verdict to
``spec/ports.md``. Nothing is imported before it is asked for.
"""

import functools
import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .adapters import OptimizerPort
from .protocol import PortError, RefusalError

_PARTIAL = {"torch_for_loop": {"foreach": False}, "torch_foreach": {"foreach": True}}


def __getattr__(name: str) -> Any:
    """The peers that are made of an installed optimizer."""
    if name in _PARTIAL:
        return functools.partial(_import("torch.optim").ASGD, **_PARTIAL[name])
    if name == "torch_compiled":
        return functools.partial(_compiled, _import("torch"))
    if name == "torch_averaged_model":
        return functools.partial(_AveragedModel, _import("torch"))
    raise AttributeError(f"there is no peer {name}")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PortError(f"{name} is not installed") from error


def _compiled(
    torch: Any,
    params: Any,
    lr: float,
    lambd: float,
    alpha: float,
    t0: float,
    weight_decay: float,
    maximize: bool = False,
) -> Any:
    """The optimizer of torch with its step compiled."""
    config = _import("torch._dynamo").config
    # Each optimizer is compiled anew; beyond a limit, torch would quietly go on without.
    config.recompile_limit = config.accumulated_recompile_limit = 1 << 20
    config.fail_on_recompile_limit_hit = True
    hyper = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
    optimizer = torch.optim.ASGD(params, **hyper, maximize=maximize)
    optimizer.step = torch.compile(optimizer.step)
    return optimizer


class Tensorplay(OptimizerPort):
    """`tensorplay.optim.ASGD`; like torch's, it stores the eta and mu of the next step."""

    def __init__(self) -> None:
        self._library = _import("tensorplay")
        optimizer = _import("tensorplay.optim").ASGD
        super().__init__(optimizer, "tensorplay.optim.ASGD", str(self._library.__version__))

    def twin(self) -> "Tensorplay":
        """Another port of the same optimizer."""
        return Tensorplay()

    def _parameter(self, array: NDArray[Any]) -> Any:
        return self._library.nn.Parameter(self._library.from_numpy(array.copy()))

    def _gradient(self, array: NDArray[Any]) -> Any:
        return self._library.from_numpy(array.copy())

    def _array(self, value: Any) -> NDArray[Any]:
        return np.array(value.detach().numpy())

    def _scheduled(self, index: int) -> tuple[float, float] | None:
        state = self._optimizer.state.get(self._params[index])
        return (float(state["eta"]), float(state["mu"])) if state else None


class SklearnAverage:
    """scikit-learn's `SGDRegressor(average=n)`, as far as its rule can be mapped; float64 only.

    Its step size has no E2 and its update no lambd, so it can be asked only for lambd = alpha = 0
    (a constant step size) and t0 = n >= 1; anything else is refused. With the loss
    ``epsilon_insensitive``, epsilon = 0 and a target far below, the gradient is the sample itself.
    """

    def hello(self) -> dict[str, Any]:
        """What can be mapped."""
        version = str(_import("sklearn").__version__)
        return {
            "name": "sklearn.linear_model.SGDRegressor(average=n)",
            "version": version,
            "dtypes": ["float64"],
            "reads": ["average"],
            "supports": [],
        }

    def open(self, dtype: str, groups: Any) -> None:
        """Make a regressor whose weights are theta."""
        group = groups[0]
        t0 = group["t0"]
        if dtype != "float64" or len(groups) > 1 or len(group["params"]) > 1:
            raise RefusalError("only one parameter, of float64, can be mapped")
        if group["lambd"] or group["alpha"] or not group["lr"] or group.get("maximize"):
            raise RefusalError("only lambd = alpha = 0, lr > 0 and descent can be mapped")
        if not (1 <= t0 < 2**31 and t0 == int(t0)):
            raise RefusalError(f"only an integer t0 >= 1 can be mapped, got {t0!r}")
        decay = group["weight_decay"]
        self._regressor = _import("sklearn.linear_model").SGDRegressor(
            loss="epsilon_insensitive",
            epsilon=0.0,
            penalty="l2" if decay else None,
            alpha=decay or 1.0,
            fit_intercept=False,
            learning_rate="constant",
            eta0=group["lr"],
            average=int(t0),
            shuffle=False,
        )
        self._start: NDArray[Any] | None = np.array(group["params"][0])

    def step(self, grads: Any) -> dict[str, Any]:
        """Fit one sample, the gradient."""
        sample, target = np.array(grads)[:1], np.array([-1e12])
        regressor = self._regressor
        if self._start is not None:
            # There is no public way to begin somewhere: what partial_fit goes on from is put there.
            for name in ("coef_", "_standard_coef"):
                setattr(regressor, name, self._start.copy())
            regressor._average_coef = np.zeros_like(self._start)  # noqa: SLF001
            for name in ("intercept_", "_standard_intercept", "_average_intercept"):
                setattr(regressor, name, np.zeros(1))
            self._start = None
        regressor.partial_fit(sample, target)
        theta = np.array(regressor._standard_coef)  # noqa: SLF001
        return {"theta": [theta], "average": [np.array(regressor.coef_)]}


class _Numpy:
    """What the rewritten rules have in common: groups, and a state for each parameter."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.01,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
    ) -> None:
        common = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
        entries = list(params)
        groups = entries if isinstance(entries[0], dict) else [{"params": entries}]
        self.param_groups = [{**common, **group} for group in groups]
        self.state: dict[Any, dict[str, Any]] = {}


class _AveragedModel(_Numpy):
    """`torch.optim.SGD`, told E2's step size, and `AveragedModel`, which counts from t0 on."""

    def __init__(self, torch: Any, params: Any, **hyper: Any) -> None:
        super().__init__(params, **hyper)
        averaged = _import("torch.optim.swa_utils").AveragedModel
        for group in self.param_groups:
            for p in group["params"]:
                model = torch.nn.ParameterList([p])
                sgd = torch.optim.SGD([p], lr=group["lr"])
                self.state[p] = {"t": 0, "model": model, "sgd": sgd, "mean": averaged(model)}

    def averages(self) -> list[Any]:
        """Averages in order."""
        means = [state["mean"].module for state in self.state.values()]
        return [next(module.parameters()).detach() for module in means]

    def step(self) -> None:
        """Take one step."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._one(group, self.state[p])

    @staticmethod
    def _one(group: dict[str, Any], state: dict[str, Any]) -> None:
        t = state["t"] = state["t"] + 1
        [sgd] = state["sgd"].param_groups
        lr, lambd = group["lr"], group["lambd"]
        sgd["lr"] = lr / (1 + lambd * lr * t) ** group["alpha"]
        sgd["weight_decay"] = lambd + group["weight_decay"]
        state["sgd"].step()
        if t <= group["t0"]:
            state["mean"].n_averaged.zero_()
        state["mean"].update_parameters(state["model"])


class LucidEngine(_Numpy):
    """Rule of the engine of Lucid 2.16 to 3.15.5: plain SGD, and an average of its own."""

    def step(self) -> None:
        """Take one step."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state.setdefault(p, {"step": 0, "ax": p.data.copy()})
                if p.grad is None:
                    continue
                state["step"] += 1
                p.data = p.data - group["lr"] * (p.grad + group["weight_decay"] * p.data)
                if state["step"] >= min(group["t0"], 2.0**80) // 1:
                    c = 1 / (group["alpha"] * state["step"] + 1)
                    average = state["ax"]
                    state["ax"] = (1 - c) * average + c * p.data - group["lambd"] * average


class TorchForeach20(_Numpy):
    """Rule of torch 2.0.0 to 2.1.2 with foreach: the power on t alone, the first one's eta."""

    shared_count = False

    def step(self) -> None:
        """Take one step."""
        for group in self.param_groups:
            active = [p for p in group["params"] if p.grad is not None]
            for p in active:
                start = {"step": 0, "eta": group["lr"], "mu": 1.0, "ax": np.zeros_like(p.data)}
                self.state.setdefault(p, start)
            for p in active:
                self.state[p]["step"] += 1
            if active:
                first = self.state[active[0]]
                etas = [(self.state[p] if self.shared_count else first)["eta"] for p in active]
                for p, eta in zip(active, etas, strict=True):
                    self._one(p, group, eta, first["step"])

    def _one(self, p: Any, group: dict[str, Any], eta: float, count: int) -> None:
        state, lr, lambd = self.state[p], group["lr"], group["lambd"]
        total = p.grad + group["weight_decay"] * p.data if group["weight_decay"] else p.grad
        p.data = p.data * (1 - lambd * eta) - eta * total
        mu = state["mu"]
        state["ax"] = p.data.copy() if mu == 1 else state["ax"] + mu * (p.data - state["ax"])
        t = count if self.shared_count else state["step"]
        state["eta"] = lr / (1 + lambd * lr * t ** group["alpha"])
        state["mu"] = 1 / max(1, t - group["t0"])


class TorchForeach22(TorchForeach20):
    """Rule of torch 2.2.0 to 2.3.1 with foreach: the power on t alone, one count for all."""

    shared_count = True
