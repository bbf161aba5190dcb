"""The lines of the port protocol: requests as JSON, and answers checked field by field.

``spec/protocol.md`` says what the messages mean, ``spec/protocol.schema.json`` what they look like.
Nothing here knows of processes: what is wrong with an answer is said as a `BreachError`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .protocol import DTYPES, READS, SUPPORTS
from .scenario import Add, Scenario, Set, Step, as_opened

PROTOCOL = 1

# Python's float.fromhex reads "0.5" as hexadecimal too, 0.3125: so the 0x is insisted on.
_NUMBER = re.compile(
    r"[+-]?(?:0x(?:[0-9a-f]+\.?[0-9a-f]*|\.[0-9a-f]+)(?:p[+-]?[0-9]+)?|inf(?:inity)?|nan)",
    re.IGNORECASE | re.ASCII,
)


class BreachError(Exception):
    """An answer is not what the protocol says; the text says what is wrong with it."""


def number(x: float) -> str:
    """``x`` as the protocol writes it, in C99's hexadecimal."""
    return float(x).hex()


def vector(array: Sequence[float] | NDArray[Any]) -> list[str]:
    """An array of the protocol."""
    return [x.hex() for x in np.asarray(array, np.float64).tolist()]


def hello() -> dict[str, Any]:
    """The request that begins every conversation."""
    return {"op": "hello", "protocol": PROTOCOL}


