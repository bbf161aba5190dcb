"""The report, read back from its JSON document."""

import dataclasses
import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..ports import strict
from ..ports.text import escaped, printable
from .fields import Rule
from .model import SCHEMA, Report


class UnusableError(ValueError):
    """A file is no report; the text says why in one line."""


def load(path: Path) -> Report:
    """The report in a file, each field checked.

    Raises
    ------
    UnusableError
        If the file is not a report, has another schema, or is damaged.
    """
    try:
        content = strict.parse(strict.read(path))
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            found = content.get("schema") if isinstance(content, dict) else None
            raise ValueError(f"not a report of schema {SCHEMA}, got schema {found!r:.60}")  # noqa: TRY301
        report: Report = _read(Report, content, "report")
    except DamagedError as error:
        raise UnusableError(printable(f"{path}: the report is damaged: {error}")) from None
    except ValueError as error:
        raise UnusableError(printable(f"{path}: {error}")) from None
    return report


class DamagedError(ValueError):
    """A value is not what the schema states."""


def _read(kind: Any, value: Any, where: str) -> Any:
    """``value`` as the model has it."""
    origin, parts = get_origin(kind), get_args(kind)
    found = value
    if origin is Annotated:
        found = _read(parts[0], value, where)
        _hold(parts[1:], found, where)
    elif origin in {Union, types.UnionType}:
        found = None if value is None else _read(parts[0], value, where)
    elif origin is Literal:
        if value not in parts:
            raise DamagedError(f"{where} must be one of {', '.join(parts)}, got {value!r:.60}")
    elif origin is tuple:
        entries = enumerate(_of(list, value, where))
        found = tuple(_read(parts[0], entry, f"{where}[{i}]") for i, entry in entries)
    elif origin is not None:  # a mapping of strings
        found = _mapping(parts[1], value, where)
    elif dataclasses.is_dataclass(kind):
        found = _object(kind, _of(dict, value, where), where)
    else:
        found = _plain(kind, value, where)
    return found


def _mapping(kind: Any, value: Any, where: str) -> dict[str, Any]:
    return {
        _plain(str, key, where): _read(kind, entry, f"{where}.{key}")
        for key, entry in _of(dict, value, where).items()
    }


def _plain(kind: Any, value: Any, where: str) -> Any:
    """A text, a number, or anything whose texts are printable."""
    if kind is float:
        try:
            return float(_of((int, float), value, where))
        except OverflowError:
            raise DamagedError(f"{where} is beyond the floats") from None
    if kind is not Any:
        value = _of(kind, value, where)
    elif isinstance(value, dict):
        return _mapping(Any, value, where)
    elif isinstance(value, list):
        return [_plain(Any, entry, where) for entry in value]
    if isinstance(value, str) and value != escaped(value):
        raise DamagedError(f"{where} must be printable, got {value!r:.60}")
    return value


def _hold(rules: Sequence[Rule], value: Any, where: str) -> None:
    """Hold a value to what the schema says beside its type."""
    for rule in rules:
        fits = (
            re.search(rule.value, value) is not None
            if rule.name == "pattern"
            else value >= rule.value
        )
        if not fits:
            raise DamagedError(f"{where} must have {rule.name} {rule.value}, got {value!r:.60}")


def _of(kind: Any, value: Any, where: str) -> Any:
    # True is an int in Python, not in JSON.
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        name = "number" if isinstance(kind, tuple) else kind.__name__
        raise DamagedError(f"{where} must be of type {name}, got {value!r:.60}")
    return value


def _object(kind: Any, value: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    given = {}
    for field in dataclasses.fields(kind):
        if not field.init:
            continue
        optional = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
        if field.name in value:
            name = f"{where}.{field.name}"
            given[field.name] = _read(hints[field.name], value[field.name], name)
        elif not optional:
            raise DamagedError(f"{where}.{field.name} is missing")
    return kind(**given)
