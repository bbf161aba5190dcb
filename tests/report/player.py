"""Show one wrong number of a port. This script needs nothing but the port and its library.

Run it where the port can be imported. It prints the exact value and what the port computes.
"""

import copy
import importlib
import runpy
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

CASE: dict[str, Any] = {}


def number(x: Any) -> Any:
    """A number; floats that are long in decimal are written in hexadecimal."""
    return float.fromhex(x) if isinstance(x, str) else x


def vector(entries: Any) -> list[float]:
    """A vector; a long one is written as what it repeats, and its size."""
    if isinstance(entries, dict):
        part, size = vector(entries["repeat"]), int(entries["size"])
        return (part * (size // len(part) + 1))[:size]
    return [float(number(x)) for x in entries]


def unrolled(events: Sequence[Any]) -> list[Any]:
    """The events; ["repeat", times, events] stands for repetitions."""
    out: list[Any] = []
    for event in events:
        out += unrolled(event[2]) * event[1] if event[0] == "repeat" else [event]
    return out


def load(path: str) -> Any:
    """The port, from package.module:Object or file.py:Object."""
    module, _, name = path.rpartition(":")
    sys.path[:0] = [str(Path.cwd())]
    if module.endswith(".py"):
        sys.path.append(str(Path(module).resolve().parent))
        first, *rest = name.split(".")
        found = runpy.run_path(module)[first]
    else:
        rest = name.split(".")
        found = importlib.import_module(module)
    for part in rest:
        found = getattr(found, part)
    return found


class NumpyParameter:
    """A parameter with `data` and `grad`, NumPy arrays."""

    def __init__(self, data: Any) -> None:
        self.data, self.grad = data, None


def library() -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., list[float]]]:
    """How to make an array, how to make a parameter, and how to read an array."""
    made = importlib.import_module("torch" if CASE["kind"] == "torch" else "numpy")
    kind = getattr(made, CASE["dtype"])
    if CASE["kind"] == "torch":

        def tensor(x: Any) -> Any:
            return made.tensor(x, dtype=kind, device=CASE["device"])

        return tensor, made.nn.Parameter, lambda x: x.detach().reshape(-1).tolist()

    def array(x: Any) -> Any:
        return made.array(x, kind)

    return array, NumpyParameter, lambda x: made.asarray(x).reshape(-1).tolist()


def arranged(flat: Any, shape: Sequence[int], memory: str) -> Any:
    """The array in this shape, and so in memory."""
    array, kind = library()[0], CASE["kind"]
    size, out = len(flat), flat.reshape(shape)
    if memory in {"transposed", "permuted"}:
        last = len(shape) - 1
        axes = (0, last, *range(1, last)) if memory == "permuted" else (*range(last, -1, -1),)
        turned = out.reshape([shape[axes.index(i)] for i in range(len(shape))])
        out = turned.permute(axes) if kind == "torch" else turned.transpose(axes)
    elif memory == "strided":
        out = array([0.0] * (2 * size)).reshape((*shape, 2))[..., 0]
    elif memory == "offset":
        out = array([0.0] * (size + 1))[1:].reshape(shape)
    elif memory == "unaligned":
        numpy = importlib.import_module("numpy")
        raw = numpy.zeros(size * flat.itemsize + 1, "uint8")
        out = raw[1:].view(flat.dtype).reshape(shape)
    out[...] = array(flat.tolist()).reshape(shape)
    return out


class Run:
    """An optimizer, and what is done with it."""

    def __init__(self, port: Any, groups: Sequence[Any]) -> None:
        self.array, self.parameter, self.shown = library()
        self.params: list[Any] = []
        self.groups, events = groups, unrolled(CASE["events"])
        late = [event[1] for event in events if event[0] == "add"]
        made = [self.group(g) for i, g in enumerate(groups) if i not in late]
        common = {name: value for name, value in made[0].items() if name != "params"}
        self.optimizer = port(made[0]["params"] if len(made) == 1 else made, **common)

    def group(self, group: Any) -> dict[str, Any]:
        """A group as the optimizer takes it."""
        hyper = {name: number(value) for name, value in group["hyper"].items()}
        params = []
        for p in group["params"]:
            params.append(self.parameter(self.placed(vector(p), len(self.params), 1)))
            self.params.append(params[-1])
        return {"params": params, **hyper}

    def placed(self, values: Sequence[float], i: int, what: int) -> Any:
        """A parameter (1) or its gradient (2), as it lies in memory."""
        flat = self.array(values)
        layout = CASE["layouts"][i] if CASE["layouts"] else None
        return arranged(flat, tuple(layout[0]), layout[what]) if layout else flat

    def play(self, events: Sequence[Any]) -> None:
        """Take steps, change hyperparameters, and add groups."""
        for event in events:
            if event[0] == "set":
                changes = {name: number(value) for name, value in event[2].items()}
                self.optimizer.param_groups[event[1]].update(changes)
                continue
            if event[0] == "add":
                self.optimizer.add_param_group(self.group(self.groups[event[1]]))
                continue
            if CASE["watch"] and hasattr(self.optimizer, "averages"):
                self.optimizer.averages()  # looked at between steps
            for i, grad in enumerate(event[1]):
                self.params[i].grad = None if grad is None else self.placed(vector(grad), i, 2)
            self.optimizer.step()

    def values(self) -> list[Any]:
        """All parameters."""
        return [self.shown(parameter.data) for parameter in self.params]

    def read(self, quantity: str) -> float:
        """The number in question."""
        parameter = self.params[CASE["parameter"]]
        if quantity in ("eta", "mu"):
            return float(self.optimizer.state[parameter][quantity])
        if quantity == "average":
            return float(self.shown(self.average(parameter))[CASE["element"]])
        array = parameter.grad if quantity == "grad" else parameter.data
        return float(self.shown(array)[CASE["element"]])

    def average(self, parameter: Any) -> Any:
        """The average of a parameter, where optimizers keep it."""
        if hasattr(self.optimizer, "averages"):
            return self.optimizer.averages()[CASE["parameter"]]
        state = self.optimizer.state[parameter]
        return next(state[key] for key in CASE["average_keys"] if key in state)


