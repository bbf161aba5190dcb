"""The known faults of ports (``faults.toml``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .data import tables


@dataclass(frozen=True)
class Fault:
    """A way to compute something else than ASGD, seen in the world; ids are permanent."""

    id: str
    equation: str
    title: str
    instead: str
    shows: str
    mend: str
    seen: tuple[str, ...]


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        ident: Fault(id=ident, **{**entry, "seen": tuple(entry["seen"])})
        for ident, entry in tables("faults.toml").items()
    }
)
"""Fault by id."""
