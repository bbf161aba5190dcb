"""Separations of every two rules; run it to renew ``tests/meta/evidence/separations.md``.

    python tests/meta/studies/separations.py
    python tests/meta/studies/separations.py --doubles torch --every 8

The second prints what it finds for two faults at once, and writes nothing.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from exact_variants import coincide
from separating import Floats, doubles, name, separations, singles
from soak_orders import drawn

from asgd.spec import convention
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.ports.protocol import DTYPES, SUPPORTS

PAGE = Path(__file__).parents[1] / "evidence" / "separations.md"
BEGIN, END = "<!-- computed: begin -->", "<!-- computed: end -->"
_WEAKEST = 5
"""Rows of the table of weakest separations."""


@dataclass(frozen=True)
class Same:
    """Rules that compute the same in exact arithmetic, whatever they are given, and why."""

    rules: tuple[str, ...]
    reason: str


def _both(one: str, other: str, fault: str, reason: str) -> Same:
    return Same((f"{one} + {fault}", f"{other} + {fault}"), reason)


_NO_ETA = "eta, by which alone the two conventions differ, is not used"
_NO_MU = "the weight, by which alone the two conventions differ, is not used"

CLASSES = (
    Same(
        (
            "literal",
            "literal + averaging-one-step-late",
            "literal + averaging-one-step-early",
            "literal + averaging-never",
            "literal + averaging-weight-by-step",
            "literal + averaging-without-start",
            "literal + averaging-first-twice",
            "literal + averaging-fed-every-kth-step",
            "literal + averaging-polynomial",
            "literal + window-not-reset",
            "literal + mu-integer-division",
            "literal + t0-as-is",
        ),
        "`literal` has no averaging weight: from t0 on it divides by t - t0, and before t0 each of "
        "these weights is 1; and it takes t0 as it is",
    ),
    Same(
        ("same-step", "same-step + t0-as-is", "bottou + eta-one-step-early"),
        "`bottou` is `same-step` with eta one step late; both take t0 as it is",
    ),
    Same(
        ("bottou", "bottou + t0-as-is", "same-step + eta-one-step-late"),
        "the same the other way round",
    ),
    Same(("torch", "torch + t0-as-is"), "`torch` takes t0 as it is"),
    Same(
        ("documented + t0-as-is", "same-step + averaging-one-step-early"),
        "the weight is 1 / max(1, t + 1 - t0) in both",
    ),
    Same(
        tuple(
            f"{rule} + theta-never-moves" for rule in ("documented", "same-step", "bottou", "torch")
        ),
        "theta is constant, and so is every mean of it",
    ),
    Same(
        ("torch + averaging-one-step-early", "bottou + hyperparameters-shifted"),
        "`torch` is `bottou` with mu one step late and hyperparameters stored",
    ),
    Same(
        ("torch + hyperparameters-shifted", "bottou + averaging-one-step-late"),
        "the same the other way round",
    ),
    _both("same-step", "bottou", "eta-constant", "eta is lr at every step, early or late"),
    _both("same-step", "bottou", "update-unscaled", _NO_ETA),
    _both("same-step", "bottou", "sgd-by-lr", _NO_ETA),
    _both("documented", "same-step", "averaging-never", "the weight is always 1"),
    _both("documented", "same-step", "average-exponential", _NO_MU),
    _both(
        "documented",
        "same-step",
        "average-exponential-in-window",
        f"{_NO_MU} from t0 on; before t0 it is 1 in both",
    ),
    _both("documented", "same-step", "average-fixed-decay", _NO_MU),
    _both("documented", "same-step", "average-sum", _NO_MU),
    _both("documented", "same-step", "average-lucid", _NO_MU),
)
"""All rules with up to one fault that no scenario can tell apart."""


def pairs(variants: Sequence[Variant], table: Floats) -> dict[frozenset[str], float]:
    """Separation of every pair, by the names of the two."""
    names = [name(v) for v in variants]
    weaker = np.minimum(table, table.T).tolist()
    return {
        frozenset((names[i], names[j])): weaker[i][j] for i, j in combinations(range(len(names)), 2)
    }


def alike(found: Mapping[frozenset[str], float]) -> set[frozenset[str]]:
    """Pairs that are not separated."""
    return {pair for pair, separation in found.items() if separation <= 1}


def listed() -> set[frozenset[str]]:
    """Pairs that `CLASSES` says to be the same."""
    return {frozenset(pair) for same in CLASSES for pair in combinations(same.rules, 2)}


def summary(dtype: str, found: Mapping[frozenset[str], float]) -> str:
    """Line of a dtype."""
    apart = [x for x in found.values() if x > 1]
    return f"| {dtype} | {len(apart)} | {len(found) - len(apart)} | {min(apart):.2g} |"


def weakest(dtype: str, found: Mapping[frozenset[str], float]) -> list[str]:
    """Lines of the weakest separations; of pairs that differ by the same, the simplest alone."""
    rows: dict[str, list[list[str]]] = {}
    for pair in sorted(found, key=lambda pair: found[pair]):
        if found[pair] > 1:
            rows.setdefault(f"{found[pair]:.2g}", []).append(sorted(pair, key=_simplest))
        if len(rows) > _WEAKEST:
            break
    chosen = [(value, min(rows[value], key=_length)) for value in list(rows)[:_WEAKEST]]
    return [f"| {dtype} | {value} | `{one}` | `{other}` |" for value, (one, other) in chosen]


def _length(rules: Sequence[str]) -> tuple[int, Sequence[str]]:
    return sum(map(len, rules)), rules


def _simplest(rule: str) -> tuple[int, str]:
    return len(rule), rule


def histogram(dtype: str, found: Mapping[frozenset[str], float]) -> str:
    """Line of a dtype: pairs by decade of their separation."""
    counts = Counter(int(np.log10(x)) for x in found.values() if 1 < x < np.inf)
    cells = [f"{counts[d]} from 10^{d} to 10^{d + 1}" for d in sorted(counts)]
    infinite = sum(x == np.inf for x in found.values())
    return f"- {dtype}: {', '.join(cells)}, {infinite} infinite"


def lines(dtype: str, found: Mapping[frozenset[str], float]) -> list[str]:
    """All lines of the page that a dtype's separations decide."""
    return [summary(dtype, found), *weakest(dtype, found), histogram(dtype, found)]


