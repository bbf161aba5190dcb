"""Make the arrays of the covering scenarios: every pair, and every triple, where it matters.

    python tests/meta/studies/arrays.py

Greedy: of many rows that hold a combination still missing, the one that covers most. Rows whose
numbers leave float32, or in which nothing moves at the end, are not taken. Writes
``tests/scenarios/covering.json``, the same in every run.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np

from asgd.reference import formats
from asgd.tests.ports.protocol import SUPPORTS
from asgd.tests.ports.scenario import Scenario
from asgd.tests.ports.timeline import turns
from asgd.tests.scenarios.covering import FEATURES, NEEDS, Row, build, covered, matters, supported

PATH = Path(__file__).parents[2] / "scenarios" / "covering.json"
_TRIES = {2: 60, 3: 25}
ALL = frozenset(SUPPORTS)
LESS = [
    *map(frozenset, [(), ("groups",), ("set",), ("skip",), ("maximize",)]),
    *map(frozenset, [("groups", "set"), ("save", "set")]),
    *(ALL - {absent} for absent in SUPPORTS),
]
"""What ports support that lack something: for them too every pair is covered."""
_DEAR = (("parameters", "many", "two"), ("length", "long", "short"))
_SPARED = 0.8
_LARGEST = float(formats["float32"].largest) * 2.0**-40


def alive(row: Row) -> bool:
    """Whether every group's theta stays a number of float32, and still moves at the end."""
    return _alive(build(row, "float32"))


def _alive(scenario: Scenario) -> bool:
    thetas = [np.array(p) for p in scenario.params]
    moved = [np.inf] * len(thetas)
    with np.errstate(all="ignore"):
        for event, made in turns(scenario):
            for i, (turn, grad) in enumerate(zip(made, event.grads, strict=True)):
                if turn is None or not thetas[i].size:
                    continue
                h = turn.now
                g = np.nan_to_num(np.array(grad)) * (-1 if h.maximize else 1)
                eta = h.lr / (1 + h.lambd * h.lr * turn.t) ** h.alpha
                step = eta * (g + (h.lambd + h.weight_decay) * thetas[i])
                # A change to lr = 0 is a class of its own: there nothing may move.
                moved[i] = np.inf if h.lr == 0 else np.abs(step).max() / np.abs(thetas[i]).max()
                thetas[i] = thetas[i] - step
                if not np.abs(thetas[i]).max() < _LARGEST:
                    return False
    return min(moved) > 2.0**-18


def wanted(
    strength: int, features: Mapping[str, Sequence[str]] = FEATURES
) -> set[tuple[tuple[str, str], ...]]:
    """All combinations of classes."""
    out = set()
    for names in combinations(features, strength):
        for classes in product(*(features[name] for name in names)):
            out.add(tuple(zip(names, classes, strict=True)))
    return out


def _rows(
    rng: random.Random, fixed: dict[str, str], features: Mapping[str, Sequence[str]]
) -> Iterator[Row]:
    """Rows with some classes given."""
    while True:
        row = {name: fixed.get(name, rng.choice(classes)) for name, classes in features.items()}
        # What takes long is left to the rows that need it.
        for name, dear, cheap in _DEAR:
            if name not in fixed and row[name] == dear and rng.random() < _SPARED:
                row[name] = cheap
        needs = set(fixed) & {"changed", "to", "place"}
        if needs and row["change"] == "none" and "change" not in fixed:
            continue
        if set(fixed) <= matters(row):
            yield row


def classes_for(supports: frozenset[str]) -> Mapping[str, Sequence[str]]:
    """Classes of each feature that a port is asked: the first where it lacks the feature."""
    return {
        name: classes if NEEDS.get(name, "") in {"", *supports} else classes[:1]
        for name, classes in FEATURES.items()
    }


def pairs() -> list[Row]:
    """Rows that cover every pair, for a port that supports everything and for others."""
    rows: list[Row] = []
    for supports in (ALL, *LESS):
        rows = generate(2, rows, supports)
    return rows


def generate(strength: int, rows: list[Row], supports: frozenset[str] = ALL) -> list[Row]:
    """Rows that cover all combinations that a port is asked, beginning with ``rows``."""
    rng = random.Random(strength)
    missing = wanted(strength, classes_for(supports))
    for row in rows:
        missing -= set(covered(supported(row, supports), strength))
    rows, alone = list(rows), _alone(classes_for(supports))
    for target in sorted(missing):
        if target not in missing:
            continue
        best: tuple[int, Row] | None = None
        candidates = _rows(rng, dict(target), classes_for(supports))
        if not alone.issuperset(target) or not _possible(dict(target), classes_for(supports)):
            continue
        for _ in range(_TRIES[strength]):
            row = next(candidates)
            gain = len(missing & set(covered(row, strength)))
            if (best is None or gain > best[0]) and alive(row):
                best = gain, row
        for _ in range(400):
            if best is not None:
                break
            row = next(candidates)
            best = (1, row) if alive(row) else None
        if best is not None:
            rows.append(best[1])
            missing -= set(covered(best[1], strength))
    return rows


def _alone(features: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    """Classes that matter in some row: a combination with another one need not be tried."""
    rng = random.Random(0)
    rows = ({n: rng.choice(classes) for n, classes in features.items()} for _ in range(400))
    return {(name, row[name]) for row in rows for name in matters(row)}


def _possible(fixed: dict[str, str], features: Mapping[str, Sequence[str]] = FEATURES) -> bool:
    """Whether the classes can matter together in some row."""
    rng = random.Random(0)
    for _ in range(400):
        row = {name: fixed.get(name, rng.choice(classes)) for name, classes in features.items()}
        if set(fixed) <= matters(row):
            return True
    return False


def left(
    strength: int, rows: Sequence[Row], features: Mapping[str, Sequence[str]] = FEATURES
) -> set[tuple[tuple[str, str], ...]]:
    """Combinations that matter somewhere, and are not in ``rows``."""
    missing = wanted(strength, features)
    for row in rows:
        missing -= set(covered(row, strength))
    alone = _alone(features)
    return {t for t in missing if alone.issuperset(t) and _possible(dict(t), features)}


def encoded(row: Row) -> str:
    """Digits of a row."""
    return "".join(str(FEATURES[name].index(row[name])) for name in FEATURES)


def main() -> None:
    """Write the file."""
    two = pairs()
    print(len(two), "rows for pairs;", len(left(2, two)), "pairs left")
    triples = generate(3, two)
    print(len(triples), "rows for triples")
    data = {
        "features": {name: list(classes) for name, classes in FEATURES.items()},
        "pairs": [encoded(row) for row in two],
        "triples": [encoded(row) for row in triples[len(two) :]],
    }
    PATH.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
