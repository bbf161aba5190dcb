"""Adapters: Python optimizers of several makes, as ports."""

import contextlib
import copy
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .capabilities import of_optimizer
from .functional import FunctionalPort
from .habits import broken_habits
from .layouts import LAYOUTS, Layout, arranged, as_shown, flat, possible, takes, vectors
from .mismatch import HYPERPARAMETERS, of_function, of_step, wrong_signature
from .protocol import DTYPES, PortError, describe, located
from .text import printable

# Names under which optimizers keep the average in the state of a parameter; torch's first.
AVERAGE_KEYS = ("ax", "average", "averaged", "avg", "mean", "theta_bar", "averaged_param")


class NumpyParameter:
    """What the seed's interface takes: ``data`` and ``grad``, NumPy arrays."""

    def __init__(self, data: NDArray[Any]) -> None:
        self.data = data
        self.grad: NDArray[Any] | None = None


class OptimizerPort:
    """What torch-like and NumPy optimizers have in common: groups, ``step()``, ``param_groups``."""

    kind = ""
    make = ""

    def __init__(self, factory: Callable[..., Any], name: str, version: str) -> None:
        self._factory, self._name, self._version = factory, name, version
        self._optimizer: Any = None
        self._dtype = ""
        self._params: list[Any] = []
        self._layouts: list[Layout] = []
        self._given: list[Any] = []
        self._lacks: dict[str, str] = {}
        self._has_maximize = _takes(factory, "maximize")
        self.capabilities = of_optimizer(self.kind, factory)

    @property
    def optimizer(self) -> Any:
        """The optimizer, as it was made."""
        return self._optimizer

    @property
    def params(self) -> list[Any]:
        """Its parameters, over the groups in order."""
        return self._params

    def assign(self, values: Sequence[float]) -> None:
        """Put values into every parameter, in place."""
        for parameter in self._params:
            parameter.data[...] = self._gradient(np.array(values, self._dtype))

    def makes_gradients(self) -> bool:
        """Whether gradients can be made here and now, as by a closure."""
        return True

    # What a subclass provides.

    def _parameter(self, array: NDArray[Any]) -> Any:
        raise NotImplementedError

    def _gradient(self, array: NDArray[Any]) -> Any:
        raise NotImplementedError

    def _array(self, value: Any) -> NDArray[Any]:
        raise NotImplementedError

    def _averages(self) -> list[NDArray[Any] | None]:
        """Average of each parameter, or None where there is none to be seen."""
        averages = getattr(self._optimizer, "averages", None)
        if callable(averages):
            shown = averages()
            if isinstance(shown, Iterator):
                shown = list(islice(shown, len(self._params)))  # It may have no end.
            return [self._array(shown[i]) for i in range(len(self._params))]
        state = getattr(self._optimizer, "state", None)
        if not isinstance(state, Mapping):
            return [None] * len(self._params)
        # By identity: a tensor is equal to nothing in one bit. Some keep the id for the parameter.
        entries = {key if type(key) is int else id(key): entry for key, entry in state.items()}
        return [self._average(entries.get(id(parameter))) for parameter in self._params]

    def _average(self, entry: Any) -> NDArray[Any] | None:
        for key in AVERAGE_KEYS if isinstance(entry, Mapping) else ():
            if entry.get(key) is not None:
                return self._array(entry[key])
        return None

    def _scheduled(self, _index: int) -> tuple[float, float] | None:
        """Eta and mu that the next step of a parameter will use, where they can be seen."""
        return None

    def hello(self) -> dict[str, Any]:
        """Take trial steps to learn what the optimizer has."""
        dtypes = [dtype for dtype in DTYPES if self._works(dtype)]
        if not dtypes:
            self.trial(DTYPES[1])  # raises what went wrong
        reads = []
        self.trial(dtypes[0])
        if self._averages()[0] is not None:
            reads.append("average")
        if self._scheduled(0) is not None:
            reads += ["eta", "mu"]
        features = ("groups", "skip", "add_group")
        supports = [name for name in features if self._tries(name, dtypes[0])]
        layouts = possible(self.kind)
        supports += [name for name in layouts if takes(self, LAYOUTS[name], dtypes[0])]
        self.trial(dtypes[0])
        groups = getattr(self._optimizer, "param_groups", None)
        if isinstance(groups, list) and all(isinstance(g, MutableMapping) for g in groups):
            supports.append("set")
        if hasattr(self._optimizer, "state_dict") and hasattr(self._optimizer, "load_state_dict"):
            supports.append("save")
        if self._has_maximize:
            supports.append("maximize")
        else:
            self._lacks["maximize"] = "its constructor does not name it"
        return {
            "name": self._name,
            "version": self._version,
            "dtypes": dtypes,
            "reads": reads,
            "supports": supports,
            "lacks": self._lacks,
        }

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]], *, bare: bool = False) -> None:
        """Make an optimizer: from a list of parameters, or of groups where there are several.

        ``bare`` groups leave their hyperparameters to the constructor, which has the first one's.
        """
        self._dtype, self._params, self._layouts = dtype, [], []
        made = [self._group(group) for group in groups]
        common = {key: value for key, value in made[0].items() if key != "params"}
        if bare:
            made = [{"params": group["params"]} for group in made]
        params = made[0]["params"] if len(made) == 1 else made
        self._optimizer = self._factory(params, **common)

    def _group(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """A group as the optimizer takes it; its parameters are those that come next."""
        layouts = group.get("layouts") or vectors(group["params"])
        params = [
            self._parameter(arranged(np.asarray(p, self._dtype), layout.shape, layout.parameter))
            for p, layout in zip(group["params"], layouts, strict=True)
        ]
        entry = {name: group[name] for name in HYPERPARAMETERS}
        if self._has_maximize:
            entry["maximize"] = bool(group.get("maximize", False))
        elif group.get("maximize"):
            raise ValueError("the optimizer has no maximize")
        self._params += params
        self._layouts += layouts
        return {"params": params, **entry}

    def add_group(self, group: Mapping[str, Any]) -> None:
        """Let another group join."""
        self._optimizer.add_param_group(self._group(group))

    def step(self, grads: Sequence[NDArray[Any] | None]) -> dict[str, Any]:
        """Set the gradients, take a step, and read what can be read."""
        self.give(grads)
        self._given = [parameter.grad for parameter in self._params]
        used = [self._scheduled(i) for i in range(len(self._params))]
        self._optimizer.step()
        return {
            **self.shown(),
            "eta": [None if u is None else u[0] for u in used],
            "mu": [None if u is None else u[1] for u in used],
        }

    def advance(self, grads: Sequence[NDArray[Any] | None]) -> None:
        """Take a step, and read nothing."""
        self.give(grads)
        self._optimizer.step()

    def give(self, grads: Sequence[NDArray[Any] | None]) -> None:
        """Set the gradients."""
        for parameter, grad, layout in zip(self._params, grads, self._layouts, strict=True):
            parameter.grad = (
                None
                if grad is None
                else self._gradient(arranged(grad, layout.shape, layout.gradient))
            )

    def shown(self) -> dict[str, Any]:
        """Theta and the averages, as they are now."""
        indices = range(len(self._params))
        return {
            "theta": [flat(self._array(self._params[i].data), self._layouts[i]) for i in indices],
            "average": [
                None if a is None else as_shown(flat(a, layout), self._dtype)
                for a, layout in zip(self._averages(), self._layouts, strict=True)
            ],
        }

    def habits(self, dtype: str) -> list[str]:
        """Habits of users that change what the optimizer computes (`habits.broken_habits`)."""
        return broken_habits(self, dtype)

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters as a scheduler does."""
        self._optimizer.param_groups[group].update(hyper)

    def save(self) -> Any:
        """Copy of the state."""
        return copy.deepcopy(self._optimizer.state_dict())

    def load(self, state: Any) -> None:
        """Continue from a saved state."""
        self._optimizer.load_state_dict(copy.deepcopy(state))

    def close(self) -> None:
        """Forget the optimizer."""
        self._optimizer, self._params, self._layouts, self._given = None, [], [], []

    def gradients(self) -> list[NDArray[Any]]:
        """The gradients as the parameters hold them, or as given where they hold none."""
        held = [
            given if parameter.grad is None else parameter.grad
            for parameter, given in zip(self._params, self._given, strict=True)
        ]
        pairs = zip(held, self._layouts, strict=True)
        return [flat(self._array(grad), layout) for grad, layout in pairs if grad is not None]

    def twin(self) -> "OptimizerPort":
        """Another port of the same optimizer."""
        return type(self)(self._factory, self._name, self._version)

    def copied(self) -> Self:
        """A port of deep copies of optimizer and parameters, which are made together."""
        optimizer, params = copy.deepcopy((self._optimizer, self._params))
        other = copy.copy(self)
        vars(other).update(_optimizer=optimizer, _params=params)
        return other

    def trial(self, dtype: str) -> None:
        """Take two steps."""
        hyper = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 0.0, "weight_decay": 0.0}
        array = np.ones(2, dtype)
        self.open(dtype, [{**hyper, "params": [array]}])
        for _ in range(2):
            self.step([array])

    def _tries(self, feature: str, dtype: str) -> bool:
        """Whether two groups, or a parameter without gradient, are taken without complaint."""
        one = np.ones(2, dtype)
        hyper = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 0.0, "weight_decay": 0.0}
        groups: list[dict[str, Any]] = [{**hyper, "params": [one, one]}]
        if feature == "groups":
            groups = [{**hyper, "params": [one]}, {**hyper, "params": [one]}]
        if feature == "add_group":
            if not callable(getattr(self._optimizer, "add_param_group", None)):
                return False
            groups = [{**hyper, "params": [one]}]
        try:
            self.open(dtype, groups)
            if feature == "add_group":
                self.add_group(groups[0])
            self.step([one, None if feature == "skip" else one])
        except Exception as error:  # noqa: BLE001 - whatever a foreign optimizer raises
            self._lacks[feature] = describe(error)
            return False
        return True

    def _works(self, dtype: str) -> bool:
        try:
            self.trial(dtype)
        except Exception as error:  # noqa: BLE001 - whatever a foreign optimizer raises
            self._lacks[dtype] = located(error)
            return False
        became = self._array(self._params[0].data).dtype
        if became != dtype:
            self._lacks[dtype] = f"a parameter of {dtype} is of {became} after a step"
        return bool(became == dtype)


class NumpyPort(OptimizerPort):
    """A class with the document's interface over NumPy arrays."""

    kind = "numpy"
    make = "with NumPy arrays"

    def _parameter(self, array: NDArray[Any]) -> NumpyParameter:
        return NumpyParameter(array)

    def _gradient(self, array: NDArray[Any]) -> NDArray[Any]:
        return array

    def _array(self, value: Any) -> NDArray[Any]:
        return np.array(value)


class TorchPort(OptimizerPort):
    """A `torch.optim.Optimizer`, or a callable that returns one."""

    kind = "torch"
    make = "with torch tensors"

    def __init__(
        self, factory: Callable[..., Any], name: str, version: str, device: str = "cpu"
    ) -> None:
        super().__init__(factory, name, version)
        import torch  # noqa: PLC0415 - installed only where it is judged

        self._torch, self._device = torch, device
        try:
            torch.zeros(1, device=device)
        except Exception as error:
            text = f"nothing was run: the device {device!r} cannot be used here"
            raise PortError(f"{text}: {describe(error)}") from error

    def _parameter(self, array: NDArray[Any]) -> Any:
        return self._torch.nn.Parameter(self._gradient(array))

    def _gradient(self, array: NDArray[Any]) -> Any:
        return self._torch.from_numpy(array).to(self._device)

    def makes_gradients(self) -> bool:
        """Whether gradients can be made here and now, as by a closure."""
        return bool(self._torch.is_grad_enabled())

    def twin(self) -> "TorchPort":
        """Another port of the same optimizer."""
        return TorchPort(self._factory, self._name, self._version, self._device)

    def _array(self, value: Any) -> NDArray[Any]:
        value = value.detach().cpu()
        # NumPy has no bfloat16, and float32 loses nothing of it.
        return np.array((value.float() if value.dtype == self._torch.bfloat16 else value).numpy())

    def _scheduled(self, index: int) -> tuple[float, float] | None:
        # Only torch's own class is known to store the eta and mu of the *next* step.
        if not isinstance(self._optimizer, self._torch.optim.ASGD):
            return None
        state = self._optimizer.state.get(self._params[index])
        if not state:
            return None  # before its first step torch has stored nothing
        return float(state["eta"]), float(state["mu"])


def _takes(factory: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters


def is_torch_optimizer(value: Any) -> bool:
    """Whether ``value`` is an instance of torch's Optimizer; torch is not imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.optim.Optimizer)


def adapt(target: Any, name: str, device: str = "cpu") -> Any:
    """Port of what an import path names: an optimizer of some make, or a `Port`.

    Parameters
    ----------
    target : object
        A `Port` class or instance, a class, or a callable, as the README lists them.
    name : str
        Name for the report.
    device : str
        Where the parameters of a torch port are.

    Raises
    ------
    PortError
        If it is none of these.
    """
    if all(callable(getattr(target, m, None)) for m in ("hello", "open", "step")):
        return target() if inspect.isclass(target) else target
    if not callable(target):
        kind = printable(type(target).__name__, 60)
        text = f"{name} must be a class or a callable, got an object of type {kind}"
        raise PortError(f"{text}; name what makes it" if hasattr(target, "step") else text)
    makes = _candidates(target) if device == "cpu" else [partial(TorchPort, device=device)]
    failures: dict[str, str] = {}
    for make in makes:
        port = make(target, name, _version(target))
        try:
            _try(port)
        except Exception as error:  # noqa: BLE001 - whatever a foreign optimizer raises
            why = of_function if isinstance(port, FunctionalPort) else of_step
            failures[port.make] = why(port.optimizer, error)
            continue
        # The trial is what tells the makes apart.
        if not isinstance(port, NumpyPort) or not is_torch_optimizer(port.optimizer):
            return port
    said = set(failures.values())
    each = [f"{make}, {why}" for make, why in failures.items()]
    text = wrong_signature(target) or (said.pop() if len(said) == 1 else "; ".join(each))
    raise PortError(
        f"{name} could not be used as an optimizer: {text}; "
        f"`asgd init DIR --lang {_language(target)}` writes one that can"
    )


def _try(port: Any) -> None:
    """Take trial steps, in float64 where float32 fails; raise what went wrong in float32."""
    try:
        port.trial(DTYPES[0])
    except Exception:
        with contextlib.suppress(Exception):
            port.trial(DTYPES[1])
            return
        raise


def _language(target: Any) -> str:
    """Starter that is nearest to what was seen."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and inspect.isclass(target) and issubclass(target, torch.optim.Optimizer):
        return "torch"
    return "jax" if jax is not None else "python" if torch is None else "torch"


def _candidates(target: Any) -> list[Callable[..., Any]]:
    """Adapters to try, the likely one first."""
    torch = sys.modules.get("torch")
    functional = partial(FunctionalPort, has_maximize=_takes(target, "maximize"))
    if not _takes_params(target):
        return [functional]
    # What is given parameters, or has a step, is no function of the hyperparameters.
    functions = [] if _has_step(target) else [functional]
    if torch is None:
        return [NumpyPort, *functions]
    inner = getattr(target, "func", target)
    if inspect.isclass(inner) and issubclass(inner, torch.optim.Optimizer):
        return [TorchPort]
    makes = [NumpyPort, TorchPort] if inspect.isclass(target) else [TorchPort, NumpyPort]
    return [*makes, *functions]


def _has_step(target: Any) -> bool:
    made = inspect.isclass(target) and callable(getattr(target, "step", None))
    return made or _takes(target, "params")


def _takes_params(target: Any) -> bool:
    """Whether the first parameter may be the parameters: it is none of the hyperparameters."""
    try:
        names = list(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return True
    return not names or names[0] not in (*HYPERPARAMETERS, "learning_rate")


def _version(target: Any) -> str:
    """Version of the package that it comes from, where there is one that can be shown."""
    try:
        inner = getattr(target, "func", target)
        root = str(getattr(inner, "__module__", "")).partition(".")[0]
        return str(getattr(sys.modules.get(root), "__version__", "unknown"))
    except Exception:  # noqa: BLE001 - whatever a foreign module raises when it is looked at
        return "unknown"
