"""Weights of the iterates in the average: a port's, and a convention's."""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from asgd.spec import Convention

from ..laws.equations import LAWS
from ..laws.law import missing
from ..laws.outcome import Subject
from ..oracle.window import window
from ..ports.scenario import Scenario

_OF_AVERAGE = {"averaging_weight", "average", "step"}
# What solving for weights may cost, in roundoffs: the matrices are near permutations.
_SOLVED = 2.0**8
_U = 2.0**-53


@dataclass(frozen=True)
class Weights:
    """Weights of theta_0, theta_1, ... in the last average; ``expected`` are the convention's.

    Attributes
    ----------
    t0 : float
        Hyperparameter that they were recovered with.
    expected, got : tuple of float
        Where the convention leaves them undefined, ``expected`` is empty.
    """

    t0: float
    expected: tuple[float, ...]
    got: tuple[float, ...]


def averaging_weights(subject: Subject, broken: Collection[str]) -> Weights | None:
    """Weights w with average = sum of w_k theta_k; None where the port does not show them.

    Parameters
    ----------
    subject : Subject
        The port.
    broken : collection of str
        Names of the equations that are wrong: where the average is, weights that differ are shown.
    """
    law = LAWS["averaging_weight"]
    if missing(law, subject.hello):
        return None
    designed = law.designed(subject.hello.supports)
    ordinary = _solved(subject, designed[2])
    if not _OF_AVERAGE & set(broken):
        return ordinary
    others = (_solved(subject, scenario) for scenario in designed)
    return next((w for w in others if w is not None and _differ(w, subject)), ordinary)


def _differ(weights: Weights, subject: Subject) -> bool:
    pairs = zip(weights.got, weights.expected, strict=False)
    return any(abs(x - y) > _SOLVED * subject.rule.arithmetic.fmt.u for x, y in pairs)


def _solved(subject: Subject, scenario: Scenario) -> Weights | None:
    """Solved from as many elements as iterates."""
    trace = subject.trace(scenario)
    shown = trace[-1].average[0]
    if shown is None:
        return None
    iterates = np.array([scenario.params[0], *(seen.theta[0] for seen in trace)])
    if not np.isfinite(iterates).all() or not np.isfinite(shown).all():
        return None
    solved = np.linalg.lstsq(iterates.T, np.array(shown), rcond=None)[0]
    # What is left of rounding is no weight.
    clean = tuple(0.0 if abs(w) <= _SOLVED * _U else float(w) for w in solved)
    t0 = scenario.groups[0].hyper.t0
    expected = convention_weights(len(trace), t0, subject.convention)
    return Weights(t0, expected, clean)


def convention_weights(steps: int, t0: float, convention: Convention) -> tuple[float, ...]:
    """Weights of theta_0, theta_1, ... in the average after ``steps`` steps; () if undefined."""
    weights: list[Fraction] | None = [Fraction(1)]
    for t in range(1, steps + 1):
        opened = window(t, t0, convention)
        if opened is None or (weights is None and opened.old):
            weights = None
            continue
        before = weights or [Fraction(0)] * t
        weights = [opened.old * w for w in before] + [opened.new]
        weights[t - 1] += opened.previous
    return tuple(map(float, weights or ()))
