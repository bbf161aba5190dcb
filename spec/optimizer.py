"""The interface of the document's ``optim.ASGD``: groups, state and their checks, no arithmetic.

`asgd.fast` and `asgd.reference` each fill in the arithmetic, so that they cannot differ in what is
not arithmetic. Nothing here knows what an array is made of.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, Never, Protocol, TypeVar

from .conventions import convention as find_convention
from .hyperparameters import DEFAULTS, Hyperparameters, check_hyperparameter, shown

FORMAT = "asgd-state/1"
STEPS = 2**53
"""Steps that a saved state may count: beyond, float64 does not hold every count."""


class Parameter(Protocol):
    """What is optimized: ``data``, an array, and ``grad``, an array of its shape or None."""

    data: Any
    grad: Any


P = TypeVar("P", bound=Parameter)


@dataclass(slots=True)
class ParameterState:
    """What is kept of one parameter between its steps.

    Attributes
    ----------
    step : int
        Steps taken, t in the equations.
    average : array or None
        What the subclass keeps of the average; None as long as it is theta itself.
    scheduled : tuple of float or None
        lr, lambd, alpha and t0 that the next eta and mu are computed with, where the convention
        stores them (E6); else None.
    carry : array or None
        What rounding has taken from theta, where a subclass keeps it; else None.
    t0 : float or None
        t0 of its group at its last step; None before the first.
    """

    step: int = 0
    average: Any = None
    scheduled: tuple[float, float, float, float] | None = None
    carry: Any = None
    t0: float | None = None


def check_group(group: Mapping[str, Any]) -> Hyperparameters:
    """Hyperparameters of a group, checked.

    Raises
    ------
    TypeError, ValueError
        If one is outside its domain.
    """
    if not isinstance(group["maximize"], bool):
        raise TypeError(f"maximize must be True or False, got {shown(group['maximize'])}")
    numbers = {name: check_hyperparameter(name, group[name]) for name in DEFAULTS}
    return Hyperparameters(**numbers, maximize=group["maximize"])


def _check_start(t0: float, state: ParameterState | None) -> None:
    """Refuse a changed t0 that is past (E6): the iterates since then have not been kept."""
    if state is not None and state.step and t0 != state.t0 and t0 <= state.step:
        raise ValueError(
            f"t0 must stay {state.t0}, or be in ({state.step}, inf] after {state.step} steps, "
            f"got {t0}; a window can begin at step {state.step + 1}, not in the past"
        )


_VALUES = itemgetter(*Hyperparameters._fields)


class Optimizer(Generic[P]):
    """Parameter groups and their state; a subclass computes one step of one parameter.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        What to optimize; a dict is a group: ``"params"`` and its hyperparameters.
    lr, lambd, alpha, t0, weight_decay : float
        Hyperparameters of groups that do not name their own; domains in ``asgd.md``.
    maximize : bool
        Ascend instead of descend (E1).
    convention : str
        Reading of ASGD, a name in ``conventions.toml``.
    compensated : bool
        Keep what rounding takes from theta, so that no part of a step is lost.

    Attributes
    ----------
    param_groups : list of dict
        ``"params"`` and every hyperparameter, which may be changed between steps.
    defaults : dict
        Hyperparameters of groups that do not name their own.
    state : dict
        `ParameterState` of every parameter that has taken a step.

    Raises
    ------
    TypeError, ValueError
        As the section "Bad input" of ``asgd.md`` says.
    """

    def __init__(
        self,
        params: Iterable[P] | Iterable[dict[str, Any]],
        lr: float = DEFAULTS["lr"],
        lambd: float = DEFAULTS["lambd"],
        alpha: float = DEFAULTS["alpha"],
        t0: float = DEFAULTS["t0"],
        weight_decay: float = DEFAULTS["weight_decay"],
        *,
        maximize: bool = False,
        convention: str = "documented",
        compensated: bool = False,
        **unknown: Never,
    ) -> None:
        if unknown:
            raise TypeError(
                f"there is no argument {shown(next(iter(unknown)))}; the hyperparameters are "
                f"{', '.join(DEFAULTS)}; the options are maximize, convention, compensated"
            )
        self.convention = find_convention(convention)
        if not isinstance(compensated, bool):
            raise TypeError(f"compensated must be True or False, got {shown(compensated)}")
        self.compensated = compensated
        self.defaults: dict[str, Any] = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        check_group(self.defaults)
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[P, ParameterState] = {}
        self._averaged = False
        self._checked: dict[int, tuple[tuple[Any, ...], Hyperparameters]] = {}
        if not isinstance(params, Iterable):
            raise TypeError(
                "params must be an iterable of parameters or of group dicts, "
                f"got {type(params).__name__}"
            )
        entries: list[Any] = list(params)
        if not entries:
            raise ValueError("params must hold at least one parameter, got an empty list")
        if isinstance(entries[0], dict):
            for entry in entries:
                self.add_param_group(entry)
        else:
            self.add_param_group({"params": entries})

    # What a subclass provides.

    def _check_parameter(self, parameter: P) -> None:
        raise NotImplementedError

    def _check_gradient(self, parameter: P) -> None:
        raise NotImplementedError

    def _check_gradients(self, work: Sequence[tuple[P, Hyperparameters]]) -> None:
        for parameter, _ in work:
            self._check_gradient(parameter)

    def _update(self, parameter: P, state: ParameterState, hyper: Hyperparameters) -> Any:
        """Take step ``state.step + 1`` of ``parameter``; return its new average, None for theta."""
        raise NotImplementedError

    def _copy(self, array: Any) -> Any:
        raise NotImplementedError

    def _encode(self, array: Any) -> Any:
        """``array`` as plain data."""
        raise NotImplementedError

    def _decode(self, data: Any, like: Any) -> Any:
        """Array that ``_encode`` made ``data`` of; ValueError unless shaped as ``like``."""
        raise NotImplementedError

    def _encode_carry(self, carry: Any) -> Any:
        """``carry`` as plain data, or None."""
        raise NotImplementedError

    def _decode_carry(self, data: Any, like: Any, step: int) -> Any:
        """Carry that ``_encode_carry`` made ``data`` of; ValueError unless it fits."""
        raise NotImplementedError

    # The interface.

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}(convention={self.convention.name}"]
        for i, group in enumerate(self.param_groups):
            known = check_group(group)._asdict()
            hyper = ", ".join(f"{name}={known[name]:g}" for name in DEFAULTS)
            up = ", maximize" if group["maximize"] else ""
            start = self.convention.first_averaged(known["t0"])
            begins = "never averages" if start is None else f"averages from step {start} on"
            count = len(group["params"])
            many = "" if count == 1 else "s"
            lines.append(f"  group {i}: {count} parameter{many}, {hyper}{up}; {begins}")
        return "\n".join(lines) + ")"

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add a group: a dict with ``"params"`` and any hyperparameters.

        Raises
        ------
        TypeError, ValueError
            For a bad parameter, hyperparameter or key, or a parameter that already has a place.
        """
        if not isinstance(group, dict):
            raise TypeError(f"a parameter group must be a dict, got {type(group).__name__}")
        known = ["params", *self.defaults]
        for key in group:
            if key not in known:
                raise ValueError(
                    f"a group's keys must be among {', '.join(known)}, got {shown(key)}"
                )
        if "params" not in group:
            raise ValueError("a parameter group must have the key 'params'")
        params = group["params"]
        added = list(params) if isinstance(params, Iterable) else [params]
        if not added:
            raise ValueError("a group must hold at least one parameter, got an empty list")
        seen = {id(p) for g in self.param_groups for p in g["params"]}
        for parameter in added:
            self._check_parameter(parameter)
            if id(parameter) in seen:
                raise ValueError(
                    "a parameter must stand in one group once, got one of shape "
                    f"{parameter.data.shape} twice"
                )
            seen.add(id(parameter))
        complete = {
            "params": added,
            **self.defaults,
            **{k: group[k] for k in group if k != "params"},
        }
        check_group(complete)
        self.param_groups.append(complete)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step (E6) of every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Evaluates the model, sets the gradients, and returns the loss.

        Returns
        -------
        object
            What the closure returned, or None.

        Raises
        ------
        TypeError, ValueError
            For a bad hyperparameter or gradient, before any parameter has changed.
        RuntimeError
            Inside `averaged`.
        """
        if self._averaged:
            raise RuntimeError("step() inside averaged() would update the averages, not theta")
        loss = None if closure is None else closure()
        work: list[tuple[P, Hyperparameters]] = []
        for i, group in enumerate(self.param_groups):
            hyper = self._hyperparameters(i, group)
            work += [(p, hyper) for p in group["params"] if p.grad is not None]
        self._check_gradients(work)
        self._advance(work)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients, or fill them with zeros where ``set_to_none`` is false."""
        for parameter in self._parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad[...] = 0

    def averages(self) -> list[Any]:
        """Averages of all parameters in order (E5), as new arrays; theta before averaging."""
        return [self._average(parameter, parameter.data) for parameter in self._parameters()]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the parameters hold their averages inside the ``with`` block.

        Afterwards they are exactly what they were before, whatever was written to them inside.

        Raises
        ------
        RuntimeError
            If the parameters hold their averages already.
        """
        if self._averaged:
            raise RuntimeError("averaged() inside averaged(): the parameters hold their averages")
        saved = [(p, self._copy(p.data)) for p in self._parameters()]
        self._averaged = True
        try:
            for parameter, theta in saved:
                parameter.data[...] = self._average(parameter, theta)
            yield
        finally:
            for parameter, theta in saved:
                parameter.data[...] = theta
            self._averaged = False

    def state_dict(self) -> dict[str, Any]:
        """State and hyperparameters as plain data: dicts, lists, strings and numbers (JSON)."""
        groups, states, start = [], [], 0
        for i, group in enumerate(self.param_groups):
            size = len(group["params"])
            hyper = self._hyperparameters(i, group)
            groups.append({**hyper._asdict(), "params": list(range(start, start + size))})
            start += size
        for parameter in self._parameters():
            state = self.state.get(parameter, ParameterState())
            mean = None if state.average is None else self._encode(state.average)
            scheduled = None if state.scheduled is None else list(state.scheduled)
            carry = self._encode_carry(state.carry)
            kept = {"step": state.step, "average": mean, "scheduled": scheduled, "carry": carry}
            states.append({**kept, "t0": state.t0})
        return {
            "format": FORMAT,
            "convention": self.convention.name,
            "compensated": self.compensated,
            "param_groups": groups,
            "state": states,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken, bit for bit; theta itself is not part of it.

        Raises
        ------
        TypeError, ValueError
            If the state is of another format, convention or shape; nothing is changed then.
        """
        groups, states = _open_state_dict(state_dict, self.convention.name, self.compensated)
        sizes = [len(g["params"]) for g in self.param_groups]
        if [len(g["params"]) for g in groups] != sizes:
            raise ValueError(
                f"state_dict must have groups of {sizes} parameters, "
                f"got {[len(g['params']) for g in groups]}"
            )
        hypers = [check_group({**self.defaults, **g}) for g in groups]
        owners = [hyper for hyper, size in zip(hypers, sizes, strict=True) for _ in range(size)]
        parameters = self._parameters()
        if len(states) != len(parameters):
            raise ValueError(
                f"state_dict must hold the state of {len(parameters)} parameters, got {len(states)}"
            )
        stored = self.convention.hyperparameters == "stored"
        loaded = {
            parameter: self._load_state(parameter, state, hyper, stored=stored)
            for parameter, state, hyper in zip(parameters, states, owners, strict=True)
        }
        for group, hyper in zip(self.param_groups, hypers, strict=True):
            group.update(hyper._asdict())
        self._checked = {}
        self.state = {parameter: state for parameter, state in loaded.items() if state.step}

    # Private.

    def _hyperparameters(self, i: int, group: Mapping[str, Any]) -> Hyperparameters:
        """Hyperparameters of group ``i``, checked again if any is another object than before."""
        known = self._checked.get(i)
        if known is not None:
            # Spelled out, as every step of every group comes through here.
            lr, lambd, alpha, t0, weight_decay, maximize = known[0]
            if (
                group["lr"] is lr
                and group["lambd"] is lambd
                and group["alpha"] is alpha
                and group["t0"] is t0
                and group["weight_decay"] is weight_decay
                and group["maximize"] is maximize
            ):
                return known[1]
        hyper = check_group(group)
        if known is None or hyper.t0 != known[1].t0:
            for parameter in group["params"]:
                _check_start(hyper.t0, self.state.get(parameter))
        self._checked[i] = _VALUES(group), hyper
        return hyper

    def _advance(self, work: Sequence[tuple[P, Hyperparameters]]) -> None:
        """Take a step of each parameter in ``work``; everything has been checked."""
        stored = self.convention.hyperparameters == "stored"
        before = dict(self.state)
        thetas = [(parameter, self._copy(parameter.data)) for parameter, _ in work]
        try:
            for parameter, hyper in work:
                state = self.state.get(parameter, ParameterState())
                mean = self._update(parameter, state, hyper)
                scheduled = hyper[:4] if stored else None
                self.state[parameter] = ParameterState(state.step + 1, mean, scheduled, t0=hyper.t0)
        except BaseException:
            # All or nothing, whatever interrupts it.
            for parameter, theta in thetas:
                parameter.data[...] = theta
            self.state = before
            raise

    def _parameters(self) -> list[P]:
        return [p for group in self.param_groups for p in group["params"]]

    def _average(self, parameter: P, theta: Any) -> Any:
        """Average of ``parameter``, whose value is ``theta``, as a new array."""
        mean = self.state.get(parameter, ParameterState()).average
        return self._copy(theta if mean is None else mean)

    def _load_state(
        self, parameter: P, state: Any, hyper: Hyperparameters, *, stored: bool
    ) -> ParameterState:
        # States that were saved before carry and t0 were kept have none.
        known = {"step", "average", "scheduled", "carry", "t0"}
        if not isinstance(state, dict) or {*state, "carry", "t0"} != known:
            raise ValueError(
                "a parameter's state must hold step, average, scheduled, carry and t0, "
                f"got {shown(state)}"
            )
        step, scheduled = state["step"], state["scheduled"]
        if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= STEPS:
            raise ValueError(f"step must be an integer in [0, 2^53], got {shown(step)}")
        if (scheduled is not None) != (stored and step > 0):
            raise ValueError(f"scheduled does not fit the convention, got {shown(scheduled)}")
        if scheduled is not None:
            if not isinstance(scheduled, Sequence) or len(scheduled) != 4:
                raise ValueError(
                    f"scheduled must hold lr, lambd, alpha, t0, got {shown(scheduled)}"
                )
            names = list(DEFAULTS)[:4]
            lr, lambd, alpha, t0 = map(check_hyperparameter, names, scheduled)
            scheduled = (lr, lambd, alpha, t0)
        mean = state["average"]
        if mean is not None:
            mean = self._decode(mean, parameter.data)
        carry = self._decode_carry(state.get("carry"), parameter.data, step)
        begins = state.get("t0", hyper.t0 if step else None)
        if (begins is not None) != (step > 0):
            raise ValueError(f"t0 does not fit a state of step {step}, got {shown(begins)}")
        if begins is not None:
            begins = check_hyperparameter("t0", begins)
        loaded = ParameterState(step, mean, scheduled, carry, begins)
        _check_start(hyper.t0, loaded)
        return loaded


