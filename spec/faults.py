"""The known faults of ports (``faults.toml``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .data import tables
from .equations import EquationName


@dataclass(frozen=True)
class Fault:
    """A way to compute something else than ASGD; ``faults.toml`` explains the fields."""

    id: str
    equation: EquationName
    title: str
    instead: str
    shows: str
    fix: str
    seen: tuple[str, ...]
    needs: tuple[str, ...] = ()
    dtype: str = ""
    law: str = ""


def _fault(ident: str, entry: dict[str, Any]) -> Fault:
    lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
    return Fault(id=ident, **{**entry, **lists})


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {ident: _fault(ident, entry) for ident, entry in tables("faults.toml").items()}
)
"""Fault by id."""
