"""Judge all elements of a long or large run at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.reference.certified.balls import Balls
from asgd.reference.certified.coefficients import NEVER, Tick, Transition
from asgd.reference.certified.enclosure import PRECISION
from asgd.reference.certified.inputs import certain_transition
from asgd.reference.certified.one_step import weighted_sums
from asgd.reference.tolerance import (
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
    step_size_error,
)
from asgd.spec import Hyperparameters

from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from .stepwise import Rule

Floats = NDArray[np.float64]


@dataclass
class Screening:
    """What a screening of a trace found.

    Attributes
    ----------
    suspects : list of (int, int)
        Call and element of each number that is not clearly within its tolerance, in order.
    judged : int
        Numbers screened.
    largest : float
        Largest error of those clearly within, in bounds.
    """

    suspects: list[tuple[int, int]] = field(default_factory=list)
    judged: int = 0
    largest: float = 0.0


def screen(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Screening:
    """Judge all elements of a trace of one tensor at once; the doubtful ones are suspects."""
    steps: list[Any] = list(scenario.events)
    theta = np.array([scenario.params[0], *(seen.theta[0] for seen in trace)])
    grads = np.array([step.grads[0] for step in steps])
    hyper = scenario.groups[0].hyper
    clock = [Tick(t, hyper, hyper) for t in range(1, len(steps) + 1)]
    maps = [certain_transition(tick, rule.convention, PRECISION) for tick in clock]
    checks = [_theta_check(rule, hyper, maps, theta, grads)]
    means = [seen.average[0] for seen in trace]
    if all(mean is not None for mean in means):
        average = np.array([scenario.params[0], *(mean for mean in means if mean is not None)])
        checks.append(_average_check(rule, hyper, maps, theta, average))
    found = Screening()
    for bad, judged, largest in checks:
        found.judged += judged
        found.largest = max(found.largest, largest)
        found.suspects += [(int(row) + 1, int(j)) for row, j in np.argwhere(bad)]
    found.suspects.sort()
    return found


Check = tuple[NDArray[np.bool_], int, float]


def _theta_check(
    rule: Rule,
    hyper: Hyperparameters,
    maps: Sequence[Transition],
    theta: Floats,
    grads: Floats,
) -> Check:
    exact = weighted_sums(
        [[step.decay for step in maps], [step.gain for step in maps]], [theta[:-1], grads]
    )
    arithmetic = rule.arithmetic
    bounds = np.empty(grads.shape)
    for row, step in enumerate(maps):
        error = step_size_error(
            row + 1 - rule.convention.eta_lag,
            lr=hyper.lr,
            lambd=hyper.lambd,
            alpha=hyper.alpha,
            arithmetic=arithmetic,
        )
        bounds[row] = descend_tolerance(
            theta[row],
            grads[row],
            _magnitudes(exact, row),
            eta=step.gain.magnitude(),
            eta_error=error,
            lambd=hyper.lambd,
            weight_decay=hyper.weight_decay,
            arithmetic=arithmetic,
        )
    return _compare(theta[1:], exact, bounds)


def _average_check(
    rule: Rule,
    hyper: Hyperparameters,
    maps: Sequence[Transition],
    theta: Floats,
    average: Floats,
) -> Check:
    """E4 and E5 where the average is a mean; the first terms of `literal` are not judged here."""
    exact = weighted_sums(
        [[step.old for step in maps], [step.new for step in maps]], [average[:-1], theta[1:]]
    )
    t0 = min(rule.convention.read_t0(hyper.t0), NEVER)
    bounds = np.empty(exact.high.shape)
    for row, step in enumerate(maps):
        mu = step.new.magnitude()
        plain = step.defined and step.before.low == step.before.high == 0 and 0 < mu <= 1
        if not plain:
            bounds[row] = math.inf
            continue
        bounds[row] = average_tolerance(
            average[row],
            theta[row + 1],
            np.nextafter(np.abs(theta[row + 1] - average[row]), math.inf),
            _magnitudes(exact, row),
            mu=mu,
            mu_error=averaging_weight_error(mu, t0, arithmetic=rule.arithmetic),
            arithmetic=rule.arithmetic,
        )
    return _compare(average[1:], exact, bounds)


def _magnitudes(exact: Balls, row: int) -> Floats:
    """Upper bounds of the magnitudes of a row."""
    size: Floats = (np.abs(exact.high[row]) + exact.radius[row]) * (1 + 2.0**-50)
    return size


def _compare(got: Floats, exact: Balls, bounds: Floats) -> Check:
    """What is not certainly within its bound, how many are judged, and the largest share of one."""
    # got - high is rounded once, adding low once more: 2**-50 of the two sizes covers both.
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs((got - exact.high) - exact.low)
        apart += 2.0**-50 * (apart + np.abs(exact.low)) + exact.radius
        bad = ~(apart <= bounds)
        judged = np.isfinite(bounds)
        share = np.max(apart / bounds, where=judged & (bounds > 0) & ~bad, initial=0.0)
    return bad & judged, int(judged.sum()), float(share)