def plain(port: Any, events: Sequence[Any]) -> float:
    """One run, and the number at its end."""
    run, quantity = Run(port, CASE["groups"]), CASE["quantity"]
    run.play(events[:-1])
    if quantity in ("eta", "mu"):  # stored before the step that uses it
        return run.read(quantity)
    if quantity != "gradient":
        run.play(events[-1:])
        return run.read(quantity)
    before = Fraction(run.read("theta"))
    run.play(events[-1:])
    after = Fraction(run.read("theta"))
    # theta = before - eta (gradient + lambd before), solved for the gradient
    return float(
        (before - after) / Fraction(CASE["eta"]) - Fraction(number(CASE["lambd"])) * before
    )


def resume(port: Any, events: Sequence[Any]) -> tuple[float, float]:
    """A run without interruption, and one that is saved and loaded."""
    pause = CASE["pause"]
    run = Run(port, CASE["groups"])
    run.play(events[:pause])
    state, held = copy.deepcopy(run.optimizer.state_dict()), run.values()
    run.play(events[pause:])
    return run.read(CASE["quantity"]), resumed(port, held, state, events[pause:])


def roll_back(port: Any, events: Sequence[Any]) -> tuple[float, float]:
    """A state loaded into a new optimizer, and into the one that has run on."""
    pause = CASE["pause"]
    run = Run(port, CASE["groups"])
    run.play(events[:pause])
    state = copy.deepcopy(run.optimizer.state_dict())
    run.play(events[pause:])
    run.play(unrolled(CASE["rest"]))
    held = run.values()
    run.optimizer.load_state_dict(copy.deepcopy(state))
    run.play(events[pause:])
    return resumed(port, held, state, events[pause:]), run.read(CASE["quantity"])


def resumed(port: Any, held: Sequence[Any], state: Any, events: Sequence[Any]) -> float:
    """A state in a new optimizer of these parameters, and the number after some events."""
    run = Run(port, CASE["resumed"])
    for i, values in enumerate(held):
        run.params[i].data = run.placed(values, i, 1)
    run.optimizer.load_state_dict(copy.deepcopy(state))
    run.play(events)
    return run.read(CASE["quantity"])


def once(port: Any, groups: Sequence[Any], events: Sequence[Any]) -> float:
    """One run."""
    run = Run(port, groups)
    run.play(events)
    return run.read(CASE["quantity"])


def repeat(port: Any, events: Sequence[Any]) -> tuple[float, float]:
    """The same run twice, with another one in between."""
    exact = once(port, CASE["groups"], events)
    once(port, CASE["others"], events)
    return exact, once(port, CASE["groups"], events)


def twins(port: Any, events: Sequence[Any]) -> tuple[float, float]:
    """A run alone, and one in turns with another optimizer."""
    exact = once(port, CASE["groups"], events)
    one, two = Run(port, CASE["groups"]), Run(port, CASE["others"])
    for event in events[:-1]:
        one.play([event])
        two.play([event])
    one.play(events[-1:])
    return exact, one.read(CASE["quantity"])


def unread(port: Any, events: Sequence[Any]) -> tuple[float, float]:
    """A run that is looked at after every step, and one that is not."""
    ends = []
    for watch in (True, False):
        CASE["watch"] = watch
        ends.append(once(port, CASE["groups"], events))
    return ends[0], ends[1]


def main() -> None:
    """Print the exact value, and what the port computes."""
    port, events = load(CASE["port"]), unrolled(CASE["events"])
    pairs = {
        "resume": resume,
        "roll_back": roll_back,
        "repeat": repeat,
        "unread": unread,
        "twins": twins,
    }
    lines = []
    if CASE["mode"] in pairs:
        exact, got = pairs[CASE["mode"]](port, events)
        lines += [f"exact  {exact!r}", f"got    {got!r} {got.hex()}"]
    else:
        got = plain(port, events)
        lines += [f"exact  {CASE['exact']}", f"got    {got!r} {got.hex()}"]
    if CASE["raised"]:  # and the port has come this far
        lines = [f"Nothing was raised here. Where the port was judged: {CASE['raised']}"]
    elif CASE["tolerance"]:
        off = abs(got - number(CASE["middle"]))
        lines.append(f"off by {off:.3g}; the tolerance is {CASE['tolerance']:.3g}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
