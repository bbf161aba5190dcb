"""The numbered equations, found as the headings of ``asgd.md``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .data import text

_HEADING = re.compile(r"^## (E\d+) `(\w+)`\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Equation:
    """One equation: its permanent id, the name of its function, and what ``asgd.md`` says of it."""

    id: str
    name: str
    text: str


EQUATIONS: Mapping[str, Equation] = MappingProxyType(
    {
        name: Equation(ident, name, body.strip())
        for ident, name, body in _HEADING.findall(text("asgd.md"))
    }
)
"""Equation by the name of its function, in the order of the spec."""
