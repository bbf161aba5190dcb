"""The numbered equations, found as the headings of ``asgd.md``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from .data import text

_HEADING = re.compile(r"^## (E\d+) `(\w+)`\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)


EquationName = Literal["gradient", "step_size", "descend", "averaging_weight", "average", "step"]
"""Name of an equation: of its function in the reference, its kernel, and its law."""


@dataclass(frozen=True)
class Equation:
    """One equation: its permanent id, the name of its function, and what ``asgd.md`` says of it."""

    id: str
    name: EquationName
    text: str


_FOUND = {name: (ident, body.strip()) for ident, name, body in _HEADING.findall(text("asgd.md"))}

EQUATIONS: Mapping[EquationName, Equation] = MappingProxyType(
    {name: Equation(_FOUND[name][0], name, _FOUND[name][1]) for name in get_args(EquationName)}
)
"""Equation by the name of its function, in the order of the spec."""


def equation_name(given: str) -> EquationName | None:
    """Name of the equation that an id, in either case, or a name stands for, or None."""
    found = (e.name for e in EQUATIONS.values() if given == e.name or given.upper() == e.id)
    return next(found, None)
