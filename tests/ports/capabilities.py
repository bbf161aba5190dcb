"""What a port can do beyond the protocol: asked of the port, never of its class."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asgd.spec import DEFAULTS

from .protocol import Port, asking, take_step


@dataclass(frozen=True)
class Capabilities:
    """What a port can do, or owes, beyond the operations of the protocol.

    Attributes
    ----------
    kind : str
        Make: "numpy", "torch", "program"; empty for a class of `Port`'s methods.
    isolated : bool
        Whether it runs in another process than the judge's.
    remote : bool
        Whether it takes whole scenarios at once, and does itself what is done beside a port.
    shows_gradients : bool
        Whether the gradients can be seen after a step.
    keeps_gradients : bool
        Whether it keeps copies of them, which its ``gradients()`` gives.
    copies_state : bool
        Whether a saved state is a copy, which nothing changes afterwards.
    as_used : bool
        Whether it can do what users do, and protocols do not say: load a state into an optimizer
        that has run; take steps that nobody looks at.
    json_state : bool
        Whether a saved state is JSON.
    must_refuse : bool
        Whether the protocol obliges it to refuse bad hyperparameters.
    arranges : bool
        Whether it gives parameters and gradients the layouts that a scenario names.
    defaults : mapping
        Hyperparameters whose default is another than the document's, and that default.
    """

    kind: str = ""
    isolated: bool = False
    remote: bool = False
    shows_gradients: bool = True
    keeps_gradients: bool = False
    copies_state: bool = False
    as_used: bool = False
    json_state: bool = False
    must_refuse: bool = False
    arranges: bool = False
    defaults: Mapping[str, str] = field(default_factory=dict)


def capabilities(port: Any) -> Capabilities:
    """What ``port`` says that it can do; the least where it says nothing."""
    said = getattr(port, "capabilities", None)
    return said if isinstance(said, Capabilities) else Capabilities()


def of_optimizer(kind: str, factory: Any) -> Capabilities:
    """Of an optimizer that ``factory`` makes, behind an adapter."""
    return Capabilities(
        kind=kind,
        keeps_gradients=True,
        copies_state=True,
        as_used=True,
        arranges=True,
        defaults=_other_defaults(factory),
    )


def _other_defaults(factory: Any) -> dict[str, str]:
    """Hyperparameters whose default in a signature is a number, and not the document's."""
    try:
        # What a caller has bound is no default of the port's.
        parameters = inspect.signature(getattr(factory, "func", factory)).parameters
    except (TypeError, ValueError):
        return {}
    given = {name: parameters[name].default for name in DEFAULTS if name in parameters}
    return {
        name: repr(value)
        for name, value in given.items()
        if type(value) in {int, float} and value != DEFAULTS[name]
    }


def twin(port: Any) -> Port | None:
    """Another optimizer of the same make in the same process, or None where that is impossible."""
    if isinstance(getattr(port, "capabilities", None), Capabilities):
        made: Port | None = port.twin()
        return made
    try:
        other: Port = type(port)()
    except Exception:  # noqa: BLE001 - whatever a foreign class raises
        return None
    return other


def save_copy(port: Any) -> Any:
    """Copy of the state, made at once."""
    if capabilities(port).remote:
        return port.save_copy()
    with asking("save"):
        return copy.deepcopy(port.save())


def warnings_of(port: Any) -> list[str]:
    """What Python has warned of in the process of a port that has its own, each once."""
    found: list[str] = port.warnings() if capabilities(port).remote else []
    return found


def habits_of(port: Any, dtype: str) -> list[str]:
    """Habits of users that change what the port computes; none where it has no such users."""
    known = capabilities(port).kind in {"numpy", "torch"} and hasattr(port, "habits")
    found: list[str] = port.habits(dtype) if known else []
    return found


def watch(
    port: Any, dtype: str, grads: Sequence[Sequence[float] | None], sizes: Sequence[int]
) -> tuple[tuple[float, ...], ...]:
    """Take one step; the gradients as the caller holds them afterwards."""
    known = capabilities(port)
    if known.remote:
        seen: tuple[tuple[float, ...], ...] = port.watch(grads)
        return seen
    arrays = [None if g is None else np.array(g, dtype) for g in grads]
    take_step(port, arrays, dtype, sizes)
    # An adapter hands on copies, and keeps them.
    kept = port.gradients() if known.keeps_gradients else [a for a in arrays if a is not None]
    return tuple(tuple(np.asarray(g, np.float64).ravel().tolist()) for g in kept)
