"""What users do with an optimizer beside its formulas: each habit should change nothing.

A port is compared with itself, to the bit, in its own process. No equation says any of this, so
what differs is a finding.
"""

import copy
import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any, NamedTuple

import numpy as np

HYPER = MappingProxyType({"lr": 1, "lambd": 1, "alpha": 1, "t0": 1, "weight_decay": 1})
"""Hyperparameters that are integers, and no defaults."""
_FLOATS = {name: float(value) for name, value in HYPER.items()}
_THETA, _OTHER = (1.0, -0.75), (-0.5, 3.0)
_GRADS = ((0.5, -0.25), (-0.125, 0.75), (1.0, 0.5), (0.25, -1.0))
_MOST = 10_000
"""Objects that are looked at before a copy is made."""


class _ClosureError(Exception):
    """What a closure raises."""


class Habit(NamedTuple):
    """What a user does.

    Attributes
    ----------
    broken : str
        What is said where it changes something.
    holds : callable
        Whether it changes nothing, for a port and a dtype.
    needs : set of str
        What the port must support.
    """

    broken: str
    holds: Callable[[Any, str], bool]
    needs: AbstractSet[str] = frozenset()


Bits = list[tuple[Any, ...]]
"""Theta and the averages of all parameters, after each step."""


def broken_habits(port: Any, dtype: str) -> list[str]:
    """Names of the habits that change what a port computes, or make it raise.

    Parameters
    ----------
    port : OptimizerPort
        The port.
    dtype : str
        Of the parameters.
    """
    supports = frozenset(port.hello()["supports"])
    return [
        name
        for name, habit in HABITS.items()
        if habit.needs <= supports and not _tried(habit.holds, port, dtype)
    ]


def _tried(holds: Callable[[Any, str], bool], port: Any, dtype: str) -> bool:
    try:
        with np.errstate(all="ignore"):
            return holds(port, dtype)
    except (Exception, SystemExit):  # noqa: BLE001 - whatever a foreign optimizer raises
        return False


def _open(port: Any, dtype: str, theta: Sequence[float], hyper: Mapping[str, float]) -> None:
    port.open(dtype, [{**hyper, "params": [np.array(theta, dtype)]}])


def _run(
    port: Any,
    dtype: str,
    grads: Sequence[Sequence[float]],
    before: Callable[[int], None] | None = None,
) -> Bits:
    out = []
    for i, grad in enumerate(grads):
        if before is not None:
            before(i)
        out.append(_bits(port.step([np.array(grad, dtype)] * len(port.params))))
    return out


def _bits(shown: Mapping[str, Any]) -> tuple[Any, ...]:
    rows = (*shown["theta"], *shown["average"])
    return tuple(None if row is None else np.asarray(row).tobytes() for row in rows)


def _plain(port: Any, dtype: str) -> Bits:
    _open(port, dtype, _THETA, _FLOATS)
    return _run(port, dtype, _GRADS)


def _takes_integers(port: Any, dtype: str) -> bool:
    """lr=1 is lr=1.0, also where it becomes 0.5 later."""
    ends = []
    for hyper in (_FLOATS, HYPER):
        _open(port, dtype, _THETA, hyper)

        def later(i: int) -> None:
            if i == len(_GRADS) // 2:
                port.set(0, lr=0.5)

        ends.append(_run(port, dtype, _GRADS, later))
    return ends[0] == ends[1]


def _fills_groups(port: Any, dtype: str) -> bool:
    """A group that leaves hyperparameters out takes the constructor's."""
    ends = []
    for bare in (False, True):
        groups = [{**_FLOATS, "params": [np.array(x, dtype)]} for x in (_THETA, _OTHER)]
        port.open(dtype, groups, bare=bare)
        ends.append(_run(port, dtype, _GRADS))
    return ends[0] == ends[1]


def _takes_assignment(port: Any, dtype: str) -> bool:
    """Theta is what the parameter holds: loaded, swapped or clipped by its owner."""
    return (
        _takes_other_arrays(port, dtype)
        and _takes_values_before(port, dtype)
        and _takes_values_between(port, dtype)
        and _keeps_its_average(port, dtype)
    )


def _takes_other_arrays(port: Any, dtype: str) -> bool:
    def replaced(_: int) -> None:
        for parameter in port.params:
            parameter.data = copy.deepcopy(parameter.data)

    wanted = _plain(port, dtype)
    _open(port, dtype, _THETA, _FLOATS)
    return _run(port, dtype, _GRADS, replaced) == wanted


