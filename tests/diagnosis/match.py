"""Diagnosis: which known rule a port computes, from the traces of the designed scenarios.

Every rule, a convention with up to two faults, is asked for each step that the port took, from the
port's own theta and average before it. Theta's parts are matched first, then the average's, given
the thetas that the port had: so the number of rules to try is a sum, not a product.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from asgd.reference import formats
from asgd.spec import Convention

from ..faults.agreement import agrees_in_average, agrees_in_theta
from ..faults.catalogue import CHANGES, combine
from ..faults.variant import Variant
from ..ports.protocol import Observation
from ..ports.scenario import Scenario

THETA_PARTS = {"eta_lag", "stored", "clock", "source", "size", "total", "update", "after"}
THETA_PARTS |= {"eta_clock", "skips"}
"""Parts of a variant that theta depends on."""

AVERAGE_PARTS = {"mu_lag", "stored", "clock", "source", "weight", "mean", "skips"}
AVERAGE_PARTS |= {"start_at_zero"}
"""Parts of a variant that the average depends on, theta being what it is."""

_FLOAT32 = formats["float32"].u


@dataclass(frozen=True)
class Traces:
    """What is known of a port in one dtype: designed scenarios and what was seen in them."""

    dtype: str
    runs: tuple[tuple[Scenario, Sequence[Observation]], ...]


@dataclass(frozen=True)
class Explanation:
    """A rule that agrees with everything seen of a port.

    Attributes
    ----------
    convention : Convention
        What it is a variant of.
    faults : tuple of str
        Ids of its faults, the fewest that explain the port.
    stored : tuple of str
        Ids of the faults of precision that had to be granted: eta or mu in float32.
    """

    convention: Convention
    faults: tuple[str, ...]
    stored: tuple[str, ...] = ()


def explain(traces: Traces, conventions: Sequence[Convention]) -> list[Explanation]:
    """Simplest explanations of a port; several where they cannot be told apart, none if unknown.

    Parameters
    ----------
    traces : Traces
        What was seen of the port.
    conventions : sequence of Convention
        What it may be a variant of.
    """
    u = formats[traces.dtype].u
    grants = [(u, u)]
    if u < _FLOAT32:
        grants += [(_FLOAT32, u), (u, _FLOAT32), (_FLOAT32, _FLOAT32)]
    for eta_u, mu_u in grants:
        stored = ("eta-float32-stored",) * (eta_u > u) + ("mu-float32-stored",) * (mu_u > u)
        found = list(_explain(traces, conventions, eta_u, mu_u))
        if found:
            fewest = min(len(e.faults) for e in found)
            simple = [e for e in found if len(e.faults) == fewest]
            return [Explanation(e.convention, e.faults, stored) for e in simple]
    return []


def _explain(
    traces: Traces, conventions: Sequence[Convention], eta_u: float, mu_u: float
) -> Iterator[Explanation]:
    thetas: dict[tuple[int, bool], list[tuple[str, ...]]] = {}
    for convention in conventions:
        base = Variant.of(convention)
        key = (base.eta_lag, base.stored)
        if key not in thetas:
            thetas[key] = matching(base, THETA_PARTS, traces, eta_u, theta=True)
    for convention in conventions:
        base = Variant.of(convention)
        of_theta = thetas[base.eta_lag, base.stored]
        if not of_theta:
            continue
        of_average = matching(base, AVERAGE_PARTS, traces, mu_u, theta=False)
        seen = set()
        for one, other in product(of_theta, of_average):
            faults = tuple(dict.fromkeys(one + other))
            variant = combine(base, *faults)
            if variant is None or frozenset(faults) in seen:
                continue
            seen.add(frozenset(faults))
            # A fault found in one part may change the other too, and must agree there as well.
            if all(
                agrees_in_theta(variant, *run, traces.dtype, eta_u)
                and agrees_in_average(variant, *run, traces.dtype, mu_u)
                for run in traces.runs
            ):
                yield Explanation(convention, faults)


def touching(base: Variant, parts: set[str]) -> list[str]:
    """Faults that change one of ``parts``."""
    return [ident for ident, change in CHANGES.items() if parts & set(change(base))]


def matching(
    base: Variant, parts: set[str], traces: Traces, scalar_u: float, *, theta: bool
) -> list[tuple[str, ...]]:
    """Smallest sets of faults (none, one, or two) with which ``base`` agrees with the traces."""
    ids = touching(base, parts)
    agrees = agrees_in_theta if theta else agrees_in_average
    for size in range(3):
        found = []
        for chosen in combinations(ids, size):
            variant = combine(base, *chosen)
            if variant is not None and all(
                agrees(variant, scenario, trace, traces.dtype, scalar_u)
                for scenario, trace in traces.runs
            ):
                found.append(chosen)
        if found:
            return found
    return []
