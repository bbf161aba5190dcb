"""A script that shows a divergence with nothing but the port: no import of ours in it."""

import math
from collections.abc import Sequence

from asgd.spec import EQUATIONS

from ..laws.outcome import Failure
from ..oracle.one_number import exact_step_size
from ..ports.adapters import AVERAGE_KEYS
from ..ports.scenario import PausedScenario, Scenario, Set, Step, in_force
from .numbers import decimal

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

_KEYS = ", ".join(repr(key) for key in AVERAGE_KEYS)
_AVERAGE = f"""\
def average(i):
    state = getattr(optimizer, "state", {{}}).get(params[i], {{}})
    shared = getattr(optimizer, "averages", None)
    return shared()[i] if shared else next(state[k] for k in ({_KEYS}) if k in state)
"""

_READ = {"theta": "params[{i}].data", "average": "average({i})"}
_STORED = ("eta", "mu")


def script(
    failure: Failure,
    equation: str,
    dtype: str,
    port: str,
    kind: str,
    *,
    law: str = "",
    lag: int = 0,
) -> str | None:
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
    law : str
        Law of life that it breaks, if it is one of these.
    lag : int
        eta_lag of the convention, by which the gradient is found from theta.
    """
    judgement = failure.judgement
    quantity = judgement.quantity
    known = {*_READ, "gradient", *(_STORED if kind == "torch" else ())}
    if kind not in {"torch", "numpy"} or quantity not in known:
        return None
    low, high = judgement.exact.bounds()
    entry = EQUATIONS[equation]
    where = f"parameter {judgement.parameter}, element {judgement.element}"
    middle = _middle(float(low), float(high)).hex()
    module, _, name = port.rpartition(":")
    # Reading the averages after each step, as was done, may be what disturbs theta.
    watch = kind == "numpy" and equation == "step" and quantity == "theta" and not law
    lines = [
        f"# {entry.id} {entry.name}: {quantity} of {where}, at step {judgement.call}.",
        (_TORCH if kind == "torch" else _NUMPY).format(dtype=dtype).rstrip(),
        *_load(module, name),
        "f = float.fromhex",
        *([_AVERAGE.rstrip()] if quantity == "average" else []),
        *(_lives(failure, law) if law in LIVES else _plain(failure, law, lag, watch=watch)),
        'print("exact ", repr(exact))'
        if law in LIVES
        else f'print("exact ", "{_decimal(failure)}")',
        'print("got   ", repr(got), float(got).hex())',
    ]
    if judgement.tolerance:
        off = f'"off by", abs(got - f("{middle}"))'
        lines.append(f'print("rounding may cost", "{judgement.tolerance:.3g}", {off})')
    return "\n".join(lines) + "\n"


def _decimal(failure: Failure) -> str:
    low, _ = failure.judgement.exact.bounds()
    return decimal(low)


_WATCH = [
    "step, read = optimizer.step, getattr(optimizer, 'averages', list)",
    "optimizer.step = lambda: (read(), step())  # the averages are looked at between steps",
]


def _plain(failure: Failure, law: str, lag: int, *, watch: bool) -> list[str]:
    """The scenario once, and the number at its end."""
    judgement = failure.judgement
    i, j = judgement.parameter, judgement.element
    lines = [
        *_optimizer(failure.scenario),
        *(_WATCH if watch else []),
        *_events(failure.scenario.events, judgement.call),
    ]
    if judgement.quantity in _STORED:  # stored before the step that uses it
        lines.insert(-1, f'got = float(optimizer.state[params[{i}]]["{judgement.quantity}"])')
    elif judgement.quantity != "gradient":
        lines.append(f"got = shown({_READ[judgement.quantity].format(i=i)})[{j}]")
    elif law:  # the caller's own gradient
        lines.append(f"got = shown(params[{i}].grad)[{j}]")
    else:
        lines.insert(-1, f"before = F(shown(params[{i}].data)[{j}])")
        hyper = failure.scenario.groups[_group(failure)].hyper
        eta = exact_step_size(judgement.t - lag, hyper.lr, hyper.lambd, hyper.alpha, 192)
        low, high = eta.bounds()
        lines += [
            f"after = F(shown(params[{i}].data)[{j}])",
            f'eta, lambd = F("{decimal((low + high) / 2, 40)}"), F(f("{hyper.lambd.hex()}"))',
            "# theta = before - eta (gradient + lambd before), solved for the gradient",
            "got = float((before - after) / eta - lambd * before)",
        ]
        lines.insert(0, "from fractions import Fraction as F")
    return lines


def _group(failure: Failure) -> int:
    owner = [i for i, group in enumerate(failure.scenario.groups) for _ in group.params]
    return owner[failure.judgement.parameter]


LIVES = ("resume", "repeat", "twins")
"""Laws of life that see more than one run."""


def _lives(failure: Failure, law: str) -> list[str]:
    """Two runs of which one should be as the other."""
    judgement, scenario = failure.judgement, failure.scenario
    assert isinstance(scenario, PausedScenario)
    read = _READ[judgement.quantity].format(i=judgement.parameter)
    pause = sum(isinstance(event, Step) for event in scenario.events[: scenario.pause])
    run = _indent(_events(scenario.events, judgement.call))
    other = _indent(_events(scenario.other().events, judgement.call))
    begin = _optimizer(scenario)
    shown = f"shown({read})[{judgement.element}]"
    if law == "resume":
        before = _events(scenario.events[: scenario.pause], pause)
        after = _events(scenario.events[scenario.pause :], judgement.call - pause)
        return [
            "import copy",
            *begin,
            *before,
            "state = copy.deepcopy(optimizer.state_dict())",
            "held = [array(shown(p.data)) for p in params]",
            *after,
            f"exact = {shown}  # without interruption",
            "# A new optimizer, with theta and the hyperparameters that were in force.",
            *_optimizer(_paused(scenario)),
            "for p, x in zip(params, held): p.data = x",
            "optimizer.load_state_dict(copy.deepcopy(state))",
            *after,
            f"got = {shown}",
        ]
    lines = ["def run():", "    global optimizer, params", *_indent(begin), *run]
    lines += [f"    return {shown}", "def other():", "    global optimizer, params"]
    lines += [*_indent(_optimizer(scenario.other())), *other]
    if law == "repeat":
        return [*lines, "exact = run()  # the first time", "other()", "got = run()"]
    return [
        *lines,
        "exact = run()  # alone",
        *_in_turns(scenario, judgement.call),
        f"got = {shown}",
    ]


def _paused(scenario: PausedScenario) -> Scenario:
    before, after = scenario.events[: scenario.pause], scenario.events[scenario.pause :]
    return Scenario(in_force(scenario, before, scenario.params), after)


def _in_turns(scenario: PausedScenario, calls: int) -> list[str]:
    """Both optimizers, event by event."""
    lines = [*_optimizer(scenario), "one = optimizer, params"]
    lines += [*_optimizer(scenario.other()), "two = optimizer, params"]
    steps = 0
    for event in scenario.events:
        last = isinstance(event, Step) and steps + 1 == calls
        for name in ("one", "two"):
            if last and name == "two":
                break
            lines += [f"optimizer, params = {name}", *_events((event,), 1)]
        steps += isinstance(event, Step)
        if last:
            break
    return lines


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for text in lines for line in text.splitlines()]


def _load(module: str, name: str) -> list[str]:
    first, _, rest = name.partition(".")
    path = f"Port.{rest}" if rest else "Port"
    if module.endswith(".py"):
        lines = ["import runpy", f"Port = runpy.run_path({module!r})[{first!r}]"]
    else:
        lines = [f"from {module} import {first} as Port"]
    return [*lines, f"Port = {path}"] if rest else lines


def _optimizer(scenario: Scenario) -> list[str]:
    lines, names = [], []
    for i, group in enumerate(scenario.groups):
        params = ", ".join(f"parameter({_vector(p)})" for p in group.params)
        lines.append(f"group{i} = [{params}]")
        hyper = ", ".join(f'"{n}": f("{getattr(group.hyper, n).hex()}")' for n in _HYPER)
        maximize = ', "maximize": True' if group.hyper.maximize else ""
        names.append(f"{{{hyper}{maximize}}}")
    if len(names) == 1:
        lines.append(f"optimizer = Port(group0, **{names[0]})")
    else:
        dicts = ", ".join(f'{{"params": group{i}, **{h}}}' for i, h in enumerate(names))
        lines.append(f"optimizer = Port([{dicts}], **{names[0]})")
    lines.append(f"params = {' + '.join(f'group{i}' for i in range(len(names)))}")
    return lines


def _events(events: Sequence[Step | Set], calls: int) -> list[str]:
    """Lines for the events up to a call: the last step alone, and repeated ones in a loop."""
    until = [i for i, event in enumerate(events) if isinstance(event, Step)][:calls]
    if not until:
        return [
            line for event in events if calls and isinstance(event, Set) for line in _set(event)
        ]
    *first, last = events[: until[-1] + 1]
    lines: list[str] = []
    at = 0
    while at < len(first):
        period, times = _repetition(first, at)
        inside = [line for event in first[at : at + period] for line in _event(event)]
        if times > 1:
            lines += [f"for _ in range({times}):", *_indent(inside)]
        else:
            lines += inside
        at += period * times
    return [*lines, *_event(last)]


def _repetition(events: Sequence[Step | Set], at: int) -> tuple[int, int]:
    """Period of one or two events that repeats from ``at`` on, and how often."""
    for period in (1, 2):
        times = 1
        while events[at : at + period] == events[at + period * times : at + period * (times + 1)]:
            times += 1
        if times > 1:
            return period, times
    return 1, 1


def _event(event: Step | Set) -> list[str]:
    return _step(event) if isinstance(event, Step) else _set(event)


def _step(event: Step) -> list[str]:
    grads = ("None" if g is None else f"array({_vector(g)})" for g in event.grads)
    lines = [f"params[{i}].grad = {value}" for i, value in enumerate(grads)]
    return [*lines, "optimizer.step()"]


def _set(event: Set) -> list[str]:
    return [
        f'optimizer.param_groups[{event.group}]["{name}"] = f("{float(number).hex()}")'
        for name, number in event.changes.items()
    ]


# Vectors as long as this are written as repetitions, where they are some.
_LONG, _PERIOD = 32, 8


def _vector(values: tuple[float, ...]) -> str:
    if len(values) > _LONG:
        for period in range(1, _PERIOD + 1):
            part = values[:period]
            times = -(-len(values) // period)
            if (part * times)[: len(values)] == values:
                return f"({_vector(part)} * {times})[:{len(values)}]"
    return "[" + ", ".join(_short(x) for x in values) + "]"


def _short(x: float) -> str:
    """A literal of exactly this number: decimal where that is short, else hexadecimal."""
    if math.isfinite(x) and x.is_integer() and abs(x) < 2**20:
        return repr(x)
    return f'f("{x.hex()}")'


def _middle(low: float, high: float) -> float:
    return low + (high - low) / 2
