"""Where each known fault shows in the designed scenarios; run it to renew ``detection.json``.

    python -m asgd.tests.artifacts detection [FAULT ...]

A port of each convention with each form of each fault goes through the designed scenarios of the
equations' laws. The first number that breaks a law stands at a place up to which the port is as
right as any; so its error can be compared with the tolerance that any port has there.
"""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

from fault_models import forms

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, FAULTS, POLICIES, Convention
from asgd.tests.laws.detection import MARGIN
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.law import worst
from asgd.tests.oracle.stepwise import Rule
from asgd.tests.ports.protocol import SUPPORTS
from asgd.tests.ports.scenario import drive

PATH = Path("tests/laws/detection.json")
ALL = frozenset(SUPPORTS)
_PAIRS = sorted(f"{one}>{other}" for one, other in permutations(CONVENTIONS, 2))
# Scenarios that separate rules best, looked at first.
_ORDER = ("step", "averaging_weight", "step_size", "average", "descend", "gradient")


@cache
def needs(law: str, index: int) -> frozenset[str]:
    """Least that a port must support for the scenario to be among those it is asked."""
    scenario = LAWS[law].designed(ALL)[index]
    for count in range(3):
        for chosen in combinations(("maximize", "set", "skip", "groups"), count):
            if scenario in LAWS[law].designed(frozenset(chosen)):
                return frozenset(chosen)
    raise AssertionError(f"{law} {index} needs more than two things")


def rule(convention: Convention, dtype: str) -> Rule:
    """What a port of a convention is judged against."""
    return Rule(convention, Arithmetic(formats[dtype], POLICIES["native"]))


class Faulty:
    """One form of a fault in one convention, put through scenarios once."""

    def __init__(self, port: Any, dtype: str) -> None:
        self.port, self.dtype = port, dtype
        self._reads = port._reads
        self._traces: dict[Any, Any] = {}

    def trace(self, law: str, index: int, *, average: bool = True) -> Any:
        """Trace in a designed scenario; without averages, unless they are asked for."""
        key = law, index, average
        if key not in self._traces:
            shown = [x for x in self._reads if average or x != "average"]
            self.port._reads = tuple(shown)
            scenario = LAWS[law].designed(ALL)[index]
            self._traces[key] = drive(self.port, scenario, self.dtype)
        return self._traces[key]

    def first(self, law: str, index: int, convention: Convention, *, average: bool = True) -> Any:
        """First number that breaks a law; None where none does."""
        if not average and "average" in LAWS[law].needs:
            return None
        trace = self.trace(law, index, average=average)
        scenario = LAWS[law].designed(ALL)[index]
        return worst(LAWS[law].check(scenario, trace, rule(convention, self.dtype)))[0]


def shown(faulty: Faulty, own: Convention) -> Iterator[tuple[Any, ...]]:
    """Rows of a form in its own convention: law, scenario, quantity, place, size, error."""
    for law in LAWS.values():
        for index in range(len(law.designed(ALL))):
            found = faulty.first(law.key, index, own)
            rows = [found]
            if found is not None and found.quantity == "average":
                rows.append(faulty.first(law.key, index, own, average=False))
            for one in rows:
                if one is None:
                    continue
                if one.wanted is not None:
                    yield law.key, index, one.quantity, None, math.inf, math.inf
                else:
                    size = one.error / one.tolerance if one.tolerance else math.inf
                    yield law.key, index, one.quantity, tuple(one.place), size, one.error


def best(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """For each law and quantity, the row that needs least; of those, the one of largest size."""
    chosen: dict[tuple[str, str, frozenset[str]], tuple[Any, ...]] = {}
    for row in rows:
        law, index, quantity, _, size, _ = row
        key = law, quantity, needs(law, index)
        if size > MARGIN and (key not in chosen or size > chosen[key][4]):
            chosen[key] = row
    return [
        row
        for (law, quantity, need), row in chosen.items()
        if not any(o[:2] == (law, quantity) and o[2] < need for o in chosen)
    ]


def apart(faulty: Faulty, other: Convention) -> list[tuple[str, int, str]]:
    """Scenarios and quantities that separate a form from another convention."""
    out: dict[tuple[str, frozenset[str]], tuple[str, int, str]] = {}
    for law in _ORDER:
        for index in range(len(LAWS[law].designed(ALL))):
            need = needs(law, index)
            for average in (False, True):
                quantities = {q for q, n in out if n <= need}
                if quantities & ({"theta", "average"} if average else {"theta"}):
                    continue
                found = faulty.first(law, index, other, average=average)
                if found is not None and (found.wanted is not None or found.error_bounds > MARGIN):
                    out.setdefault((found.quantity, need), (law, index, found.quantity))
    return list(out.values())


def sightings(name: str, maker: Any) -> dict[str, list[Any]]:
    """All that the table says of one form."""
    ident = name.partition("/")[0]
    dtype = FAULTS[ident].dtype or "float32"
    places: dict[Any, dict[str, tuple[float, float]]] = {}
    conventions: dict[Any, list[str]] = {}
    for own in CONVENTIONS.values():
        port = maker(own)
        if port is None:
            continue
        faulty = Faulty(port, dtype)
        found = best(list(shown(faulty, own)))
        for law, index, quantity, place, size, error in found:
            places.setdefault((law, index, quantity, place), {})[own.name] = error, size
        if not found:
            continue
        for other in CONVENTIONS.values():
            if other is not own:
                for row in apart(faulty, other):
                    conventions.setdefault(row, []).append(f"{own.name}>{other.name}")
    return {
        "places": [
            [
                *key[:3],
                key[3] and list(key[3]),
                *(_least(column) for column in zip(*by.values(), strict=True)),
                _all(by, sorted(CONVENTIONS)),
            ]
            for key, by in places.items()
        ],
        "apart": [[*key, _all(pairs, _PAIRS)] for key, pairs in conventions.items()],
    }


def _least(sizes: Iterable[float]) -> float | None:
    """The least, rounded down to a few digits; None where it is infinite."""
    least = min(sizes)
    if not 0 < least < math.inf:
        return None if least else 0.0
    mantissa, exponent = f"{least:.15e}".split("e")
    return float(f"{math.floor(float(mantissa) * 100) / 100}e{exponent}")


def _all(names: Iterable[str], every: list[str]) -> list[str] | str:
    """Names in order, or "*" for all there are."""
    return "*" if sorted(names) == every else sorted(names)


def table(idents: Sequence[str] = ()) -> dict[str, Any]:
    """The table, of these faults renewed, or all; what is right in each convention is none."""
    old = json.loads(PATH.read_text(encoding="utf-8")) if idents else {}
    found = {}
    for name, maker in forms():
        asked = not idents or name.partition("/")[0] in idents
        found[name] = sightings(name, maker) if asked else old.get(name, {"places": []})
    return {name: rows for name, rows in found.items() if rows["places"]}


def encoded(found: dict[str, Any]) -> str:
    """As it stands in the file: a line for each form."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(rows, separators=(',', ':'))}"
        for name, rows in found.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(encoded(table(sys.argv[1:])), encoding="utf-8")
