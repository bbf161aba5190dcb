"""Files that may come from anywhere: read up to a length, and parsed as strict JSON."""

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

Rule = Callable[[Any], bool]
LONGEST = 1 << 26
"""Bytes of a file that are read."""


def read(path: Path, longest: int = LONGEST) -> bytes:
    """Content of a file.

    Raises
    ------
    ValueError
        If it cannot be read, or is longer; the text says so in one line.
    """
    try:
        with open(path, "rb", opener=at_once) as stream:
            data = stream.read(longest + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > longest:
        raise ValueError(f"cannot be read: it is longer than {longest} bytes")
    return data


def at_once(path: str, flags: int) -> int:
    """Open a file, but wait for nobody at the other end of a pipe."""
    nonblocking = getattr(os, "O_NONBLOCK", 0)
    number = os.open(path, flags | nonblocking, 0o666)
    if nonblocking:
        os.set_blocking(number, True)
    return number


def parse(data: bytes) -> Any:
    """Value of a JSON text, whose numbers are finite and whose fields are there once.

    Raises
    ------
    ValueError
        If it is anything else; the text says so in one line.
    """
    try:
        return json.loads(
            data.decode("utf-8"),
            parse_constant=_constant,
            parse_float=_finite,
            object_pairs_hook=_once,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None


def check(content: Any, fields: Mapping[str, Rule]) -> dict[str, Any]:
    """An object that has these fields and no others, each as its rule says.

    Raises
    ------
    ValueError
        If it is anything else; the text names the field.
    """
    if not isinstance(content, dict):
        raise ValueError(f"it must be a JSON object, got {content!r:.80}")  # noqa: TRY004 - of a file
    for name in fields:
        if name not in content:
            raise ValueError(f"the field {name!r} is missing")
    for name, value in content.items():
        if name not in fields:
            raise ValueError(f"unknown field {name!r:.80}")
        if not fields[name](value):
            raise ValueError(f"the field {name!r} cannot be {value!r:.80}")
    return content


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    x = float(text)
    if not math.isfinite(x):
        raise ValueError(f"{text[:40]} is beyond the floats")
    return x


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError("a field is there twice")
    return out
