"""Lines of a results file, checked field by field: they may come from anywhere."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from asgd.spec import CONVENTIONS, POLICIES

from ..laws.equations import LAWS
from ..ports.protocol import DTYPES
from ..ports.text import printable

SCHEMA = "asgd-soak/1"
KINDS = (*LAWS, "scale")
_LARGEST = 2**63

Result = dict[str, Any]


class SoakError(Exception):
    """The results cannot be used; the text says why."""


def read(path: Path) -> tuple[Result | None, dict[int, Result], int]:
    """Header, results by unit, and the length in bytes of all whole lines.

    Raises
    ------
    SoakError
        If it is not a soak results file.
    """
    name = printable(path)
    try:
        if path.exists() and not path.is_file():
            raise SoakError(f"{name} is not a regular file")
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SoakError(f"cannot read {name}: {reason}") from error
    size = data.rfind(b"\n") + 1
    results: dict[int, Result] = {}
    header: Result | None = None
    for number, line in enumerate(data[:size].split(b"\n")[:-1], 1):
        try:
            content = _object(line)
            if header is None:
                header = _checked(content, _HEADER)
                continue
            row = _row(content, header)
            if row["unit"] in results:
                _refuse(f"unit {row['unit']} is there twice")
        except ValueError as error:
            text = printable(error, 200)
            raise SoakError(f"{name} is not a soak results file: line {number}: {text}") from None
        results[row["unit"]] = row
    return header, results, size


def is_cut_short(path: Path, header: Mapping[str, Any]) -> bool:
    """Whether a file without a whole line is the beginning of one that begins with ``header``."""
    with path.open("rb") as stream:
        line = json.dumps(header).encode()
        return line.startswith(stream.read(len(line) + 1))


def _refuse(reason: str) -> NoReturn:
    raise ValueError(reason)


def _object(line: bytes) -> Result:
    try:
        content = json.loads(
            line.decode("utf-8"), parse_constant=_constant, object_pairs_hook=_once
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    return content if isinstance(content, dict) else _refuse("it must be a JSON object")


def _constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON")


def _once(pairs: list[tuple[str, Any]]) -> Result:
    out = dict(pairs)
    return out if len(out) == len(pairs) else _refuse("a field is there twice")


def _is_count(x: Any) -> bool:
    return type(x) is int and 0 <= x < _LARGEST


def _is_text(x: Any) -> bool:
    return isinstance(x, str) and printable(x) == x


def _is_hex(x: Any) -> bool:
    try:
        return isinstance(x, str) and (x in {"nan", "inf", "-inf"} or float.fromhex(x).hex() == x)
    except (ValueError, OverflowError):
        return False


def _is_size(x: Any) -> bool:
    return _is_hex(x) and float.fromhex(x) >= 0


def _is_bounds(x: Any) -> bool:
    return (
        isinstance(x, dict)
        and set(x) == {"lo", "hi"}
        and all(isinstance(v, str) for v in x.values())
    )


_HEADER: Mapping[str, Callable[[Any], bool]] = {
    "schema": lambda x: x == SCHEMA,
    "version": _is_text,
    "port": _is_text,
    "seed": lambda x: type(x) is int and x >= 0,
    "convention": lambda x: isinstance(x, str) and x in CONVENTIONS,
    "policy": lambda x: isinstance(x, str) and x in POLICIES,
    "dtypes": lambda x: (
        isinstance(x, list) and 0 < len(x) <= len(DTYPES) and all(d in DTYPES for d in x)
    ),
}
_ROW: Mapping[str, Callable[[Any], bool]] = {
    "unit": _is_count,
    "kind": lambda x: isinstance(x, str) and x in KINDS,
    "dtype": lambda x: isinstance(x, str) and x in DTYPES,
    "scenarios": _is_count,
    "judged": _is_count,
    "undecided": _is_count,
    "largest": _is_size,
    "not_observable": lambda x: isinstance(x, list) and all(map(_is_text, x)),
    "failure": lambda x: x is None or isinstance(x, dict),
}
_FAILURE: Mapping[str, Callable[[Any], bool]] = {
    "quantity": _is_text,
    "call": _is_count,
    "parameter": _is_count,
    "element": _is_count,
    "expected": _is_bounds,
    "got": _is_hex,
    "error_bounds": lambda x: _is_size(x) or (type(x) is float and x >= 0),
    "requests": lambda x: isinstance(x, list) and all(isinstance(r, dict) for r in x),
}


def _checked(content: Result, fields: Mapping[str, Callable[[Any], bool]]) -> Result:
    """``content``, which has these fields and no others, each as it must be."""
    for name in fields:
        if name not in content:
            _refuse(f"the field {name!r} is missing")
    for name, value in content.items():
        if name not in fields:
            _refuse(f"unknown field {name!r}")
        if not fields[name](value):
            _refuse(f"the field {name!r} cannot be {value!r:.80}")
    return content


def _row(content: Result, header: Result) -> Result:
    """A result, which is one of the soak that the header names."""
    row = _checked(content, _ROW)
    if row["failure"] is not None:
        _checked(row["failure"], _FAILURE)
    unit, dtypes = row["unit"], header["dtypes"]
    due = KINDS[unit % len(KINDS)], dtypes[unit // len(KINDS) % len(dtypes)]
    if (row["kind"], row["dtype"]) != due:
        _refuse(f"unit {unit} holds {due[0]} in {due[1]}, not {row['kind']} in {row['dtype']}")
    return row
