"""The part of the report that pictures are drawn from: numbers, step by step."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asgd.spec import FAULTS

from ..diagnosis import series as measured
from ..diagnosis import weights
from ..oracle.judgement import Quantity
from .fields import Count, Hex, Size


@dataclass(frozen=True)
class StepSizes:
    """Step sizes at steps 1, 2, ...: the convention's, and the port's."""

    hyper: str
    expected: tuple[Hex, ...]
    got: tuple[Hex, ...]


@dataclass(frozen=True)
class Weights:
    """Weights of theta_0, theta_1, ... in the average: the convention's, and the port's."""

    t0: Hex
    expected: tuple[Hex, ...]
    got: tuple[Hex, ...]


@dataclass(frozen=True)
class Share:
    """Largest error of a quantity at a step, as a share of the tolerance; null is infinite."""

    step: Count
    quantity: Quantity
    share: Size | None


@dataclass(frozen=True)
class Errors:
    """Errors step by step, in the scenario that shows a fault, or in one of a law."""

    scenario: str
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Pictures:
    """What the pictures of one dtype are drawn from."""

    step_sizes: StepSizes | None
    weights: Weights | None
    errors: Errors | None


@dataclass(frozen=True)
class Rung:
    """A number on the way to the first wrong one: inputs, expected value, and what was got."""

    step: Count
    quantity: Quantity
    gradient: Hex | None
    before: Hex | None
    expected: Hex
    got: Hex
    share: Size | None


@dataclass(frozen=True)
class LawFaults:
    """Known faults of a law: ids of those that the run can reveal, and of the others."""

    detectable: tuple[str, ...]
    missing: tuple[str, ...]


def pictures(found: measured.Series | None) -> Pictures | None:
    """The series of one dtype, as the report holds them."""
    if found is None:
        return None
    shares = tuple(Share(s.step, s.quantity, _size(s.share)) for s in found.shares)
    return Pictures(
        _step_sizes(found.step_sizes),
        _weights(found.weights),
        Errors(found.scenario, shares) if shares else None,
    )


def _step_sizes(found: measured.StepSizes | None) -> StepSizes | None:
    if found is None:
        return None
    return StepSizes(found.hyper, _hexes(found.expected), _hexes(found.got))


def _weights(found: weights.Weights | None) -> Weights | None:
    if found is None:
        return None
    return Weights(float(found.t0).hex(), _hexes(found.expected), _hexes(found.got))


def ladder(rungs: Iterable[measured.Rung]) -> tuple[Rung, ...]:
    """The numbers that lead to a deviation, as the report holds them."""
    return tuple(
        Rung(
            rung.step,
            rung.quantity,
            _hex(rung.gradient),
            _hex(rung.before),
            float(rung.expected).hex(),
            float(rung.got).hex(),
            _size(rung.share),
        )
        for rung in rungs
    )


def by_law(ids: Iterable[str], missing: Iterable[str]) -> Mapping[str, LawFaults]:
    """Known faults by the law that reveals them."""
    hidden = set(missing)
    found: dict[str, list[str]] = {}
    for ident in ids:
        fault = FAULTS[ident]
        found.setdefault(fault.law or fault.equation, []).append(ident)
    return {
        law: LawFaults(
            tuple(i for i in faults if i not in hidden), tuple(i for i in faults if i in hidden)
        )
        for law, faults in found.items()
    }


def _hexes(values: Iterable[float]) -> tuple[Hex, ...]:
    return tuple(float(x).hex() for x in values)


def _hex(x: float | None) -> Hex | None:
    return None if x is None else float(x).hex()


def _size(x: float) -> float | None:
    # JSON has no infinity.
    return x if math.isfinite(x) else None
