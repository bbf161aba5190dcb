"""Diagnosis: which known rule a port computes, from its traces.

A rule, a convention with some faults, is asked for every step that the port took, from the port's
own theta and average before it (`agreement.py`). Theta's faults are found first, then the
average's, given theta's. Every fault alone says which rows it changes and where it agrees; a set of
faults can only be right where each wrong row is changed by one of them. That leaves few sets to
try.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np

from asgd.spec import Convention

from ..faults.agreement import Bools, Expected, Table
from ..faults.catalogue import CHANGES, FORMS, PRECISION, Change, apply
from ..faults.variant import Variant

MOST = 3
"""Faults of theta, or of the average, that are looked for at once."""
_ATTEMPTS = 100
_RANKED = 500
_NODES = 20_000
"""Sets that are tried, ranked, and looked at."""
_SLACK = 4.0
"""How far effects of faults may be from adding up, in errors: it only ranks the sets to try."""
_SHARED = {"origin", "late", "narrow"}

Move = tuple[str, Change]
Ask = Callable[[Variant], Expected]


@dataclass(frozen=True)
class Explanation:
    """A rule that agrees with everything seen of a port.

    Attributes
    ----------
    convention : Convention
        What it is a variant of.
    faults : tuple of str
        Ids of its faults, the fewest that explain the port.
    dtype : str
        Of the port.
    forms : tuple of int
        The faults in the forms that were found: places in `moves`.
    """

    convention: Convention
    faults: tuple[str, ...]
    dtype: str = "float64"
    forms: tuple[int, ...] = ()

    @property
    def variant(self) -> Variant:
        """The rule itself."""
        return self.without("")

    def without(self, ident: str) -> Variant:
        """The rule without one of its faults."""
        pool = moves(self.dtype)
        return made(
            Variant.of(self.convention), [pool[k] for k in self.forms if pool[k][0] != ident]
        )


@cache
def moves(dtype: str) -> tuple[Move, ...]:
    """All known faults in all forms, plain ones first."""
    found = [*CHANGES.items()]
    found += [(ident, change) for ident, forms in FORMS.items() for change in forms]
    found += [
        (ident, change)
        for ident, forms in PRECISION.items()
        for change in forms
        if dtype == "float64" or "float32" not in ident
    ]
    return tuple(found)


def made(base: Variant, chosen: Sequence[Move]) -> Variant:
    """The rule with faults that compose."""
    for ident, change in chosen:
        changed = apply(base, ident, change)
        assert changed is not None
        base = changed
    return base


def explain(traces: Table, conventions: Sequence[Convention]) -> list[Explanation]:
    """Simplest explanations of a port; several where they cannot be told apart, none if unknown.

    Parameters
    ----------
    traces : Table
        What was seen of the port.
    conventions : sequence of Convention
        What it may be a variant of.
    """
    pool = moves(traces.dtype)
    bases = [Variant.of(convention) for convention in conventions]
    # Conventions that read theta alike are asked once.
    keys: dict[tuple[int, bool], Search] = {}
    for base in bases:
        key = (base.eta_lag, base.stored)
        keys.setdefault(key, Search(traces.expected_theta, base, pool))
    # Where the average is written into theta, theta depends on all of the convention.
    written = [("average-written-into-theta", CHANGES["average-written-into-theta"])]
    for size in range(MOST + 1):
        thetas = {key: one.sets(size) for key, one in keys.items()}
        begun = []
        for base in bases:
            found = thetas[base.eta_lag, base.stored]
            if size == 1 and not found:
                found = Search(traces.expected_theta, base, written).sets(1)
            begun += [(base, chosen) for chosen in found if _right(traces, base, chosen)]
        averages = [(*each, _averages(traces, *each, pool)) for each in begun]
        for more in range(MOST + 1):
            explained = [
                _explanation(base, (*chosen, *rest), traces.dtype)
                for base, chosen, one in averages
                for rest in one.sets(more)
                if traces.keeps_weights(made(base, (*chosen, *rest)))
            ]
            if explained:
                return _simplest(explained)
    return []


def _right(traces: Table, base: Variant, chosen: Sequence[Move]) -> bool:
    variant = made(base, chosen)
    agrees = bool(traces.expected_theta(variant).agrees.all())
    return agrees and traces.keeps_lr(variant) and traces.loses(variant)


def _explanation(base: Variant, chosen: tuple[Move, ...], dtype: str) -> Explanation:
    pool = moves(dtype)
    ids = tuple(ident for ident, _ in chosen)
    return Explanation(base.convention, ids, dtype, tuple(pool.index(move) for move in chosen))


def _averages(
    traces: Table, base: Variant, of_theta: Sequence[Move], pool: Sequence[Move]
) -> "Search":
    """Search for faults of the average that leave theta as it is."""
    variant = made(base, of_theta)
    theta = traces.expected_theta(variant)
    rest = [move for move in pool if not _touches(traces, variant, theta, move)]
    return Search(traces.expected_average, variant, rest)


def _touches(traces: Table, variant: Variant, theta: Expected, move: Move) -> bool:
    changed = apply(variant, *move)
    return changed is None or bool(traces.expected_theta(changed).differs(theta).any())


def _simplest(found: Sequence[Explanation]) -> list[Explanation]:
    """Those of the fewest faults, and of these the ones that are the most exact.

    First those that leave terms out: what is left out is a plainer bug than two that cancel.
    """

    def weight(e: Explanation) -> tuple[int, int, int]:
        narrow = e.variant.narrow
        return len(e.faults), sum(not n.stored for n in narrow), len(narrow)

    least = min(map(weight, found), default=None)
    kept: dict[tuple[Convention, frozenset[str]], Explanation] = {}
    for explanation in found:
        if weight(explanation) == least:
            kept.setdefault((explanation.convention, frozenset(explanation.faults)), explanation)
    return sorted(kept.values(), key=lambda e: keeps_terms(e.faults))


def keeps_terms(faults: Sequence[str]) -> int:
    """How many faults do more than leave a term out."""
    return sum(not ident.endswith(("-missing", "-ignored")) for ident in faults)


class Search:
    """Search for sets of faults with which a rule agrees with what was seen.

    Parameters
    ----------
    ask : callable
        What a variant expects of a quantity, and where the port agrees.
    base : Variant
        The rule to begin with.
    pool : sequence of (str, Change)
        Faults to choose from.
    rows : array of bool, optional
        Rows that matter; all by default.
    """

    def __init__(
        self, ask: Ask, base: Variant, pool: Sequence[Move], rows: Bools | None = None
    ) -> None:
        self._ask, self._base, self._pool = ask, base, pool
        self._expected = ask(base)
        self._rows = np.ones(len(self._expected.agrees), bool) if rows is None else rows
        self._done = bool(self._expected.agrees[self._rows].all())

    def sets(self, size: int) -> list[tuple[Move, ...]]:
        """Sets of this size with which the rule agrees; empty once some were found.

        A fault that is not needed is left out.
        """
        if size == 0 or self._done:
            return [()] if size == 0 and self._done else []
        tried = self._tried if size <= 2 else self._best
        wanted, right = _bits(self._rows), _bits(self._expected.agrees)
        covers = sorted(_covers(tried, wanted, right, size), key=lambda cover: cover[0])
        likely = sorted((cover for _, cover in covers[:_RANKED]), key=self._surprises)
        sets = (tuple(one.move for one in cover) for cover in likely[:_ATTEMPTS])
        found = [self._needed(chosen) for chosen in sets if self._agrees(chosen)]
        self._done = bool(found)
        return found

    def smallest(self, limit: int = MOST) -> list[tuple[Move, ...]]:
        """Smallest sets with which the rule agrees; none if there is none up to ``limit``."""
        return next((found for size in range(limit + 1) if (found := self.sets(size))), [])

    def _needed(self, chosen: tuple[Move, ...]) -> tuple[Move, ...]:
        """Without the faults that are not needed: one of precision only widens what agrees."""
        for move in chosen:
            rest = tuple(other for other in chosen if other is not move)
            if self._agrees(rest):
                return self._needed(rest)
        return chosen

    def _agrees(self, chosen: Sequence[Move]) -> bool:
        variant: Variant | None = self._base
        for move in chosen:
            variant = apply(variant, *move) if variant is not None else None
        return variant is not None and bool(self._ask(variant).agrees[self._rows].all())

    def _surprises(self, cover: Sequence["_Tried"]) -> int:
        """Rows that several faults change, and where their effects do not add up to the port's."""
        base = self._expected.number.value
        with np.errstate(all="ignore"):
            value = base + sum(one.expected.number.value - base for one in cover)
            error = sum(one.expected.number.error for one in cover)
            odd = ~(abs(value - self._expected.seen) <= _SLACK * error)
        several = np.sum([one.rows for one in cover], axis=0) > 1
        return int(np.count_nonzero(odd & several))

    @cached_property
    def _tried(self) -> list["_Tried"]:
        found = []
        for move in self._pool:
            variant = apply(self._base, *move)
            if variant is None:
                continue
            one = self._ask(variant)
            changed = one.differs(self._expected) | (one.agrees != self._expected.agrees)
            rows = changed & self._rows
            if rows.any():
                parts = frozenset(move[1](self._base)) - _SHARED
                right = _bits(one.agrees & self._rows)
                found.append(_Tried(move, _bits(rows), right, parts, rows, one))
        return found

    @cached_property
    def _best(self) -> list["_Tried"]:
        """Of the forms of a fault, the one that agrees most."""
        best: dict[str, _Tried] = {}
        for one in self._tried:
            other = best.setdefault(one.move[0], one)
            if one.right.bit_count() > other.right.bit_count():
                best[one.move[0]] = one
        return list(best.values())


