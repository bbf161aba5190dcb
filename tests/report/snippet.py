"""A few lines of Python that show a deviation, to be pasted where the port is written."""

from collections.abc import Mapping, Sequence
from typing import Any

from .model import Deviation, Port

# What is longer than this is shown by the script of `--reproduce`.
_STEPS, _ELEMENTS = 4, 4
_LAWS = ("resume", "repeat", "twins", "refusal")

_LIBRARY = {
    "numpy": (
        "import numpy as np, types",
        "types.SimpleNamespace(data={array}, grad=None)",
        'np.array({values}, "{dtype}")',
    ),
    "torch": (
        "import torch",
        "torch.nn.Parameter({array})",
        "torch.tensor({values}, dtype=torch.{dtype})",
    ),
}


def snippet(one: Deviation, port: Port) -> list[str]:
    """Lines that show theta or the gradient's effect on it; none where it takes more than that."""
    opened, *events = one.evidence.requests or ({},)
    first = one.evidence.first_divergence
    groups = opened.get("groups", ())
    library = _LIBRARY.get(port.kind)
    if library is None or len(groups) != 1 or one.law in _LAWS:
        return []
    if first.quantity not in {"theta", "gradient"} or not _short(groups[0], events):
        return []
    load, parameter, array = library

    def made(values: Sequence[str]) -> str:
        return array.format(values=[float.fromhex(x) for x in values], dtype=one.dtype)

    path, _, name = port.how.rpartition(":")
    module = path.removesuffix(".py").replace("/", ".")
    head, _, rest = name.partition(".")
    params = ", ".join(parameter.format(array=made(p)) for p in groups[0]["params"])
    hyper = ", ".join(f"{key}={value}" for key, value in _hyper(groups[0]).items())
    lines = [load, f"from {module} import {head}", f"params = [{params}]"]
    lines.append(f"optimizer = {head}{'.' + rest if rest else ''}(params, {hyper})")
    for event in events:
        if event["op"] == "set":
            group = "optimizer.param_groups[0]"
            lines += [f'{group}["{key}"] = {value}' for key, value in _hyper(event).items()]
            continue
        grads = [None if g is None else made(g) for g in event["grads"]]
        lines += [f"params[{i}].grad = {g}" for i, g in enumerate(grads)]
        lines.append("optimizer.step()")
    if first.raised is not None:
        return lines
    lines.append(f"print(params[{first.parameter}].data)")
    if first.quantity == "theta":
        exact = first.expected.lo_decimal
        lines[-1] += f"  # element {first.element} should be {exact}"
    return lines


def _hyper(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, bool) else _literal(float.fromhex(value))
        for key, value in entry.items()
        if key not in {"op", "group", "params"} and value is not False
    }


def _literal(x: float) -> str:
    text = repr(x)
    return text if text not in {"inf", "nan"} else f'float("{text}")'


def _short(group: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> bool:
    sizes = [len(p) for p in group["params"]]
    known = all(event["op"] in {"step", "set"} for event in events)
    return known and len(events) <= _STEPS and len(sizes) == 1 and sizes[0] <= _ELEMENTS
