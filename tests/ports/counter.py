"""Find the step counter in a saved state, set it, and see how the port goes on from there."""

import copy
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from .capabilities import capabilities
from .protocol import Observation, Port, RaisedError, Shown, asking, take_step
from .scenario import Scenario, drive, single

HYPER = Hyperparameters(lr=0.25, lambd=0.125, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False)
# The steps before the state is saved: a number that no hyperparameter above equals.
_STEPS = 5


def count_beyond(port: Any, dtype: str, edge: float) -> float | None:
    """Step count shown two steps after ``edge``, once a state close to it is loaded.

    None where that cannot be seen: nothing in the saved state counts the steps.
    """
    if capabilities(port).remote:
        found: float | None = port.count_beyond(dtype, edge)
        return found
    still = ((0.0,),)
    scenario = single(HYPER, ((1.0,),), (still,) * _STEPS)
    grads = [np.zeros(1, dtype)]
    try:
        drive(port, scenario, dtype)
        with asking("save or load"):
            state = copy.deepcopy(port.save())
            port.step(grads)
            later = copy.deepcopy(port.save())
            moved, count = _replace(copy.deepcopy(state), _STEPS, edge - 2)
        # Every number that is moved must be a counter.
        if (
            not count
            or _replace(later, _STEPS + 1, 0.0)[1] < count
            or _replace(later, _STEPS, 0)[1]
        ):
            return None
        drive(port, Scenario(scenario.groups, ()), dtype)
        with asking("save or load"):
            port.load(moved)
            port.step(grads)
            taken = _find(moved, copy.deepcopy(port.save()), edge - 2)
            for _ in range(3):
                port.step(grads)
            reached = _find(moved, port.save(), edge - 2)
    except RaisedError:
        return None  # A state that does not take this says nothing.
    # Where the loaded count was not taken over, what comes after says nothing of the edge.
    return reached if taken == edge - 1 else None


RESTED = Hyperparameters(
    lr=0.25, lambd=2.0**-6, alpha=0.75, t0=2.0, weight_decay=0.0, maximize=False
)
"""What `steps_from` opens with."""
LAST = ((1.0, -0.5), (-1.0, 0.75)) * 2
"""Gradients of its last steps."""


def steps_from(port: Any, dtype: str, count: int) -> list[Observation] | None:
    """What the last steps of a long run show, once a state of ``count`` steps is loaded.

    Theta and all gradients are 0 until then, and for two steps after it: so the only numbers of
    such a state that depend on its steps are counts, and what is made from them in a step.

    None where that cannot be seen: nothing in the saved state counts the steps.
    """
    if capabilities(port).remote:
        found: list[Observation] | None = port.steps_from(dtype, count)
        return found
    shown = shown_from(port, dtype, count)
    return None if shown is None else [one.observation() for one in shown]


def shown_from(port: Port, dtype: str, count: int) -> list[Shown] | None:
    """As `steps_from`, in the process of the port."""
    zeros = (0.0,) * len(LAST[0])
    scenario = single(RESTED, (zeros,), ((zeros,),) * _STEPS)
    sizes = [len(zeros)]

    def step(values: Sequence[float]) -> Shown:
        return take_step(port, [np.array(values, dtype)], dtype, sizes)

    try:
        drive(port, scenario, dtype)
        with asking("save or load"):
            state = copy.deepcopy(port.save())
            step(zeros)
            moved, counts = _shift(state, copy.deepcopy(port.save()), count - _STEPS)
        if not counts:
            return None
        drive(port, Scenario(scenario.groups, ()), dtype)
        with asking("save or load"):
            port.load(moved)
        for _ in range(2):
            step(zeros)
        return [step(values) for values in LAST]
    except RaisedError:
        return None  # A state that does not take this says nothing.


def _shift(state: Any, later: Any, by: int) -> tuple[Any, int]:
    """State with ``by`` added to every number that is one larger a step later, and their count."""
    if isinstance(state, dict) and isinstance(later, dict):
        parts = {k: _shift(value, later.get(k), by) for k, value in state.items()}
        return {k: v for k, (v, _) in parts.items()}, sum(n for _, n in parts.values())
    if isinstance(state, list | tuple) and isinstance(later, list | tuple):
        pairs = [_shift(x, y, by) for x, y in zip_longest(state, later)][: len(state)]
        return _alike(state, [v for v, _ in pairs]), sum(n for _, n in pairs)
    if isinstance(state, np.ndarray) and state.ndim and np.shape(later) == state.shape:
        counts = state.size > 0 and bool(np.all(later == state + 1))
        return (state + state.dtype.type(by), 1) if counts else (state, 0)
    number, then = _number(state), _number(later)
    if number is None or then is None or then != number + 1:
        return state, 0
    return _like(state)(number + by), 1


def _number(leaf: Any) -> float | None:
    if isinstance(leaf, bool):
        return None
    if isinstance(leaf, int | float):
        return float(leaf)
    if hasattr(leaf, "item") and getattr(leaf, "ndim", None) == 0:
        return float(leaf.item())
    return None


def _replace(state: Any, old: float, new: float) -> tuple[Any, int]:
    """State with every number ``old`` in it replaced, and how many there were."""
    if isinstance(state, dict):
        parts = {key: _replace(value, old, new) for key, value in state.items()}
        return {k: v for k, (v, _) in parts.items()}, sum(n for _, n in parts.values())
    if isinstance(state, list | tuple):
        pairs = [_replace(value, old, new) for value in state]
        return _alike(state, [v for v, _ in pairs]), sum(n for _, n in pairs)
    if _number(state) != old:
        return state, 0
    return _like(state)(new), 1


def _alike(state: Any, values: list[Any]) -> Any:
    """A list, tuple or named tuple of other values."""
    make = getattr(state, "_make", type(state))
    return make(values)


def _like(leaf: Any) -> Callable[[float], Any]:
    if isinstance(leaf, int):
        return int
    if isinstance(leaf, float):
        return float
    if hasattr(leaf, "new_tensor"):
        make: Callable[[float], Any] = leaf.new_tensor
        return make
    return lambda x: np.full_like(leaf, x)


def _find(before: Any, after: Any, value: float) -> float | None:
    """Number in ``after`` at the place where ``before`` has ``value``."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = [_find(before[k], after[k], value) for k in before if k in after]
    elif isinstance(before, list | tuple) and isinstance(after, list | tuple):
        found = [_find(x, y, value) for x, y in zip(before, after, strict=False)]
    else:
        return _number(after) if _number(before) == value else None
    return next((x for x in found if x is not None), None)
