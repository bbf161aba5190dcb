"""Find the step counter in a saved state, and see whether it goes past an edge."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from ..ports.protocol import PortError
from ..ports.scenario import Scenario, drive, single
from .outcome import Subject

HYPER = Hyperparameters(lr=0.25, lambd=0.125, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False)
# The steps before the state is saved: a number that no hyperparameter above equals.
_STEPS = 5


def count_beyond(subject: Subject, edge: float) -> float | None:
    """What the step counter shows two steps after ``edge``, by loading a state that is close to it.

    None where that cannot be seen: the port saves no state, or nothing in it counts the steps.
    """
    if "save" not in subject.hello.supports:
        return None
    still = ((0.0,),)
    scenario = single(HYPER, ((1.0,),), (still,) * _STEPS)
    grads = [np.zeros(1, subject.dtype)]
    try:
        drive(subject.port, scenario, subject.dtype)
        state = copy.deepcopy(subject.port.save())
        subject.port.step(grads)
        later = copy.deepcopy(subject.port.save())
        moved, count = _replace(copy.deepcopy(state), _STEPS, edge - 2)
        # Every number that is moved must be a counter.
        if (
            not count
            or _replace(later, _STEPS + 1, 0.0)[1] < count
            or _replace(later, _STEPS, 0)[1]
        ):
            return None
        drive(subject.port, Scenario(scenario.groups, ()), subject.dtype)
        subject.port.load(moved)
        subject.port.step(grads)
        taken = _find(moved, copy.deepcopy(subject.port.save()), edge - 2)
        for _ in range(3):
            subject.port.step(grads)
        after = subject.port.save()
    except PortError:
        raise
    except Exception:  # noqa: BLE001 - a state that does not take this says nothing
        return None
    # Where the loaded count was not taken over, what comes after says nothing of the edge.
    return _find(moved, after, edge - 2) if taken == edge - 1 else None


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
        return type(state)(v for v, _ in pairs), sum(n for _, n in pairs)
    if _number(state) != old:
        return state, 0
    return _like(state)(new), 1


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
