"""Waivers: deviations that are known beforehand (a TOML file of ``[[waive]]`` tables)."""

import datetime as dt
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from asgd.spec import EQUATIONS, FAULTS, EquationName, equation_name

from ..ports import strict
from ..ports.protocol import DTYPES
from ..ports.text import printable

UNKNOWN = "unknown"
"""Id of a deviation that no fault of the catalogue describes."""

_LONGEST = 1 << 20  # bytes of a file
_FORM = '[[waive]]\nid = "{id}"\nreason = "why this is accepted"'
_REQUIRED = ("id", "reason")
_OPTIONAL = ("dtype", "equation", "link", "expires")


class WaiverError(ValueError):
    """A waiver file is invalid; the text says where, and what is allowed."""


@dataclass(frozen=True)
class Waiver:
    """A known deviation.

    Attributes
    ----------
    id : str
        A fault of the spec, or "unknown".
    reason : str
        Why it is accepted.
    dtype, equation : str
        Where it holds; "" is everywhere. An equation is named by its function.
    link : str
        Where it is discussed.
    expires : date or None
        The last day on which it holds (UTC).
    """

    id: str
    reason: str
    dtype: str = ""
    equation: EquationName | Literal[""] = ""
    link: str = ""
    expires: dt.date | None = None

    def covers(self, ident: str, equation: str, dtype: str) -> bool:
        """Whether it is about this deviation."""
        return self.id == ident and self.dtype in {"", dtype} and self.equation in {"", equation}

    def expired(self, today: dt.date) -> bool:
        """Whether its last day has passed."""
        return self.expires is not None and today > self.expires

    @property
    def label(self) -> str:
        """The id, and where it holds."""
        where = [EQUATIONS[self.equation].id] if self.equation else []
        where += [self.dtype] if self.dtype else []
        return f"{self.id} ({', '.join(where)})" if where else self.id

    def overlaps(self, other: "Waiver") -> bool:
        """Whether both cover the same id, equation and dtype somewhere."""
        return self.id == other.id and all(
            not a or not b or a == b
            for a, b in ((self.dtype, other.dtype), (self.equation, other.equation))
        )


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """Waivers of a file.

    Raises
    ------
    WaiverError
        If it cannot be read, or holds anything but waivers.
    """
    try:
        data = strict.read(path, _LONGEST)
    except ValueError as error:
        raise WaiverError(f"{path}: {error}") from error
    try:
        text = data.decode("utf-8")
        content = tomllib.loads(text)
    except RecursionError:
        raise WaiverError(f"{path}: it is nested too deeply") from None
    except ValueError as error:
        raise WaiverError(f"{path}: not TOML: {error}") from error
    entries = content.get("waive")
    _check_form(path, text, content)
    lines = _lines_of_tables(text)
    # A file may write its tables in another way; then only the file is named.
    places = lines if len(lines) == len(entries or ()) else [0] * len(entries or ())
    waivers = []
    for entry, line in zip(entries or (), places, strict=True):
        try:
            waivers.append(_waiver(entry))
        except _KeyedError as error:
            at = _line_of_key(text, line, error.key)
            raise WaiverError(f"{path}{f':{at}' if at else ''}: {error}") from None
    for (one, first), (two, second) in combinations(zip(waivers, places, strict=True), 2):
        if one.overlaps(two):
            where = f" (lines {first} and {second})" if first else ""
            raise WaiverError(
                f"{path}{f':{second}' if second else ''}: two waivers cover {two.label}{where}; "
                "keep one, or give each another dtype or equation"
            )
    return tuple(waivers)


def waivers_text(found: Iterable[Waiver]) -> str:
    """Waivers as TOML."""
    tables = []
    for waiver in found:
        lines = ["[[waive]]", f"id = {json.dumps(waiver.id)}"]
        lines += [f"reason = {json.dumps(waiver.reason, ensure_ascii=False)}"]
        lines += [f'dtype = "{waiver.dtype}"'] if waiver.dtype else []
        if waiver.equation:
            lines.append(f'equation = "{EQUATIONS[waiver.equation].id}"')
        lines += [f"link = {json.dumps(waiver.link)}"] if waiver.link else []
        lines += [f"expires = {waiver.expires.isoformat()}"] if waiver.expires else []
        tables.append("\n".join(lines) + "\n")
    head = "# Known deviations: asgd verify --waive FILE. Say in each reason why it is accepted.\n"
    return "\n".join([head, *tables])


