"""Diagnosis in parts: what can be named of a port that no rule explains as a whole.

Theta may follow a known rule where the average does not, or the reverse; and each law sees its own
equation apart from the others (`laws.py`), so that one equation's fault can be named beside an
unknown one of another.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations

from asgd.reference import formats
from asgd.spec import FAULTS, Convention

from ..faults.agreement import moments, updates
from ..faults.catalogue import combine
from ..faults.running_error import Running
from ..faults.variant import Variant
from ..laws.hold import DesignedRuns
from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from .match import AVERAGE_PARTS, THETA_PARTS, Traces, matching, touching

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
    """

    faults: Mapping[str, Ids] = field(default_factory=dict)

    @property
    def explained(self) -> tuple[int, int]:
        """How much is explained, and, the less the better, by how many faults."""
        return len(self.faults), -len({i for ids in self.faults.values() for i in ids})


def parts(
    runs: DesignedRuns, dtype: str, conventions: Sequence[Convention]
) -> tuple[Convention, Parts]:
    """What can be named of a port, and as a version of which convention.

    Parameters
    ----------
    runs : list of (Law, Scenario, list of Observation)
        The designed scenarios, and what was seen in them.
    dtype : str
        Of the parameters.
    conventions : sequence of Convention
        What it may be a version of; the first of those that explain as much is taken.
    """
    u = formats[dtype].u
    whole = Traces(dtype, tuple((scenario, trace) for _, scenario, trace in reversed(runs)))
    theta: dict[tuple[int, bool], dict[str, Ids]] = {}
    known = []
    for convention in conventions:
        base = Variant.of(convention)
        # Conventions that read theta alike are asked once.
        key = (base.eta_lag, base.stored)
        if key not in theta:
            found = matching(base, THETA_PARTS, whole, u, theta=True)
            theta[key] = dict.fromkeys(_OF_THETA, found[0]) if found else _by_law(runs, dtype, base)
        found = matching(base, AVERAGE_PARTS, whole, u, theta=False)
        average = dict.fromkeys(_OF_AVERAGE, found[0]) if found else {}
        known.append((convention, Parts(theta[key] | average)))
    return max(known, key=lambda entry: entry[1].explained)


def _by_law(runs: DesignedRuns, dtype: str, base: Variant) -> dict[str, Ids]:
    """Names of E1 to E3, each in the scenarios where the others are idle or measured."""
    found: dict[str, Ids] = {}
    impulses = [(s, t) for law, s, t in runs if law.key == "step_size"]
    for ids in chain(*(_of(base, ("step_size",), count) for count in (0, 1))):
        variant = combine(base, *ids)
        if variant and all(_shows(variant, *run, dtype) for run in impulses):
            found["step_size"] = ids
            break
    gauged = [(s, t) for law, s, t in runs if law.key in {"gradient", "descend"}]
    for ids in chain(*(_of(base, ("gradient", "descend"), count) for count in (0, 1, 2))):
        variant = combine(base, *ids)
        if variant and all(_follows(variant, *run, dtype) for run in gauged):
            return found | {"gradient": ids, "descend": ids}
    return found


def _of(base: Variant, equations: Sequence[str], count: int) -> Iterator[Ids]:
    ids = [i for i in touching(base, THETA_PARTS) if FAULTS[i].equation in equations]
    return combinations(ids, count)


def _shows(variant: Variant, scenario: Scenario, trace: Sequence[Observation], dtype: str) -> bool:
    """Whether elements that were zero show the variant's eta."""
    return _agree(variant, scenario, trace, dtype, measured=False)


def _follows(
    variant: Variant, scenario: Scenario, trace: Sequence[Observation], dtype: str
) -> bool:
    """Whether every element's update is the variant's, with the eta that one of them shows."""
    return _agree(variant, scenario, trace, dtype, measured=True)


def _agree(
    variant: Variant,
    scenario: Scenario,
    trace: Sequence[Observation],
    dtype: str,
    *,
    measured: bool,
) -> bool:
    u, tiny = formats[dtype].u, formats[dtype].tiny
    before = list(scenario.params)
    for moment, i, grad, call in moments(scenario, trace, u, skips=True):
        old, new = before[i], trace[call].theta[i]
        before[i] = new
        if moment is None or grad is None:
            continue
        pairs = list(zip(old, grad, new, strict=True))
        gauges = [(g, y) for x, g, y in pairs if x == 0 and abs(g) == 1]
        if not gauges or not all(map(math.isfinite, (*old, *grad, *new))):
            continue
        if measured:
            size = abs(gauges[0][1])
            eta = Running(size, 8 * u * size, u)
        else:
            eta = variant.eta(moment)
            pairs = [pair for pair in pairs if pair[0] == 0]
        if not updates(variant, moment, eta, pairs, u, tiny):
            return False
    return True
