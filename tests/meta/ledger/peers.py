"""Optimizers of the world as ports; ``ledger.py`` installs them, and writes the verdicts.

Nothing is imported before it is asked for. What was taken out of an archive lies in the folder that
the environment variable ASGD_LEDGER names.
"""

import __future__

import ctypes
import functools
import importlib
import importlib.util
import os
import sys
import tempfile
from importlib.machinery import SourceFileLoader
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgd.tests.ports.adapters import OptimizerPort
from asgd.tests.ports.mismatch import HYPERPARAMETERS
from asgd.tests.ports.protocol import PortError, RefusalError


def __getattr__(name: str) -> Any:
    """The peers that are made of an optimizer of torch's make."""
    if name.startswith(("for_loop", "foreach", "capturable")):
        way, _, number = name.partition("_of_")
        optimizer = _old_torch(number) if number else _import("torch.optim").ASGD
        ways = {"capturable": True} if "capturable" in way else {}
        return functools.partial(optimizer, foreach="foreach" in way, **ways)
    if name == "torch_compiled":
        return functools.partial(_compiled, _import("torch"))
    if name == "graphed":
        return _graphed(_import("torch"))
    if name == "torch_averaged_model":
        return functools.partial(_AveragedModel, _import("torch"))
    raise AttributeError(f"there is no peer {name}")


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PortError(f"{name} is not installed") from error


def _old_torch(number: str) -> Any:
    """ASGD of another torch: its asgd.py alone, on the base class of the torch that is here."""
    _import("torch.optim")
    name = f"torch.optim.asgd_of_{number}"
    path = Path(os.environ["ASGD_LEDGER"]) / f"torch-{number.replace('_', '.')}" / "asgd.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ASGD


def _graphed(torch: Any) -> type:
    """The optimizer of torch with its step in a CUDA graph, replayed as long as it is right."""

    class Graphed(torch.optim.ASGD):  # type: ignore[misc]
        def __init__(self, params: Any, *, maximize: bool = False, **hyper: Any) -> None:
            ways = {"capturable": True, "foreach": False}
            super().__init__(params, maximize=maximize, **ways, **hyper)
            self._captured: Any = None

        def step(self, closure: Any = None) -> None:
            assert closure is None
            given = {p: p.grad for g in self.param_groups for p in g["params"]}
            given = {p: grad for p, grad in given.items() if grad is not None}
            if not all(self.state[p] for p in given):
                self._captured = None
                super().step()
                return
            # What is baked into a graph: the hyperparameters, and which tensors it works on.
            hyper = [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups]
            tensors = [
                v.data_ptr() for p in given for v in self.state[p].values() if torch.is_tensor(v)
            ]
            baked = (repr(hyper), tensors, list(map(id, given)))
            if self._captured is None or self._captured[0] != baked:
                copies = {p: grad.clone() for p, grad in given.items()}
                graph = torch.cuda.CUDAGraph()
                for p in given:
                    p.grad = copies[p]
                with torch.cuda.graph(graph):
                    super().step()
                self._captured = baked, graph, copies
            _, graph, copies = self._captured
            for p, grad in given.items():
                copies[p].copy_(grad)
                p.grad = grad
            graph.replay()

    return Graphed


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
            regressor._average_coef = np.zeros_like(self._start)
            for name in ("intercept_", "_standard_intercept", "_average_intercept"):
                setattr(regressor, name, np.zeros(1))
            self._start = None
        regressor.partial_fit(sample, target)
        theta = np.array(regressor._standard_coef)
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


class _Averaged(NamedTuple):
    """State of optax's transformations, the average, and the steps taken."""

    inner: Any
    average: Any
    count: int


def optax_averaged(
    lr: float = 0.01,
    lambd: float = 1e-4,
    alpha: float = 0.75,
    t0: float = 1e6,
    weight_decay: float = 0.0,
) -> Any:
    """`add_decayed_weights` and `scale_by_learning_rate`, told E2's step size from its count of 0.

    The average is made by `incremental_update`, which is told E4's weight.
    """
    optax = _import("optax")
    _import("jax").config.update("jax_enable_x64", val=True)
    chain = optax.chain(
        optax.add_decayed_weights(lambd + weight_decay),
        optax.scale_by_learning_rate(lambda count: lr / (1 + lambd * lr * count) ** alpha),
    )

    def init(params: Any) -> _Averaged:
        return _Averaged(chain.init(params), params, 0)

    def update(grads: Any, state: _Averaged, params: Any) -> tuple[Any, _Averaged]:
        updates, inner = chain.update(grads, state.inner, params)
        mu = 1 / max(1.0, state.count + 1 - t0)
        moved = optax.apply_updates(params, updates)
        average = optax.incremental_update(moved, state.average, mu)
        return updates, _Averaged(inner, average, state.count + 1)

    return optax.GradientTransformation(init, update)


class Candle(OptimizerPort):
    """`candle.optim.ASGD` of candle-python."""

    def __init__(self) -> None:
        self._library = _import("candle")
        super().__init__(self._library.optim.ASGD, "candle.optim.ASGD", version("candle-python"))

    def twin(self) -> "Candle":
        """Another port of the same optimizer."""
        return Candle()

    def _parameter(self, array: NDArray[Any]) -> Any:
        return self._library.nn.Parameter(self._gradient(array))

    def _gradient(self, array: NDArray[Any]) -> Any:
        return self._library.tensor(array, dtype=getattr(self._library, str(array.dtype)))

    def _array(self, value: Any) -> NDArray[Any]:
        return np.array(value.detach().numpy())