def _open_state_dict(
    state_dict: Any, convention: str, compensated: bool
) -> tuple[list[Any], list[Any]]:
    """Groups and states of ``state_dict``, if it is of this kind of optimizer."""
    if not isinstance(state_dict, dict):
        raise TypeError(f"state_dict must be a dict, got {type(state_dict).__name__}")
    if state_dict.get("format") != FORMAT:
        raise ValueError(f"state_dict must be of format {FORMAT}, got {state_dict.get('format')!r}")
    if state_dict.get("convention") != convention:
        raise ValueError(
            f"state_dict must be of convention {convention}, got {state_dict.get('convention')!r}"
        )
    if state_dict.get("compensated", False) is not compensated:
        raise ValueError(
            f"state_dict must be of an optimizer with compensated={compensated}, "
            f"got {state_dict.get('compensated', False)!r}"
        )
    groups, states = state_dict.get("param_groups"), state_dict.get("state")
    known = {"params", "maximize", *DEFAULTS}
    if (
        not isinstance(groups, list)
        or not isinstance(states, list)
        or not all(isinstance(g, dict) and set(g) == known for g in groups)
        or not all(isinstance(g["params"], list) for g in groups)
    ):
        raise ValueError("state_dict must hold the lists param_groups and state of state_dict()")
    return groups, states
