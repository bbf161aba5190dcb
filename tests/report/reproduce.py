"""A script that shows a divergence with nothing but the port: a fixed player, and its data."""

import math
import pprint
from collections.abc import Sequence
from importlib import resources
from typing import Any, Literal

from asgd.spec import EQUATIONS, EquationName

from ..laws.law import LawName
from ..laws.outcome import Failure
from ..oracle.one_number import exact_step_size
from ..ports.adapters import AVERAGE_KEYS
from ..ports.scenario import Add, Event, Group, PausedScenario, Step, rest_of
from ..verify.result import Result
from .numbers import decimal

_SLOT = "CASE: dict[str, Any] = {}\n"
_MODES = ("resume", "repeat", "twins")
_STORED = ("eta", "mu")
# Vectors as long as this are written as what they repeat, where they repeat something.
_LONG, _PERIOD = 32, 8


def script_of(result: Result) -> str | None:
    """Script that shows the first divergence of a result; None where there is none."""
    first = result.first
    if first is None:
        return None
    found = next(d for d in result.dtypes if d.dtype == first.dtype)
    lag = found.identity.convention.eta_lag if found.identity else 0
    return script(
        first.failure,
        first.equation,
        first.dtype,
        result.port,
        result.kind,
        law=first.law,
        lag=lag,
        device=result.options.device,
    )


def script(
    failure: Failure,
    equation: EquationName,
    dtype: str,
    port: str,
    kind: str,
    *,
    law: LawName | Literal[""] = "",
    lag: int = 0,
    device: str = "cpu",
) -> str | None:
    """Python script that shows ``failure``, or None unless the port is an optimizer class.

    Parameters
    ----------
    failure : Failure
        What to show.
    equation : str
        Name of the equation that it breaks.
    dtype : str
        Of the parameters.
    port : str
        Import path, package.module:Object or file.py:Object.
    kind : str
        "torch" or "numpy": what the port takes; else there is no script.
    law : str
        Law of the lifecycle that it breaks, if it is one of these.
    lag : int
        eta_lag of the convention, by which the gradient is found from theta.
    device : str
        Where the parameters of a torch port are.
    """
    judgement = failure.judgement
    quantity = judgement.quantity
    known = {"theta", "average", "gradient", *(_STORED if kind == "torch" else ())}
    if kind not in {"torch", "numpy"} or quantity not in known or judgement.call == 0:
        return None
    low, high = judgement.exact.bounds()
    middle = float(low) + (float(high) - float(low)) / 2
    wanted = judgement.wanted
    case: dict[str, Any] = {
        "port": port,
        "kind": kind,
        "dtype": dtype,
        "device": device,
        "mode": _mode(law, failure.scenario),
        "raised": failure.raised,
        "quantity": "grad" if quantity == "gradient" and law else quantity,
        "parameter": judgement.parameter,
        "element": judgement.element,
        "exact": decimal(low) if wanted is None else repr(wanted),
        "middle": (middle if wanted is None else wanted).hex(),
        "tolerance": judgement.tolerance,
        # Reading the averages between the steps may be what disturbs theta.
        "watch": kind == "numpy" and equation == "step" and quantity == "theta" and not law,
        "average_keys": list(AVERAGE_KEYS),
        "groups": _groups(failure.scenario.groups),
        "layouts": [list(layout) for layout in failure.scenario.layouts],
        "events": _written(failure.scenario.events[: _end(failure)]),
        **_gradient(failure, lag),
        **_pause(failure),
    }
    entry = EQUATIONS[equation]
    where = f"parameter {judgement.parameter}, element {judgement.element}"
    head = f"# {entry.id} {entry.name}: {quantity} of {where}, at step {judgement.call}.\n"
    player = resources.files(__package__).joinpath("player.py").read_text(encoding="utf-8")
    data = pprint.pformat(case, width=96, sort_dicts=False, compact=True)
    return head + player.replace(_SLOT, f"CASE: dict[str, Any] = {data}\n")


def _gradient(failure: Failure, lag: int) -> dict[str, Any]:
    """What the gradient is found with: the exact step size, and the decay."""
    judgement, groups = failure.judgement, failure.scenario.groups
    if judgement.quantity != "gradient":
        return {}
    owner = [group for group in groups for _ in group.params]
    hyper = owner[judgement.parameter].hyper
    low, high = exact_step_size(judgement.t - lag, hyper.lr, hyper.lambd, hyper.alpha, 192).bounds()
    return {"eta": decimal((low + high) / 2, 40), "lambd": hyper.lambd.hex()}


def _mode(law: str, scenario: Any) -> str:
    if isinstance(scenario, PausedScenario) and scenario.used:
        return "roll_back"
    if isinstance(scenario, PausedScenario) and scenario.unread and law == "repeat":
        return "unread"
    return law if law in _MODES else "plain"


def _pause(failure: Failure) -> dict[str, Any]:
    """Where a run is interrupted, what it goes on with, and the other run beside it."""
    scenario = failure.scenario
    if not isinstance(scenario, PausedScenario):
        return {}
    more = {"rest": _written(scenario.events[_end(failure) :])} if scenario.used else {}
    return {
        **more,
        "pause": scenario.pause,
        "resumed": _groups(rest_of(scenario, scenario.pause, ()).groups),
        "others": _groups(scenario.other().groups),
    }


def _groups(groups: Sequence[Group]) -> list[Any]:
    return [
        {
            "hyper": {
                name: _number(value)
                for name, value in group.hyper._asdict().items()
                if name != "maximize" or value
            },
            "params": [_vector(p) for p in group.params],
        }
        for group in groups
    ]


def _end(failure: Failure) -> int:
    """Events up to the failing step call."""
    events = failure.scenario.events
    ends = [i for i, event in enumerate(events) if isinstance(event, Step)]
    return ends[: failure.judgement.call][-1] + 1


def _written(chosen: Sequence[Event]) -> list[Any]:
    """Events as data, repeated ones once."""
    out: list[Any] = []
    at = 0
    while at < len(chosen):
        period, times = _repetition(chosen, at)
        part = [_event(event) for event in chosen[at : at + period]]
        out += [["repeat", times, part]] if times > 1 else part
        at += period * times
    return out


def _repetition(events: Sequence[Event], at: int) -> tuple[int, int]:
    """Period of one or two events that repeats from ``at`` on, and how often."""
    for period in (1, 2):
        times = 1
        while events[at : at + period] == events[at + period * times : at + period * (times + 1)]:
            times += 1
        if times > 1:
            return period, times
    return 1, 1


def _event(event: Event) -> list[Any]:
    if isinstance(event, Add):
        return ["add", event.group]
    if isinstance(event, Step):
        return ["step", [None if g is None else _vector(g) for g in event.grads]]
    return ["set", event.group, {name: _number(x) for name, x in event.changes.items()}]


def _vector(values: Sequence[float]) -> Any:
    if len(values) > _LONG:
        for period in range(1, _PERIOD + 1):
            part = tuple(values[:period])
            times = -(-len(values) // period)
            if (part * times)[: len(values)] == tuple(values):
                return {"repeat": _vector(part), "size": len(values)}
    return [_number(x) for x in values]


def _number(x: float) -> float | str:
    """A number, exactly: decimal where that is short, else hexadecimal."""
    if isinstance(x, bool):
        return x
    value = float(x)
    if math.isfinite(value) and value.is_integer() and abs(value) < 2**20:
        return value
    return value.hex()