def _takes_values_before(port: Any, dtype: str) -> bool:
    """Weights are loaded after the optimizer was made; theta_0 is in the average."""
    hyper = {**_FLOATS, "t0": 0.0}
    _open(port, dtype, _THETA, hyper)
    wanted = _run(port, dtype, _GRADS)
    _open(port, dtype, _OTHER, hyper)
    for parameter in port.params:
        parameter.data = copy.deepcopy(parameter.data)
    port.assign(_THETA)
    return _run(port, dtype, _GRADS) == wanted


def _takes_values_between(port: Any, dtype: str) -> bool:
    # With alpha = 0 every step size is that of a first step.
    hyper = {**_FLOATS, "alpha": 0.0, "t0": 1e6}
    _open(port, dtype, _OTHER, hyper)
    [(wanted, *_)] = _run(port, dtype, _GRADS[:1])
    _open(port, dtype, _THETA, hyper)
    _run(port, dtype, _GRADS[1:])
    port.assign(_OTHER)
    [(theta, *_)] = _run(port, dtype, _GRADS[:1])
    return bool(theta == wanted)


def _keeps_its_average(port: Any, dtype: str) -> bool:
    """What is put into theta goes into no average before the next step."""
    if "save" not in port.hello()["supports"]:
        return True
    # As the window opens, the average is theta.
    _open(port, dtype, _THETA, _FLOATS)
    _run(port, dtype, _GRADS[:1])
    state = port.save()
    port.assign(_OTHER)
    here = _run(port, dtype, _GRADS[1:])
    _open(port, dtype, _OTHER, _FLOATS)
    port.load(state)
    return _run(port, dtype, _GRADS[1:]) == here


def _turns(port: Any, dtype: str) -> bool:
    """A maximize that is changed is in force from the next step on."""
    # With alpha = 0 every step size is that of a first step.
    hyper = {**_FLOATS, "alpha": 0.0, "t0": 1e6}
    _open(port, dtype, _THETA, hyper)
    _run(port, dtype, _GRADS[:1])
    begun = port.shown()["theta"][0]
    port.set(0, maximize=True)
    [(theta, *_)] = _run(port, dtype, _GRADS[1:2])
    _open(port, dtype, begun, {**hyper, "maximize": True})
    [(wanted, *_)] = _run(port, dtype, _GRADS[1:2])
    return bool(theta == wanted)


def _loads_again(port: Any, dtype: str) -> bool:
    """A state may be loaded twice: neither a load nor what follows it changes the caller's."""
    # Torch's own class hands the arrays of a state on, whatever a port makes of that.
    if port.kind != "numpy":
        return True
    _open(port, dtype, _THETA, _FLOATS)
    _run(port, dtype, _GRADS[:2])
    state, theta = port.save(), port.shown()["theta"][0]
    ends = []
    for _ in range(2):
        _open(port, dtype, theta, _FLOATS)
        port.optimizer.load_state_dict(state)
        ends.append(_run(port, dtype, _GRADS[2:]))
    return ends[0] == ends[1]


def _takes_closures(port: Any, dtype: str) -> bool:
    """step(closure) calls it once, where gradients can be made, before it looks at them."""
    wanted = _plain(port, dtype)
    _open(port, dtype, _THETA, _FLOATS)
    if not inspect.signature(port.optimizer.step).parameters:
        return True
    loss, calls = 1.5, list[bool]()

    def fails() -> float:
        raise _ClosureError

    for grad in _GRADS:

        def closure(grad: Any = grad) -> float:
            calls.append(port.makes_gradients())
            port.give([np.array(grad, dtype)])
            return loss

        port.give([None])
        # A step whose closure raises must change nothing.
        with suppress(_ClosureError):
            port.optimizer.step(fails)
        if port.optimizer.step(closure) != loss:
            return False
    return calls == [True] * len(_GRADS) and _bits(port.shown()) == wanted[-1]


def _takes_arrays_again(port: Any, dtype: str) -> bool:
    """A gradient's array may be filled anew for the next step, or be another parameter's too."""
    wanted = _plain(port, dtype)
    _open(port, dtype, _THETA, _FLOATS)
    out, kept = [], None
    for grad in _GRADS:
        port.give([np.array(grad, dtype)])
        [parameter] = port.params
        if kept is None:
            kept = parameter.grad
        else:
            kept[...] = parameter.grad
            parameter.grad = kept
        port.optimizer.step()
        out.append(_bits(port.shown()))
    if out != wanted or "groups" not in port.hello()["supports"]:
        return bool(out == wanted)
    ends = []
    for shared in (False, True):
        port.open(dtype, [{**_FLOATS, "params": [np.array(x, dtype)]} for x in (_THETA, _OTHER)])
        for grad in _GRADS:
            port.give([np.array(grad, dtype)] * 2)
            if shared:
                port.params[1].grad = port.params[0].grad
            port.optimizer.step()
        ends.append(_bits(port.shown()))
    return bool(ends[0] == ends[1])