class Aakaar:
    """`aakaar.optim.ASGD`: float32, one group, nothing to save."""

    def hello(self) -> dict[str, Any]:
        """What it has."""
        return {
            "name": "aakaar.optim.ASGD",
            "version": version("aakaar"),
            "dtypes": ["float32"],
            "reads": ["average"],
            "supports": ["skip", "set"],
        }

    def open(self, dtype: str, groups: Any) -> None:
        """Make an optimizer."""
        [group] = groups
        self._library = _import("aakaar")
        self._params = [
            self._library.from_numpy(np.array(p, dtype), requires_grad=True)
            for p in group["params"]
        ]
        hyper = {name: group[name] for name in HYPERPARAMETERS}
        self._optimizer = _import("aakaar.optim").ASGD(self._params, **hyper)

    def step(self, grads: Any) -> dict[str, Any]:
        """Set the gradients, and take a step."""
        for p, grad in zip(self._params, grads, strict=True):
            p.grad = None if grad is None else self._library.from_numpy(np.array(grad))
        self._optimizer.step()
        average = [a.to_numpy() for a in self._optimizer.averaged_parameters]
        return {"theta": [p.to_numpy() for p in self._params], "average": average}

    def set(self, _group: int, **hyper: float) -> None:
        """Change hyperparameters, which are attributes."""
        for name, value in hyper.items():
            setattr(self._optimizer, name, value)

    def close(self) -> None:
        """Forget nothing."""


class Lucid(OptimizerPort):
    """`lucid.optim.ASGD` of lucid-dl up to 2.16, whose parameters hold NumPy arrays.

    From 2.10 its annotations must be left unevaluated, as Python 3.14 leaves them.
    """

    def __init__(self) -> None:
        if "lucid" not in sys.modules:
            SourceFileLoader.source_to_code = _unevaluated  # type: ignore[method-assign,assignment]
            # What pip has compiled has its annotations evaluated.
            sys.pycache_prefix = tempfile.mkdtemp()
        self._library = _import("lucid.nn")
        super().__init__(_import("lucid.optim").ASGD, "lucid.optim.ASGD", version("lucid-dl"))

    def twin(self) -> "Lucid":
        """Another port of the same optimizer."""
        return Lucid()

    def _parameter(self, array: NDArray[Any]) -> Any:
        parameter = self._library.Parameter(array.copy())
        parameter.data = array.copy()  # some versions make float32 of it
        return parameter

    def _gradient(self, array: NDArray[Any]) -> Any:
        return array.copy()

    def _array(self, value: Any) -> NDArray[Any]:
        return np.array(value)


def _unevaluated(_: Any, data: Any, path: Any, *, _optimization: int = -1) -> Any:
    flags = __future__.annotations.compiler_flag if "/lucid/" in str(path) else 0
    return compile(data, path, "exec", flags, dont_inherit=True, optimize=_optimization)


class LucidEngine:
    """The C++ optimizer of lucid-dl 3.0 to 3.15.5, its SGD.cpp alone (``lucid_engine.cpp``)."""

    def hello(self) -> dict[str, Any]:
        """What it has."""
        return {
            "name": "lucid::ASGD",
            "version": "3.0.0 to 3.15.5",
            "dtypes": ["float32", "float64"],
            "reads": ["average"],
            "supports": ["groups", "skip"],
        }

    def open(self, dtype: str, groups: Any) -> None:
        """Make an optimizer for each parameter."""
        self.close()
        self._library = ctypes.CDLL(str(Path(os.environ["ASGD_LEDGER"]) / "liblucid.so"))
        self._library.lucid_open.restype = ctypes.c_void_p
        self._dtype = dtype
        for group in groups:
            hyper = [ctypes.c_double(group[name]) for name in HYPERPARAMETERS]
            for p in group["params"]:
                theta = np.array(p, dtype)
                single = int(dtype == "float32")
                handle = self._library.lucid_open(_at(theta), _size(theta), single, *hyper)
                if handle is None:
                    raise ValueError("refused")
                self._open.append((ctypes.c_void_p(handle), theta, theta.copy()))

    def step(self, grads: Any) -> dict[str, Any]:
        """Take a step with each."""
        for (handle, theta, average), grad in zip(self._open, grads, strict=True):
            given = None if grad is None else np.array(grad, self._dtype)
            at = None if given is None else _at(given)
            self._library.lucid_step(handle, at, _at(theta), _at(average))
        return {
            "theta": [theta.copy() for _, theta, _ in self._open],
            "average": [average.copy() for _, _, average in self._open],
        }

    def close(self) -> None:
        """Forget the optimizers."""
        for handle, _, _ in getattr(self, "_open", ()):
            self._library.lucid_close(handle)
        self._open: list[tuple[Any, NDArray[Any], NDArray[Any]]] = []


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def _size(array: NDArray[Any]) -> ctypes.c_size_t:
    return ctypes.c_size_t(array.size)