def open_(dtype: str, groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The request for a new optimizer."""
    return {"op": "open", "dtype": dtype, "groups": [_group(g) for g in groups]}


def step(grads: Sequence[Sequence[float] | NDArray[Any] | None]) -> dict[str, Any]:
    """The request for one step."""
    return {"op": "step", "grads": [None if g is None else vector(g) for g in grads]}


def add_group(group: Mapping[str, Any]) -> dict[str, Any]:
    """The request for a group that joins the others."""
    return {"op": "add_group", "group": _group(group)}


def set_(group: int, hyper: Mapping[str, float]) -> dict[str, Any]:
    """The request for other hyperparameters."""
    return {"op": "set", "group": group, **_hyper(hyper)}


def line(request: Mapping[str, Any]) -> bytes:
    """A request as the line that is sent."""
    return json.dumps(request, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    hyper = {k: v for k, v in group.items() if k not in {"params", "layouts"}}
    hyper.setdefault("maximize", False)
    return {**_hyper(hyper), "params": [vector(p) for p in group["params"]]}


def _hyper(hyper: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v if isinstance(v, bool) else number(v) for k, v in hyper.items()}


# Answers.


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object of one line.

    Raises
    ------
    BreachError
        If the line is anything else.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BreachError(f"the answer is not UTF-8: {error.reason}") from None
    try:
        answer = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise BreachError("the answer is nested too deeply") from None
    except ValueError as error:
        raise BreachError(
            f"the answer is not JSON: {error}; standard output is for answers alone, and standard "
            "error for all else"
        ) from None
    if not isinstance(answer, dict):
        raise BreachError(f"the answer must be a JSON object, got {_kind(answer)}")
    return answer


_CONSTANTS = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}


def _no_constant(name: str) -> float:
    raise ValueError(f'{name} is not JSON, write the string "{_CONSTANTS[name]}"')


def succeeded(answer: Mapping[str, Any]) -> bool:
    """Whether the answer is a success; false for a refusal.

    Raises
    ------
    BreachError
        If it is neither.
    """
    if "ok" not in answer:
        raise BreachError('the answer has no field "ok"')
    if not isinstance(answer["ok"], bool):
        raise BreachError(f'"ok" must be true or false, got {_kind(answer["ok"])}')
    if not answer["ok"] and not isinstance(answer.get("error"), str):
        raise BreachError('a refusal must say why: "error" must be a string')
    return answer["ok"]


def introduction(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What a port says of itself, checked."""
    if answer.get("protocol") != PROTOCOL or isinstance(answer["protocol"], bool):
        raise BreachError(f'"protocol" must be {PROTOCOL}, got {answer.get("protocol")!r}')
    for key in ("name", "version"):
        if not isinstance(answer.get(key), str):
            raise BreachError(f'"{key}" must be a string, got {_kind(answer.get(key))}')
    for key, known in (("dtypes", DTYPES), ("reads", READS), ("supports", SUPPORTS)):
        entries = answer.get(key)
        if not isinstance(entries, list) or not all(isinstance(e, str) for e in entries):
            raise BreachError(f'"{key}" must be a list of strings, got {_kind(entries)}')
        unknown = [entry for entry in entries if entry not in known]
        if unknown:
            raise BreachError(f'"{key}" may hold {", ".join(known)}; got {unknown[0]!r}')
    return {k: answer[k] for k in ("name", "version", "dtypes", "reads", "supports")}


def observation(
    answer: Mapping[str, Any], dtype: str, sizes: Sequence[int], reads: frozenset[str]
) -> dict[str, list[Any]]:
    """What a step shows: theta, and what else the port reads, as arrays and numbers.

    Parameters
    ----------
    answer : mapping
        The answer to a step.
    dtype : str
        Dtype that was opened.
    sizes : sequence of int
        Sizes of the parameters.
    reads : set of str
        What the port said it shows; the rest is passed over.
    """
    out: dict[str, list[Any]] = {"theta": _arrays(answer, "theta", dtype, sizes)}
    for i, entry in enumerate(out["theta"]):
        if entry is None:
            raise BreachError(f'"theta" must show every parameter, got null for parameter {i}')
    count = len(sizes)
    shown = "average" in reads
    out["average"] = _arrays(answer, "average", dtype, sizes) if shown else [None] * count
    for key in ("eta", "mu"):
        entries = _entries(answer, key, count) if key in reads else [None] * count
        out[key] = [
            None if entry is None else value(entry, f"{key}[{i}]")
            for i, entry in enumerate(entries)
        ]
    return out


def value(entry: Any, where: str) -> float:
    """The number that a hexadecimal string stands for."""
    if not isinstance(entry, str):
        raise BreachError(
            f'{where} must be a hexadecimal string such as "0x1.8p-3", got {_kind(entry)}'
        )
    if not _NUMBER.fullmatch(entry):
        raise BreachError(
            f'{where} must be a hexadecimal string such as "0x1.8p-3", got {entry[:40]!r}'
        )
    try:
        return float.fromhex(entry)
    except OverflowError:
        raise BreachError(f"{where} is beyond the floats, got {entry[:40]!r}") from None


def _entries(answer: Mapping[str, Any], key: str, count: int) -> list[Any]:
    if key not in answer:
        raise BreachError(f'the answer has no field "{key}"')
    entries = answer[key]
    if not isinstance(entries, list):
        raise BreachError(f'"{key}" must be a list, got {_kind(entries)}')
    if len(entries) != count:
        raise BreachError(f'"{key}" must have one entry a parameter, {count}, got {len(entries)}')
    return entries


def _arrays(
    answer: Mapping[str, Any], key: str, dtype: str, sizes: Sequence[int]
) -> list[NDArray[Any] | None]:
    return [
        None if entry is None else _array(entry, f"{key}[{i}]", dtype, size)
        for i, (entry, size) in enumerate(
            zip(_entries(answer, key, len(sizes)), sizes, strict=True)
        )
    ]


def _array(entry: Any, where: str, dtype: str, size: int) -> NDArray[Any]:
    if not isinstance(entry, list):
        raise BreachError(f"{where} must be a list of {size} numbers, got {_kind(entry)}")
    if len(entry) != size:
        raise BreachError(f"{where} must have {size} elements, got {len(entry)}")
    wide = np.array([value(e, f"{where}[{j}]") for j, e in enumerate(entry)], np.float64)
    with np.errstate(over="ignore"):
        array = wide.astype(dtype)
    wrong = np.flatnonzero((array != wide) & ~np.isnan(wide))
    if wrong.size:
        j = int(wrong[0])
        hint = f"; round it to {dtype} before it is written"
        raise BreachError(f"{where}[{j}] must be a {dtype} number, got {entry[j]}{hint}")
    return array


def _kind(x: Any) -> str:
    """What ``x`` is in JSON, with its value where that is short."""
    if x is None:
        return "null"
    if isinstance(x, bool):
        return str(x).lower()
    if isinstance(x, int | float):
        return f"the number {x!r:.40}"
    if isinstance(x, str):
        return f"the string {x!r:.60}"
    return "a list" if isinstance(x, list) else "an object"


def requests(scenario: Scenario, dtype: str) -> list[dict[str, Any]]:
    """The scenario as requests: an open, and one request for each event."""
    later = {event.group for event in scenario.events if isinstance(event, Add)}
    groups = [as_opened(scenario, i, dtype) for i in range(len(scenario.groups))]
    out = [open_(dtype, [group for i, group in enumerate(groups) if i not in later])]
    for event in scenario.events:
        if isinstance(event, Step):
            out.append(step(event.grads))
        elif isinstance(event, Set):
            out.append(set_(event.group, event.changes))
        else:
            out.append(add_group(groups[event.group]))
    return out
