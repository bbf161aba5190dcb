"""Results of a bench in a file, checked field by field: it may come from anywhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..ports import strict
from ..ports.protocol import DTYPES
from ..ports.text import escaped

SCHEMA = "asgd-bench/1"
_LARGEST = 1e18


def read(path: Path) -> dict[str, Any]:
    """What `report` made, from its file.

    Raises
    ------
    ValueError
        If the file holds anything else; the text says what in one line.
    """
    content = strict.parse(strict.read(path))
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f"it holds no results of schema {SCHEMA}")
    strict.check(content, _WHOLE)
    for name in ("accuracy", "memory"):
        kinds = [list(entry["ulp" if name == "accuracy" else "arrays"]) for entry in content[name]]
        if any(kind != kinds[0] for kind in kinds):
            raise ValueError(f"the entries of {name} must have the same contenders")
    return content


def _is_text(x: Any) -> bool:
    return isinstance(x, str) and 0 < len(x) <= 80 and "\n" not in x and escaped(x) == x


def _is_number(x: Any) -> bool:
    return type(x) in {int, float} and 0 <= x <= _LARGEST


def _is_count(x: Any) -> bool:
    return type(x) is int and 0 < x <= _LARGEST


def _is_times(x: Any) -> bool:
    return isinstance(x, dict) and all(_is_text(k) and _is_number(v) and v for k, v in x.items())


def _is_errors(x: Any) -> bool:
    return isinstance(x, dict) and all(
        _is_text(name)
        and isinstance(found, dict)
        and set(found) == {"theta", "average"}
        and all(map(_is_number, found.values()))
        for name, found in x.items()
    )


def _is_arrays(x: Any) -> bool:
    return isinstance(x, dict) and all(
        _is_text(k) and (v is None or _is_number(v)) for k, v in x.items()
    )


def _is_list(fields: Mapping[str, strict.Rule]) -> strict.Rule:
    def rule(x: Any) -> bool:
        if not isinstance(x, list) or not x:
            return False
        for entry in x:
            strict.check(entry, fields)
        return True

    return rule


_DTYPE: Mapping[str, strict.Rule] = {"dtype": lambda x: isinstance(x, str) and x in DTYPES}
_ON: Mapping[str, strict.Rule] = {"averaging": lambda x: isinstance(x, bool)}
_TIMING: Mapping[str, strict.Rule] = {
    "layout": _is_text,
    **_DTYPE,
    **_ON,
    "elements": _is_count,
    "tensors": _is_count,
    "wall_ns": _is_times,
    "cpu_ns": _is_times,
}
_WHOLE: Mapping[str, strict.Rule] = {
    "schema": _is_text,
    "timings": _is_list(_TIMING),
    "accuracy": _is_list({**_DTYPE, "steps": _is_count, "ulp": _is_errors}),
    "memory": _is_list({**_DTYPE, **_ON, "arrays": _is_arrays}),
    "machine": lambda x: isinstance(x, dict),
}
