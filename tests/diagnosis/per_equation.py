"""Diagnosis in parts: what can be named of a port that no rule explains as a whole.

Theta may follow a known rule where the average does not, or the reverse; and each law sees its own
equation apart from the others (`laws/equations.py`), so that one equation's fault can be named
beside an unknown one of another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from asgd.spec import FAULTS, Convention

from ..faults.agreement import Table
from ..faults.variant import Variant
from .match import Ask, Move, Search, keeps_terms, made, measured, moves

Ids = tuple[str, ...]

_OF_THETA = ("gradient", "step_size", "descend")
_OF_AVERAGE = ("averaging_weight", "average")


@dataclass(frozen=True)
class Parts:
    """Faults by the equations that they explain; an equation that is not there is not explained.

    Attributes
    ----------
    faults : mapping of str to tuple of str
        Ids by the name of an equation: none, where what is seen of it is right.
    theta, average : str or None
        Convention that the part computes, its faults aside; None where none fits.
    """

    faults: Mapping[str, Ids] = field(default_factory=dict)
    theta: str | None = None
    average: str | None = None

    @property
    def explained(self) -> tuple[int, int]:
        """How much is explained, and, the less the better, by how many faults."""
        return len(self.faults), -len({i for ids in self.faults.values() for i in ids})


def parts(
    traces: Table, laws: Sequence[str], conventions: Sequence[Convention]
) -> tuple[Convention, Parts]:
    """What can be named of a port, and as a version of which convention.

    Parameters
    ----------
    traces : Table
        What was seen of the port.
    laws : sequence of str
        The law that each of its runs was designed for.
    conventions : sequence of Convention
        What it may be a version of; the first of those that explain as much is taken.
    """
    pool = moves(traces.dtype)
    theta: dict[tuple[int, bool], tuple[bool, dict[str, Ids]]] = {}
    known = []
    for convention in conventions:
        base = Variant.of(convention)
        # Conventions that read theta alike are asked once.
        key = (base.eta_lag, base.stored)
        if key not in theta:
            theta[key] = _theta(traces, laws, base, pool)
        whole, of_theta = theta[key]
        of_average = _first(traces.expected_average, base, pool)
        faults = of_theta | dict.fromkeys(_OF_AVERAGE, of_average or ())
        if of_average is None:
            faults = of_theta
        name = convention.name
        part = Parts(faults, name if whole else None, name if of_average is not None else None)
        known.append((convention, part))
    return max(known, key=lambda entry: entry[1].explained)


def _theta(
    traces: Table, laws: Sequence[str], base: Variant, pool: Sequence[Move]
) -> tuple[bool, dict[str, Ids]]:
    """Whether theta's rule is known as a whole, and names of E1 to E3."""
    found = _first(traces.expected_theta, base, pool)
    if found is not None:
        return True, dict.fromkeys(_OF_THETA, found)
    return False, _by_law(traces, laws, base, pool)


def _first(ask: Ask, base: Variant, pool: Sequence[Move]) -> Ids | None:
    found = Search(ask, base, pool).smallest(2)
    if not found:
        return None
    # Seen from one part alone, a fault that also changes the other says more than is known.
    chosen = min(found, key=lambda moves: made(base, moves).written)
    return tuple(ident for ident, _ in chosen)


def _by_law(
    traces: Table, laws: Sequence[str], base: Variant, pool: Sequence[Move]
) -> dict[str, Ids]:
    """Names of E1 to E3, each in the scenarios where the others are idle or measured."""
    found: dict[str, Ids] = {}
    law = np.array([*laws, ""])[np.minimum(traces.run, len(laws))]
    impulses = (law == "step_size") & (traces.theta == 0) & traces.finite & traces.present
    sets = Search(traces.expected_theta, base, _of(pool, {"step_size"}), impulses).smallest(1)
    if sets:
        found["step_size"] = tuple(ident for ident, _ in sets[0])
    gauged = np.isin(law, ["gradient", "descend"]) & traces.finite & ~np.isnan(traces.measured)
    own = _of(pool, {"gradient", "descend"})
    sets = Search(measured(traces), base, own, gauged).smallest(2)
    if sets:
        ids = min((tuple(ident for ident, _ in each) for each in sets), key=keeps_terms)
        found |= {"gradient": ids, "descend": ids}
    return found


def _of(pool: Sequence[Move], equations: set[str]) -> list[Move]:
    return [move for move in pool if FAULTS[move[0]].equation in equations]