def _clears(port: Any, dtype: str) -> bool:
    """zero_grad() clears all gradients."""
    groups = [{**_FLOATS, "params": [np.array(x, dtype)]} for x in (_THETA, _OTHER)]
    port.open(dtype, groups)
    if not callable(getattr(port.optimizer, "zero_grad", None)):
        return True
    _run(port, dtype, _GRADS)
    port.optimizer.zero_grad()
    grads = [parameter.grad for parameter in port.params]
    return all(grad is None or not grad.any() for grad in grads)


def _pickles(port: Any, dtype: str) -> bool:
    """A state goes on from a file as it does without one."""
    _open(port, dtype, _THETA, _FLOATS)
    _run(port, dtype, _GRADS[:2])
    state, theta = port.save(), port.shown()["theta"][0]

    def after(each: Any) -> Bits:
        _open(port, dtype, theta, _FLOATS)
        port.load(each)
        return _run(port, dtype, _GRADS[2:])

    try:
        wanted = after(state)
    except Exception:  # noqa: BLE001 - what cannot be loaded at all is no habit's fault
        return True
    return after(pickle.loads(pickle.dumps(state))) == wanted  # noqa: S301 - the port's own


def _copies(port: Any, dtype: str) -> bool:
    """A deep copy of optimizer and parameters goes on as they do, and alone."""
    _open(port, dtype, _THETA, _FLOATS)
    _run(port, dtype, _GRADS[:2])
    try:
        if _frees(port.optimizer):
            return True
        other = port.copied()
    except Exception:  # noqa: BLE001 - what cannot be copied at all is no habit's fault
        return True
    return _run(port, dtype, _GRADS[2:]) == _run(other, dtype, _GRADS[2:])


def _frees(owner: Any) -> bool:
    """Whether anything that an object holds has a ``__del__``: a copy would free that again."""
    found, ids = [owner], {id(owner)}
    for one in found:
        if hasattr(type(one), "__del__") or len(found) > _MOST:
            return True
        if isinstance(one, type | FunctionType | ModuleType):
            continue  # No copy is made of these.
        inside = list(getattr(one, "__dict__", {}).values())
        for kind in type(one).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            names = (slots,) if isinstance(slots, str) else slots
            inside += [getattr(one, name, None) for name in names]
        if isinstance(one, Mapping):
            inside += [*one, *one.values()]
        elif isinstance(one, list | tuple | AbstractSet):
            inside += one
        for each in inside:
            if id(each) not in ids:
                ids.add(id(each))
                found.append(each)
    return False


HABITS: Mapping[str, Habit] = MappingProxyType(
    {
        "integers-differ": Habit(
            "hyperparameters that are integers give other numbers, or are refused",
            _takes_integers,
            {"set"},
        ),
        "group-defaults-ignored": Habit(
            "a group that leaves hyperparameters out does not take the constructor's",
            _fills_groups,
            {"groups"},
        ),
        "assigned-theta-ignored": Habit(
            "values that a user puts into a parameter are lost, or spoil the state",
            _takes_assignment,
        ),
        "closure-mishandled": Habit(
            "step(closure) does not call it exactly once, with gradients enabled, and return what "
            "it returns; or a closure that raises leaves traces",
            _takes_closures,
        ),
        "gradient-array-mistaken": Habit(
            "a gradient whose array was that of another step, or is that of another parameter too, "
            "is mistaken for it",
            _takes_arrays_again,
        ),
        "gradients-not-cleared": Habit("zero_grad() leaves a gradient", _clears, {"groups"}),
        "state-not-pickled": Habit(
            "a state that was pickled does not go on as it should", _pickles, {"save"}
        ),
        "copy-differs": Habit(
            "a deep copy of optimizer and parameters does not go on as they do", _copies
        ),
        "loaded-state-changes": Habit(
            "a state that was loaded is changed by that, or by the steps that follow: it cannot be "
            "loaded again",
            _loads_again,
            {"save"},
        ),
        "maximize-not-changed": Habit(
            "a maximize that is changed in param_groups has no effect",
            _turns,
            {"set", "maximize"},
        ),
    }
)
"""Habits, by the id of the finding that says that one is broken."""