@dataclass(frozen=True)
class _Tried:
    """A fault alone: the rows that it changes, where the port then agrees, and its parts."""

    move: Move
    changed: int
    right: int
    parts: frozenset[str]
    rows: Bools
    expected: Expected


def _bits(mask: Bools) -> int:
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


def _covers(
    tried: Sequence[_Tried], wanted: int, right: int, size: int
) -> Iterator[tuple[int, tuple[_Tried, ...]]]:
    """Sets of faults that may be right: rows that one of them changes are right by that one.

    With each comes the number of rows that several change, of which nothing is known yet.
    """
    seen: set[frozenset[int]] = set()
    parts = [one.parts for one in tried]

    def extend(
        chosen: tuple[int, ...], once: int, twice: int, fine: int
    ) -> Iterator[tuple[int, tuple[_Tried, ...]]]:
        bad = wanted & ~((right & ~once) | (fine & ~twice) | twice)
        if len(chosen) == size:
            if not bad:
                yield (twice & wanted).bit_count(), tuple(tried[k] for k in chosen)
            return
        first = bad & -bad
        for k, one in enumerate(tried):
            # Where nothing is left that must change, the faults disturb each other.
            if k in chosen or (first and not one.changed & first):
                continue
            key = frozenset((*chosen, k))
            if len(seen) > _NODES or any(parts[k] & parts[j] for j in chosen):
                continue
            if key in seen or (not first and len(chosen) + 1 < size):
                continue
            seen.add(key)
            yield from extend(
                (*chosen, k),
                once | one.changed,
                twice | (once & one.changed),
                fine | (one.changed & one.right),
            )

    yield from extend((), 0, 0, 0)


def measured(traces: Table) -> Ask:
    """Asks for theta with the step size that a gauge shows."""
    return partial(traces.expected_theta, measured=True)
