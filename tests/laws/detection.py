"""Where each known fault shows in the designed scenarios (``detection.json``), and what was judged.

A row names a place: the first number that is wrong in a port that is right but for that fault, and
by how much. Up to there such a port is as right as any other; so where a right port was judged at
that place, and the error is far above the tolerance that it had there, the fault would be found.
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import permutations
from types import MappingProxyType
from typing import Any, NamedTuple

from asgd.spec import CONVENTIONS

from ..oracle.judgement import Judgement
from ..ports.protocol import SUPPORTS
from ..ports.scenario import Scenario
from .law import Law

MARGIN = 10.0
"""Errors that count, in tolerances: a faulty port rounds too, and in its own order."""

_PAIRS = tuple(f"{one}>{other}" for one, other in permutations(CONVENTIONS, 2))


class Sighting(NamedTuple):
    """A form of a fault, seen at a number of one designed scenario.

    Attributes
    ----------
    law, scenario : str, int
        Which scenario, among those of a port that supports everything.
    quantity, place : str, tuple or None
        Which number; None where it is one that no tolerance is for: inf or nan.
    error, size : float
        Its error; that in tolerances of `native`, in float32 where the fault can show there.
    conventions : frozenset of str
        Of the ports of which this is true.
    """

    law: str
    scenario: int
    quantity: str
    place: tuple[int, ...] | None
    error: float
    size: float
    conventions: frozenset[str]


class Apart(NamedTuple):
    """A scenario that separates a fault in one convention from another convention."""

    law: str
    scenario: int
    quantity: str
    pairs: frozenset[str]


class Form(NamedTuple):
    """All that is known of one form of a fault."""

    places: tuple[Sighting, ...]
    apart: tuple[Apart, ...]


@lru_cache(maxsize=1)
def table() -> MappingProxyType[str, Form]:
    """Forms of the known faults, by name."""
    text = files(__package__).joinpath("detection.json").read_text(encoding="utf-8")
    return MappingProxyType({name: _form(rows) for name, rows in json.loads(text).items()})


@lru_cache(maxsize=256)
def forms_of(ident: str) -> dict[str, Form]:
    """Forms of one fault; none where it is no rule, but what a law is about."""
    return {name: form for name, form in table().items() if name.partition("/")[0] == ident}


def _form(rows: dict[str, Any]) -> Form:
    places = (
        Sighting(law, at, what, _place(place), _size(error), _size(size), _all(names, CONVENTIONS))
        for law, at, what, place, error, size, names in rows["places"]
    )
    apart = (Apart(law, at, what, _all(pairs, _PAIRS)) for law, at, what, pairs in rows["apart"])
    return Form(tuple(places), tuple(apart))


def _place(numbers: list[int] | None) -> tuple[int, ...] | None:
    return None if numbers is None else tuple(numbers)


def _size(x: float | None) -> float:
    return math.inf if x is None else x


def _all(names: list[str] | str, every: Iterable[str]) -> frozenset[str]:
    return frozenset(every if names == "*" else names)


@lru_cache(maxsize=64)
def _rows(law: str, convention: str) -> dict[int, dict[Any, list[tuple[str, float]]]]:
    """Forms and errors, by scenario, quantity and place."""
    out: dict[int, dict[Any, list[tuple[str, float]]]] = {}
    for name, form in table().items():
        for row in form.places:
            if row.law == law and convention in row.conventions:
                at = out.setdefault(row.scenario, {})
                at.setdefault((row.quantity, row.place), []).append((name, row.error))
    return out


@dataclass
class Seen:
    """What was judged in a law's designed scenarios.

    Attributes
    ----------
    whole : dict of int to set of str
        Quantities, of each scenario in which everything was judged and nothing is wrong.
    forms : set of str
        Forms of faults that would have been found.
    excused : set of str
        Forms that the tolerance lets pass.
    """

    whole: dict[int, frozenset[str]] = field(default_factory=dict)
    forms: set[str] = field(default_factory=set)
    excused: set[str] = field(default_factory=set)

    def take(self, other: "Seen") -> None:
        """Add what another look has seen."""
        self.whole |= other.whole
        self.forms |= other.forms
        self.excused |= other.excused

    def over(
        self, judgements: Iterator[Judgement], law: Law, scenario: Scenario, convention: str
    ) -> Iterator[Judgement]:
        """Pass judgements of a designed scenario on, and note what they show."""
        index = _index(law).get(scenario)
        if index is None:
            yield from judgements
            return
        rows = _rows(law.key, convention).get(index, {})
        quantities: set[str] = set()
        whole = True
        for judgement in judgements:
            yield judgement
            if judgement.verdict != "pass":
                whole = False
                continue
            quantities.add(judgement.quantity)
            for name, error in rows.get((judgement.quantity, judgement.place), ()):
                large = error > MARGIN * judgement.tolerance
                (self.forms if large else self.excused).add(name)
        if not whole:
            return
        self.whole[index] = frozenset(quantities)
        for quantity in quantities:
            self.forms.update(name for name, _ in rows.get((quantity, None), ()))


@lru_cache(maxsize=16)
def _index(law: Law) -> dict[Scenario, int]:
    """Number of each scenario among those of a port that supports everything."""
    if law.name:
        return {}
    return {scenario: i for i, scenario in enumerate(law.designed(frozenset(SUPPORTS)))}
