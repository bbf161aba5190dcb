"""A script that shows a divergence with nothing but the port: no import of ours in it."""

import math

from asgd.spec import EQUATIONS

from .report import decimal
from .runner import Failure
from .scenario import Step

_HYPER = ("lr", "lambd", "alpha", "t0", "weight_decay")

_TORCH = """\
import torch
array = lambda x: torch.tensor(x, dtype=torch.{dtype})
parameter = lambda x: torch.nn.Parameter(array(x))
shown = lambda x: x.detach().tolist()
"""

_NUMPY = """\
import numpy as np
array = lambda x: np.array(x, "{dtype}")
class parameter:
    def __init__(self, x): self.data, self.grad = array(x), None
shown = lambda x: np.asarray(x).tolist()
"""

_READ = {
    "theta": "shown(params[{i}].data)",
    "average": "shown(optimizer.averages()[{i}])",
}
_READ_TORCH = {
    "theta": "shown(params[{i}].data)",
    "average": 'shown(optimizer.state[params[{i}]]["{key}"])',
    "eta": '[float(optimizer.state[params[{i}]]["eta"])]',
    "mu": '[float(optimizer.state[params[{i}]]["mu"])]',
}


def script(failure: Failure, equation: str, dtype: str, port: str, kind: str) -> str | None:
    """Python script that shows ``failure``, or None where the port is no optimizer class.

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
    """
    judgement = failure.judgement
    reads = {"torch": _READ_TORCH, "numpy": _READ}.get(kind, {})
    if judgement.quantity not in reads:
        return None
    module, _, name = port.rpartition(":")
    low, high = judgement.exact.bounds()
    entry = EQUATIONS[equation]
    read = reads[judgement.quantity].format(i=judgement.parameter, key="ax")
    where = f"parameter {judgement.parameter}, element {judgement.element}"
    middle = _middle(float(low), float(high)).hex()
    off = f'"off by", abs(got - f("{middle}"))'
    lines = [
        f"# {entry.id} {entry.name}: {judgement.quantity} of {where}, at step {judgement.call}.",
        (_TORCH if kind == "torch" else _NUMPY).format(dtype=dtype).rstrip(),
        *_load(module, name),
        "f = float.fromhex",
        *_optimizer(failure),
        *_events(failure),
    ]
    if judgement.quantity in {"eta", "mu"}:  # stored before the step that uses it
        lines.insert(-1, f"got = {read}[0]")
    else:
        lines.append(f"got = {read}[{judgement.element}]")
    lines += [
        f'print("exact ", "{decimal(low)}")',
        'print("got   ", repr(got), got.hex())',
        f'print("rounding may cost", "{judgement.tolerance:.3g}", {off})',
    ]
    return "\n".join(lines) + "\n"


def _load(module: str, name: str) -> list[str]:
    first, _, rest = name.partition(".")
    path = f"Port.{rest}" if rest else "Port"
    if module.endswith(".py"):
        lines = ["import runpy", f"Port = runpy.run_path({module!r})[{first!r}]"]
    else:
        lines = [f"from {module} import {first} as Port"]
    return [*lines, f"Port = {path}"] if rest else lines


def _optimizer(failure: Failure) -> list[str]:
    groups = failure.scenario.groups
    lines, names = [], []
    for i, group in enumerate(groups):
        params = ", ".join(f"parameter({_vector(p)})" for p in group.params)
        lines.append(f"group{i} = [{params}]")
        hyper = ", ".join(f'"{n}": f("{getattr(group.hyper, n).hex()}")' for n in _HYPER)
        maximize = ', "maximize": True' if group.hyper.maximize else ""
        names.append(f"{{{hyper}{maximize}}}")
    if len(groups) == 1:
        lines.append(f"optimizer = Port(group0, **{names[0]})")
    else:
        dicts = ", ".join(f'{{"params": group{i}, **{h}}}' for i, h in enumerate(names))
        lines.append(f"optimizer = Port([{dicts}])")
    lines.append(f"params = {' + '.join(f'group{i}' for i in range(len(groups)))}")
    return lines


def _events(failure: Failure) -> list[str]:
    lines, calls = [], 0
    for event in failure.scenario.events:
        if isinstance(event, Step):
            calls += 1
            for i, grad in enumerate(event.grads):
                value = "None" if grad is None else f"array({_vector(grad)})"
                lines.append(f"params[{i}].grad = {value}")
            lines.append("optimizer.step()")
            if calls == failure.judgement.call:
                break
        else:
            for name, number in event.changes.items():
                place = f'optimizer.param_groups[{event.group}]["{name}"]'
                lines.append(f'{place} = f("{number.hex()}")')
    return lines


def _vector(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(_short(x) for x in values) + "]"


def _short(x: float) -> str:
    """A literal of exactly this number: decimal where that is short, else hexadecimal."""
    if math.isfinite(x) and x.is_integer() and abs(x) < 2**20:
        return repr(x)
    return f'f("{x.hex()}")'


def _middle(low: float, high: float) -> float:
    return low + (high - low) / 2
