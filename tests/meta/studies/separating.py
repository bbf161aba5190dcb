"""How far apart two rules are in the designed scenarios, in units of what diagnosis grants both.

The notion is that of ``evidence/separations.md``: at the states of a port of the one rule, the
distance of the two rules' next values, divided by the sum of the widths within which `diagnose`
accepts them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.reference import formats
from asgd.spec import CONVENTIONS, Convention
from asgd.tests.faults.catalogue import CHANGES, combine
from asgd.tests.faults.moments import Moments
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.running_error import Running, lifted
from asgd.tests.faults.variant import Moment, Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.ports.protocol import SUPPORTS
from asgd.tests.ports.scenario import Scenario, Step, drive

Floats = NDArray[np.float64]


def name(variant: Variant) -> str:
    """Convention and faults."""
    return " + ".join((variant.convention.name, *variant.faults))


@cache
def singles() -> tuple[Variant, ...]:
    """Every convention, and each with every single fault."""
    bases = [Variant.of(convention) for convention in CONVENTIONS.values()]
    return tuple(
        variant
        for base in bases
        for faults in ((), *((ident,) for ident in CHANGES))
        if (variant := combine(base, *faults)) is not None
    )


def doubles(convention: Convention) -> list[Variant]:
    """The convention with every two faults that can be combined."""
    base, ids = Variant.of(convention), list(CHANGES)
    pairs = ((one, other) for i, one in enumerate(ids) for other in ids[i + 1 :])
    return [v for one, other in pairs if (v := combine(base, one, other)) is not None]


@cache
def scenarios() -> tuple[Scenario, ...]:
    """The designed scenarios of all laws, of a port that supports everything."""
    supports = frozenset(SUPPORTS)
    return tuple(scenario for law in LAWS.values() for scenario in law.designed(supports))


@dataclass(frozen=True)
class _Point:
    """One parameter in one call: what rules are asked, and where the ports of all rules are.

    ``now`` is the moment where the parameter has a gradient, ``absent`` the one of rules that step
    it all the same. Arrays have one row for each port.
    """

    now: Moment | None
    absent: Moment
    first: bool
    theta: Floats
    updated: Floats
    average: Floats
    start: Floats
    grad: Floats

    def moment(self, variant: Variant, u: float) -> Moment | None:
        """Moment that ``variant`` sees, with the numbers of all ports in it."""
        moment = self.absent if self.now is None and not variant.skips else self.now
        if moment is not None:
            moment.theta, moment.grad = Running(self.theta, 0.0, u), Running(self.grad, 0.0, u)
            moment.average = Running(self.before(variant), 0.0, u)
            moment.start = Running(self.start, 0.0, u)
        return moment

    def before(self, variant: Variant) -> Floats:
        """The average that ``variant`` takes to have been there before."""
        if self.first:
            return 0 * self.theta if variant.start_at_zero else self.theta
        return self.average


def _points(scenario: Scenario, variants: Sequence[Variant], dtype: str) -> Iterator[_Point]:
    u = formats[dtype].u
    traces = [drive(VariantPort(variant), scenario, dtype) for variant in variants]
    walk = Moments(scenario.groups, lambda x: Running(x, abs(x) * u, u))
    call = 0
    for event in scenario.events:
        if not isinstance(event, Step):
            walk.set(event)
            continue
        moments = walk.moments(event.grads)
        for i, (moment, grad) in enumerate(zip(moments, event.grads, strict=True)):
            start = np.array(scenario.params[i])[None]
            past = None if call == 0 else [trace[call - 1] for trace in traces]
            shape = (len(traces), start.size)
            yield _Point(
                now=moment,
                absent=walk.absent(i),
                first=call == 0,
                theta=np.broadcast_to(start, shape) if past is None else _rows(past, "theta", i),
                updated=_rows([trace[call] for trace in traces], "theta", i),
                average=np.zeros(shape) if past is None else _rows(past, "average", i),
                start=start,
                grad=np.zeros_like(start) if grad is None else np.array(grad)[None],
            )
        call += 1


def _rows(seen: Sequence[Any], quantity: str, i: int) -> Floats:
    return np.array([getattr(observation, quantity)[i] for observation in seen])


@dataclass(frozen=True)
class _Expected:
    """What a rule expects next: values and widths, one row for each port; None: anything."""

    value: Floats
    width: Floats
    is_theta: bool = False

    def apart(self, other: "_Expected") -> Floats:
        """Distances in sums of widths; 0 where one of the two decides nothing."""
        # A theta that one rule makes infinite, and the other does not.
        if self.is_theta and (np.isfinite(self.value) != np.isfinite(other.value)).any():
            odd = (np.isfinite(self.value) != np.isfinite(other.value)).any(axis=-1)
            return np.where(odd, np.inf, replace(self, is_theta=False).apart(other))
        distance = abs(self.value - other.value)
        width = self.width + other.width
        ratio = np.where(distance > 0, distance / width, 0.0)
        known = np.isfinite(self.value) & np.isfinite(other.value) & np.isfinite(width)
        return np.where(known, ratio, 0.0).max(axis=-1)


def _expected(number: Running, extra: Any, shape: tuple[int, ...], tiny: float) -> _Expected:
    wide = Running(number.value, number.error + extra, number.u).reach(tiny)
    return _Expected(np.broadcast_to(number.value, shape), np.broadcast_to(np.asarray(wide), shape))


def _thetas(variant: Variant, point: _Point, dtype: str) -> list[_Expected]:
    """What `diagnose` expects of theta: one of these."""
    u, tiny, shape = formats[dtype].u, formats[dtype].tiny, point.theta.shape
    moment = point.moment(variant, u)
    if moment is None:
        return [_Expected(point.theta, np.zeros(shape))]
    etas = [_coarse(variant.eta(moment), u)]
    if variant.starts(moment):
        etas.append(_coarse(variant.source(moment.now).lr * 1.0, u))
    numbers = [lifted(variant.theta(moment, eta), u) for eta in etas]
    return [replace(_expected(x, 0.0, shape, tiny), is_theta=True) for x in numbers]


def _coarse(eta: Any, u: float) -> Running:
    number = lifted(eta, u)
    return number.widened(8 * u * abs(number.value))


def _averages(variant: Variant, point: _Point, dtype: str) -> list[_Expected]:
    """What `diagnose` expects of the average; nothing: anything may be there."""
    u, tiny, shape = formats[dtype].u, formats[dtype].tiny, point.theta.shape
    moment, before = point.moment(variant, u), point.before(variant)
    if moment is None:
        return [_Expected(before, np.zeros(shape))]
    found = variant.average(moment, Running(point.updated, 0.0, u))
    if found is None:
        return []
    number = lifted(found, u)
    sizes = (number.value, point.updated, before)
    spread = sum(np.where(np.isfinite(x), abs(x), 0.0) for x in sizes)
    return [_expected(number, 8 * u * spread, shape, tiny)]


def _theta_rule(variant: Variant) -> tuple[Any, ...]:
    """All that theta depends on."""
    parts = ("eta_lag", "stored", "clock", "origin", "late", "size", "total", "update", "after")
    parts += ("eta_clock", "skips", "exempt", "stale", "in_loop", "written")
    parts += ("bracket", "eta_from", "reader", "pull", "stops")
    rule = tuple(getattr(variant, part) for part in parts)
    return (*rule, *_average_rule(variant)) if variant.written else rule


def _average_rule(variant: Variant) -> tuple[Any, ...]:
    """All that the average depends on, beside theta."""
    parts = ("mu_lag", "stored", "clock", "origin", "late", "weight", "mean", "skips")
    parts += ("start_at_zero", "mu_clock", "reading", "in_loop", "written", "reader", "stops")
    rule = variant.convention
    return (rule.t0_reading, rule.divisor, *(getattr(variant, part) for part in parts))


def separations(variants: Sequence[Variant], dtype: str) -> Floats:
    """Separation of every two variants.

    Parameters
    ----------
    variants : sequence of Variant
        The n variants.
    dtype : str
        float32 or float64.

    Returns
    -------
    (n, n) array
        Entry (i, j): the largest separation, in the designed scenarios, of a port of i from rule j.
    """
    parts = [(_thetas, *_classes(variants, _theta_rule))]
    parts += [(_averages, *_classes(variants, _average_rule))]
    tables = [np.zeros((len(variants), len(rules))) for _, rules, _ in parts]
    with np.errstate(all="ignore"):
        for scenario in scenarios():
            for point in _points(scenario, variants, dtype):
                for table, (expect, rules, owner) in zip(tables, parts, strict=True):
                    expected = [expect(rule, point, dtype) for rule in rules]
                    if any(expected):
                        np.maximum(table, _apart(expected, owner, table.shape), out=table)
    columns = [table[:, owner] for table, (*_, owner) in zip(tables, parts, strict=True)]
    return np.maximum(*columns)


def _classes(
    variants: Sequence[Variant], rule: Callable[[Variant], tuple[Any, ...]]
) -> tuple[list[Variant], NDArray[np.intp]]:
    """One variant of each rule, and the place of each variant's rule among them."""
    found: dict[tuple[Any, ...], int] = {}
    owner = np.array([found.setdefault(rule(v), len(found)) for v in variants])
    return [variants[list(owner).index(k)] for k in range(len(found))], owner


def _apart(
    expected: Sequence[Sequence[_Expected]], owner: NDArray[np.intp], shape: tuple[int, int]
) -> Floats:
    """Distance of each port's own rule from each rule, whichever alternative either has taken."""
    own = _own(expected, owner)
    table = np.zeros(shape)
    for k, alternatives in enumerate(expected):
        ways = [a.apart(b) for a in own for b in alternatives]
        if ways:
            table[:, k] = np.minimum.reduce(ways)
    return table


def _own(expected: Sequence[Sequence[_Expected]], owner: NDArray[np.intp]) -> list[_Expected]:
    """What each port's own rule expects of it, in each of its ways; nan where that is anything."""
    most = max(map(len, expected))
    example = next(alternatives[0] for alternatives in expected if alternatives)
    out = []
    for way in range(most):
        value, width = np.full_like(example.value, np.nan), np.zeros_like(example.width)
        for k, alternatives in enumerate(expected):
            if alternatives:
                chosen, found = owner == k, alternatives[min(way, len(alternatives) - 1)]
                value[chosen], width[chosen] = found.value[chosen], found.width[chosen]
        out.append(_Expected(value, width, example.is_theta))
    return out