def row(same: Same) -> str:
    """Line of rules that are the same."""
    return f"| {', '.join(f'`{rule}`' for rule in same.rules)} | {same.reason} |"


def computed(found: Mapping[str, Mapping[frozenset[str], float]]) -> str:
    """The part of the page that is computed."""
    rules, found_in = singles(), list(found.items())
    count = len(found[DTYPES[0]])
    out = [f"{len(rules)} rules are {count} pairs.", ""]
    out += ["| dtype | separated | not | weakest separation |", "|---|---|---|---|"]
    out += [summary(*each) for each in found_in]
    out += ["", "The weakest ones, a pair for each (others differ by the same number):", ""]
    out += ["| dtype | separation | rule | and |", "|---|---|---|---|"]
    out += [line for each in found_in for line in weakest(*each)]
    out += ["", "Pairs by the decade of their separation:", ""]
    out += [histogram(*each) for each in found_in]
    out += [
        "",
        f"The {len(listed())} pairs that are not separated are those within these rows:",
        "",
    ]
    out += ["| rules | are the same because |", "|---|---|"]
    return "\n".join([*out, *map(row, CLASSES)])


def renewed(text: str, part: str) -> str:
    """The page ``text`` with ``part`` between its marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{part}\n{END}{after}"


def classes(same: set[frozenset[str]]) -> list[list[str]]:
    """Rules put together that are linked by a pair."""
    groups: list[set[str]] = []
    for pair in same:
        joined = set(pair).union(*(g for g in groups if g & pair))
        groups = [g for g in groups if not g & pair] + [joined]
    return sorted(sorted(g, key=_simplest) for g in groups)


def two_faults(rule: str, every: int) -> Iterator[str]:
    """What is found for a convention with one and with two faults at once."""
    chosen = [v for v in singles() if v.convention.name == rule]
    chosen += doubles(convention(rule))[::every]
    by_name = {name(v): v for v in chosen}
    scenarios = [drawn(LAWS["step"], frozenset(SUPPORTS), seed) for seed in range(30)]
    for dtype in DTYPES:
        found = pairs(chosen, separations(chosen, dtype))
        same = alike(found)
        yield f"{dtype}, {len(chosen)} rules, {len(found)} pairs: {summary(dtype, found)}"
        yield histogram(dtype, found)
        yield from weakest(dtype, found)
        groups = classes(same)
        inner = sum(len(g) * (len(g) - 1) // 2 for g in groups)
        yield f"{len(same)} pairs not separated, {inner} in {len(groups)} classes"
        for first, *others in groups:
            for other in others:
                if not coincide(by_name[first], by_name[other], scenarios):
                    yield f"differ in exact arithmetic: {first} | {other}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--doubles", metavar="CONVENTION", help="two faults at once, of this one")
    parser.add_argument("--every", type=int, default=8, help="take every n-th pair of faults")
    given = parser.parse_args()
    if given.doubles:
        for line in two_faults(given.doubles, given.every):
            print(line, flush=True)
    else:
        tables = {dtype: pairs(singles(), separations(singles(), dtype)) for dtype in DTYPES}
        assert all(alike(found) == listed() for found in tables.values()), "CLASSES is out of date"
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(renewed(text, computed(tables)), encoding="utf-8")