class _KeyedError(ValueError):
    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def _check_form(path: Path, text: str, content: dict[str, Any]) -> None:
    entries = content.get("waive")
    if isinstance(entries, list) and entries and all(isinstance(e, str) for e in entries):
        new = "\n\n".join(_FORM.format(id=e) for e in entries)
        raise WaiverError(
            f"{path}:{_line_of_key(text, 1, 'waive')}: a list of ids has no reasons; "
            f"write tables instead:\n{new}"
        )
    unknown = sorted(set(content) - {"waive"})
    if unknown:
        at = _line_of_key(text, 1, unknown[0])
        raise WaiverError(
            f"{path}{f':{at}' if at else ''}: unknown key {unknown[0]!r}; "
            "a waiver file holds [[waive]] tables"
        )
    if entries and not (isinstance(entries, list) and all(isinstance(e, dict) for e in entries)):
        raise WaiverError(
            f"{path}:{_line_of_key(text, 1, 'waive')}: waive must be tables:\n"
            + _FORM.format(id="eta-power-inside")
        )


def _waiver(entry: dict[str, Any]) -> Waiver:
    for key in entry:
        if key not in (*_REQUIRED, *_OPTIONAL):
            raise _KeyedError(
                key, f"unknown key {key!r}; a waiver has {', '.join((*_REQUIRED, *_OPTIONAL))}"
            )
    for key in _REQUIRED:
        if key not in entry:
            raise _KeyedError("", f"{key} is missing; a waiver needs {' and '.join(_REQUIRED)}")
    for key in ("id", "reason", "dtype", "equation", "link"):
        value = entry.get(key, "-")
        if not isinstance(value, str) or not value.strip():
            raise _KeyedError(key, f"{key} must be a text, got {value!r:.80}")
    ident = entry["id"]
    if ident != UNKNOWN and ident not in FAULTS:
        raise _KeyedError(
            "id", f"unknown id {ident!r}; run `asgd explain` to list the faults, or use {UNKNOWN!r}"
        )
    dtype = entry.get("dtype", "")
    if dtype and dtype not in DTYPES:
        raise _KeyedError("dtype", f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    equation = _equation(entry.get("equation", ""))
    if ident == UNKNOWN and not (dtype and equation):
        raise _KeyedError("id", f"an {UNKNOWN!r} waiver must also name dtype and equation")
    return Waiver(
        ident,
        printable(entry["reason"]),
        dtype,
        equation,
        printable(entry.get("link", "")),
        _date(entry["expires"]) if "expires" in entry else None,
    )


def _equation(given: str) -> EquationName | Literal[""]:
    found = equation_name(given)
    if given and found is None:
        allowed = ", ".join(f"{entry.id} ({name})" for name, entry in EQUATIONS.items())
        raise _KeyedError("equation", f"equation must be one of {allowed}, got {given!r}")
    return found or ""


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise _KeyedError("expires", f"expires must be a date such as 2027-01-31, got {value!s:.80}")


def _lines_of_tables(text: str) -> list[int]:
    return [
        number
        for number, line in enumerate(text.splitlines(), 1)
        if re.match(r"\s*\[\[\s*waive\s*\]\]", line)
    ]


def _line_of_key(text: str, start: int, key: str) -> int:
    """Line of a key at or after ``start``; ``start`` where it cannot be found."""
    if not start or not key:
        return start
    pattern = re.compile(rf"""\s*\[{{0,2}}\s*["']?{re.escape(key)}["']?\s*(=|\])""")
    lines: Sequence[str] = text.splitlines()
    return next((n for n in range(start, len(lines) + 1) if pattern.match(lines[n - 1])), start)
