"""The report, read back from its JSON document."""

import dataclasses
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .compare import UnusableError, read_report
from .model import Report


def load(path: Path) -> Report:
    """The report in a file.

    Raises
    ------
    UnusableError
        If the file is not a report, has another schema, or is damaged.
    """
    try:
        report: Report = _read(Report, read_report(path), "report")
    except DamagedError as error:
        raise UnusableError(f"{path}: the report is damaged: {error}") from error
    return report


class DamagedError(ValueError):
    """A value does not have the type that the schema states."""


def _read(kind: Any, value: Any, where: str) -> Any:
    """``value`` as the model has it."""
    origin, parts = get_origin(kind), get_args(kind)
    found = value
    if origin is Annotated:
        found = _read(parts[0], value, where)
    elif origin in {Union, types.UnionType}:
        found = None if value is None else _read(parts[0], value, where)
    elif origin is Literal:
        if value not in parts:
            raise DamagedError(f"{where} must be one of {', '.join(parts)}, got {value!r:.60}")
    elif origin is tuple:
        entries = enumerate(_of(list, value, where))
        found = tuple(_read(parts[0], entry, f"{where}[{i}]") for i, entry in entries)
    elif origin is not None:  # a mapping of strings
        pairs = _of(dict, value, where).items()
        found = {key: _read(parts[1], entry, f"{where}.{key}") for key, entry in pairs}
    elif dataclasses.is_dataclass(kind):
        found = _object(kind, _of(dict, value, where), where)
    elif kind is float:
        found = float(_of((int, float), value, where))
    elif kind is not Any:
        found = _of(kind, value, where)
    return found


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
