"""Long trajectories and large tensors: E6 held at the scale that ports are used at.

Every step is judged re-synchronised, and against the same tolerances, as everywhere.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from ..ports.scenario import Scenario, single
from .equations import LAWS
from .hold import hold
from .law import Law, worst
from .outcome import LEVELS, Failure, Outcome, Subject

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
        outcome.failure = _attempt(subject, scenario, outcome) or outcome.raised
        if outcome.failure is not None:
            break
    return outcome


def hold_equation(law: Law, subject: Subject, *, examples: int, seed: int) -> Outcome:
    """Hold a port to an equation's law (see `hold`); at level full to E6 at scale too."""
    outcome = hold(law, subject, examples=examples, seed=seed)
    if outcome.failure is None and law.equation == "step" and examples >= LEVELS["full"]:
        outcome.take(endure(subject, seed=seed))
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
    trace = outcome.trace(subject, scenario)
    if trace is None:
        return None
    judgement, counts = worst(LAWS["step"].check(scenario, trace, subject.rule))
    outcome.count(counts)
    if judgement is None:
        return None
    # Where the element fails alone too, that is the simplest way to show it.
    alone = _alone(scenario, judgement.call, judgement.element)
    again, _ = worst(LAWS["step"].check(alone, subject.trace(alone), subject.rule))
    if again is not None:
        return Failure(again, alone)
    return Failure(judgement, replace(scenario, events=scenario.events[: judgement.call]))


def _alone(scenario: Scenario, calls: int, element: int) -> Scenario:
    """The same with one element, up to a call."""
    steps: list[Any] = list(scenario.events[:calls])
    theta = (scenario.params[0][element],)
    hyper = scenario.groups[0].hyper
    return single(hyper, (theta,), tuple(((step.grads[0][element],),) for step in steps))
