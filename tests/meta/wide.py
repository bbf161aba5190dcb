"""Variants in 200-bit arithmetic: whether two rules compute the same, roundings aside.

Nothing here asks `diagnose`, or knows its widths.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from asgd.reference import real
from asgd.spec import Convention
from asgd.tests.scenario import Scenario, Step
from asgd.tests.variants import Moment, Variant
from asgd.tests.walk import Walk

_BITS = 200
_ALIKE = 2.0**-120
"""Relative distance below which two results are one: 200 bits lose some in cancellations."""


@dataclass(frozen=True)
class _Wide(Convention):
    """A convention that reads t0 as a wide number, so that no weight is rounded to a float."""

    def read_t0(self, t0: float) -> Any:
        read = super().read_t0(float(t0))
        return read if math.isinf(read) else _lift(read)


def _lift(x: float) -> Any:
    return real(x, _BITS)


def _vector(numbers: Sequence[float]) -> Any:
    out = np.empty(len(numbers), object)
    out[:] = [_lift(x) for x in numbers]
    return out


def _taken(variant: Variant, moment: Moment | None, absent: Moment) -> Moment | None:
    return absent if moment is None and not variant.skips else moment


def numbers(variant: Variant, scenario: Scenario) -> Iterator[Any]:
    """What a port of ``variant`` shows after each step: theta and average of each parameter."""
    names = [f.name for f in fields(Convention)]
    rule = _Wide(**{name: getattr(variant.convention, name) for name in names})
    variant = replace(variant, convention=rule)
    walk = Walk(scenario, _lift)
    start = [_vector(p) for p in scenario.params]
    theta = list(start)
    average: list[Any] = [0 * p if variant.start_at_zero else p for p in start]
    for event in scenario.events:
        if not isinstance(event, Step):
            walk.set(event)
            continue
        moments = walk.moments([grad is not None for grad in event.grads])
        for i, (seen, grad) in enumerate(zip(moments, event.grads, strict=True)):
            moment = _taken(variant, seen, walk.absent(i))
            if moment is not None:
                moment.grad = 0 * start[i] if grad is None else _vector(grad)
                moment.theta, moment.start = theta[i], start[i]
                # Where a rule leaves the average undefined, none goes on from it.
                moment.average = theta[i] if average[i] is None else average[i]
                theta[i] = variant.theta(moment, variant.eta(moment))
                average[i] = variant.average(moment, theta[i])
            yield theta[i], average[i]


def coincide(one: Variant, other: Variant, scenarios: Sequence[Scenario]) -> bool:
    """Whether the two compute the same in each of the scenarios, in exact arithmetic.

    A scenario with numbers that are not finite is passed over.
    """
    return all(
        _same(one, other, scenario)
        for scenario in scenarios
        if all(
            math.isfinite(x)
            for event in scenario.events
            if isinstance(event, Step)
            for grad in event.grads
            for x in grad or ()
        )
    )


def _same(one: Variant, other: Variant, scenario: Scenario) -> bool:
    sizes = [abs(x) for p in scenario.params for x in p]
    sizes += [
        abs(x) for e in scenario.events if isinstance(e, Step) for g in e.grads for x in g or ()
    ]
    largest = max(sizes, default=0.0)
    steps = zip(numbers(one, scenario), numbers(other, scenario), strict=True)
    for (theta, average), (theta2, average2) in steps:
        if (average is None) != (average2 is None):
            return False
        pairs = list(zip(theta, theta2, strict=True))
        pairs += [] if average is None else list(zip(average, average2, strict=True))
        # Sums cancel: what is due to a rounding is small beside the largest number so far.
        largest = max([largest, *(abs(x) for pair in pairs for x in pair)])
        if any(abs(x - y) > _ALIKE * largest for x, y in pairs):
            return False
    return True
