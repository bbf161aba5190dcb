"""Long trajectories and large tensors: E6 held at the scale that ports are used at.

Every step is judged re-synchronised, as in `judge`, and against the same tolerances; but all
elements at once, in balls of the certified engine. What a ball leaves open, and every failure, is
judged once more by `judge` itself.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.reference.balls import Balls
from asgd.reference.enclosure import PRECISION
from asgd.reference.functionals import NEVER, Tick, Transition
from asgd.reference.problem import certain_transition
from asgd.reference.single import weighted_sums
from asgd.reference.tolerance import (
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
    step_size_error,
)
from asgd.spec import Hyperparameters

from .laws import LAWS, worst
from .port import Observation
from .runner import Failure, Outcome, Subject
from .scenario import Scenario, single

Floats = NDArray[np.float64]

LONG = (10_000, 8)
LARGE = (12, 100_000)
"""Steps and elements."""


def endure(
    subject: Subject, *, seed: int, shapes: Sequence[tuple[int, int]] = (LONG, LARGE)
) -> Outcome:
    """Hold a port to E6 over long trajectories and large tensors.

    Parameters
    ----------
    subject : Subject
        The port.
    seed : int
        The same seed makes the same scenarios.
    shapes : sequence of (int, int)
        Steps and elements of each scenario.

    Raises
    ------
    PortError
        If the port breaks down.
    """
    outcome = Outcome(LAWS["step"])
    for number, (steps, elements) in enumerate(shapes):
        rng = np.random.default_rng((seed, number, steps, elements))
        scenario = drawn(rng, steps, elements)
        outcome.failure = _attempt(subject, scenario, outcome)
        if outcome.failure is not None:
            break
    return outcome


def endure_through(subject: Subject, scenario: Scenario) -> Outcome:
    """Hold a port to E6 over one scenario of a single tensor (see `endure`)."""
    outcome = Outcome(LAWS["step"])
    outcome.failure = _attempt(subject, scenario, outcome)
    return outcome


def drawn(rng: np.random.Generator, steps: int, elements: int) -> Scenario:
    """Scenario of one tensor; float32 numbers, so that both dtypes run the same."""
    hyper = Hyperparameters(
        lr=float(2.0 ** rng.uniform(-7, -1)),
        lambd=float(2.0 ** rng.uniform(-14, -2)),
        alpha=float(rng.choice([0.5, 0.75, 1.0, rng.uniform(0, 2)])),
        t0=float(rng.integers(0, max(2, steps // 2))),
        weight_decay=float(rng.choice([0.0, 2.0 ** rng.uniform(-10, -3)])),
        maximize=False,
    )
    theta = rng.standard_normal(elements).astype(np.float32)
    grads = rng.standard_normal((steps, elements)).astype(np.float32)
    return single(hyper, (tuple(theta.tolist()),), tuple((tuple(g),) for g in grads.tolist()))


def _attempt(subject: Subject, scenario: Scenario, outcome: Outcome) -> Failure | None:
    trace = subject.trace(scenario)
    outcome.scenarios += 1
    for call, element in _suspects(subject, scenario, trace, outcome):
        alone = _alone(scenario, call, element)
        seen = [_only(observation, element) for observation in trace[:call]]
        judgement, counts = worst(LAWS["step"].check(alone, seen, subject.rule))
        outcome.undecided += counts["undecided"]
        if judgement is not None:
            # Where the element fails alone too, that is the simplest way to show it.
            again, _ = worst(LAWS["step"].check(alone, subject.trace(alone), subject.rule))
            if again is not None:
                return Failure(again, alone)
            shown = replace(scenario, events=scenario.events[:call])
            return Failure(replace(judgement, element=element), shown)
    return None


def _alone(scenario: Scenario, calls: int, element: int) -> Scenario:
    """The same with one element, up to a call."""
    steps: list[Any] = list(scenario.events[:calls])
    theta = (scenario.params[0][element],)
    hyper = scenario.groups[0].hyper
    return single(hyper, (theta,), tuple(((step.grads[0][element],),) for step in steps))


def _only(seen: Observation, element: int) -> Observation:
    mean = seen.average[0]
    return Observation(
        theta=((seen.theta[0][element],),),
        average=(None if mean is None else (mean[element],),),
        eta=seen.eta,
        mu=seen.mu,
    )


def _suspects(
    subject: Subject, scenario: Scenario, trace: Sequence[Observation], outcome: Outcome
) -> list[tuple[int, int]]:
    """Call and element of what is not clearly within its tolerance, the first one first."""
    steps: list[Any] = list(scenario.events)
    theta = np.array([scenario.params[0], *(seen.theta[0] for seen in trace)])
    grads = np.array([step.grads[0] for step in steps])
    hyper = scenario.groups[0].hyper
    clock = [Tick(t, hyper, hyper) for t in range(1, len(steps) + 1)]
    maps = [certain_transition(tick, subject.convention, PRECISION) for tick in clock]
    checks = [_theta_check(subject, hyper, maps, theta, grads)]
    means = [seen.average[0] for seen in trace]
    if all(mean is not None for mean in means):
        average = np.array([scenario.params[0], *(mean for mean in means if mean is not None)])
        checks.append(_average_check(subject, hyper, maps, theta, average))
    found: list[tuple[int, int]] = []
    for bad, judged, largest in checks:
        outcome.judged += judged
        outcome.largest = max(outcome.largest, largest)
        found += [(int(row) + 1, int(j)) for row, j in np.argwhere(bad)]
    return sorted(found)


Check = tuple[NDArray[np.bool_], int, float]


def _theta_check(
    subject: Subject,
    hyper: Hyperparameters,
    maps: Sequence[Transition],
    theta: Floats,
    grads: Floats,
) -> Check:
    exact = weighted_sums(
        [[step.decay for step in maps], [step.gain for step in maps]], [theta[:-1], grads]
    )
    arithmetic = subject.rule.arithmetic
    bounds = np.empty(grads.shape)
    for row, step in enumerate(maps):
        error = step_size_error(
            row + 1 - subject.convention.eta_lag,
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
    subject: Subject,
    hyper: Hyperparameters,
    maps: Sequence[Transition],
    theta: Floats,
    average: Floats,
) -> Check:
    """E4 and E5 where the average is a mean; the first terms of `literal` are not judged here."""
    exact = weighted_sums(
        [[step.old for step in maps], [step.new for step in maps]], [average[:-1], theta[1:]]
    )
    t0 = min(subject.convention.read_t0(hyper.t0), NEVER)
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
            mu_error=averaging_weight_error(mu, t0, arithmetic=subject.rule.arithmetic),
            arithmetic=subject.rule.arithmetic,
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
