"""Lines of a results file, checked field by field: they may come from anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

from asgd.spec import CONVENTIONS, POLICIES, EquationName

from ..laws.equations import LAWS
from ..ports import strict
from ..ports.protocol import DTYPES
from ..ports.text import printable

SCHEMA = "asgd-soak/1"
KINDS: tuple[EquationName | Literal["scale"], ...] = (*LAWS, "scale")
_LARGEST = 2**63
_LONGEST = 1 << 32  # bytes of a file: a soak goes on for long

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
        data = strict.read(path, _LONGEST)
    except (OSError, ValueError) as error:
        raise SoakError(f"{name} {printable(error)}") from error
    size = data.rfind(b"\n") + 1
    results: dict[int, Result] = {}
    header: Result | None = None
    for number, line in enumerate(data[:size].split(b"\n")[:-1], 1):
        try:
            content = strict.parse(line)
            if header is None:
                header = strict.check(content, _HEADER)
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


_HEADER: Mapping[str, strict.Rule] = {
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
_ROW: Mapping[str, strict.Rule] = {
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
_FAILURE: Mapping[str, strict.Rule] = {
    "quantity": _is_text,
    "call": _is_count,
    "parameter": _is_count,
    "element": _is_count,
    "expected": _is_bounds,
    "got": _is_hex,
    "error_bounds": lambda x: _is_size(x) or (type(x) is float and x >= 0),
    "requests": lambda x: isinstance(x, list) and all(isinstance(r, dict) for r in x),
}


def _row(content: Result, header: Result) -> Result:
    """A result, which is one of the soak that the header names."""
    row = strict.check(content, _ROW)
    if row["failure"] is not None:
        strict.check(row["failure"], _FAILURE)
    unit, dtypes = row["unit"], header["dtypes"]
    due = KINDS[unit % len(KINDS)], dtypes[unit // len(KINDS) % len(dtypes)]
    if (row["kind"], row["dtype"]) != due:
        _refuse(f"unit {unit} holds {due[0]} in {due[1]}, not {row['kind']} in {row['dtype']}")
    return row
