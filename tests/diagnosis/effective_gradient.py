"""The gradient that a port took its step by: E1 seen in theta.

E3 is solved for it, with the exact eta:

    gradient = (theta_{t-1} - theta_t) / eta - lambd theta_{t-1}

That is linear in theta_t, so the gradient is off by exactly what theta is, over eta, and its
tolerance is theta's over eta (``spec/tolerance.md``, "The gradient").
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asgd.reference import Enclosure
from asgd.reference import equations as truth
from asgd.spec import Hyperparameters

from ..laws.outcome import Failure, Subject
from ..oracle.judgement import Judgement
from ..oracle.one_number import exact_step_size
from ..ports.protocol import Observation
from ..ports.scenario import Scenario, Step
from ..ports.timeline import turns

_PRECISION = 320


@dataclass(frozen=True)
class EffectiveGradient:
    """One element at one step: what is needed to solve E3 for the gradient.

    Attributes
    ----------
    before, after : float
        theta.
    grad : float
        The caller's gradient.
    eta : Enclosure
        Exact step size.
    hyper : Hyperparameters
        In force.
    """

    before: float
    after: float
    grad: float
    eta: Enclosure
    hyper: Hyperparameters

    def due(self) -> Enclosure:
        """The gradient with sign and penalty (E1)."""
        total = truth.gradient(
            _exact(self.grad),
            _exact(self.before),
            weight_decay=_exact(self.hyper.weight_decay),
            maximize=self.hyper.maximize,
        )
        assert isinstance(total, Enclosure)
        return total

    def taken(self) -> Enclosure:
        """The gradient by which theta moved."""
        moved = (_exact(self.before) - _exact(self.after)) / self.eta
        return moved - _exact(self.hyper.lambd) * _exact(self.before)


def _exact(x: float) -> Enclosure:
    return Enclosure.of(x, _PRECISION)


def effective_gradients(
    scenario: Scenario, trace: Sequence[Observation], eta_lag: int
) -> Iterator[tuple[tuple[int, int, int], EffectiveGradient]]:
    """Call, parameter and element of each step that shows a gradient, with its numbers.

    Parameters
    ----------
    scenario : Scenario
        Of steps alone: where hyperparameters change nothing is shown.
    trace : sequence of Observation
        What was seen.
    eta_lag : int
        Of the convention.
    """
    if not all(isinstance(event, Step) for event in scenario.events):
        return
    before = list(scenario.params)
    for call, ((event, made), seen) in enumerate(zip(turns(scenario), trace, strict=True), 1):
        for i, (grad, turn) in enumerate(zip(event.grads, made, strict=True)):
            old, before[i] = before[i], seen.theta[i]
            if grad is None or turn is None:
                continue
            h = turn.now
            eta = exact_step_size(turn.t - eta_lag, h.lr, h.lambd, h.alpha, _PRECISION)
            if not eta.low > 0:
                continue
            for j, (x, g, y) in enumerate(zip(old, grad, seen.theta[i], strict=True)):
                if math.isfinite(x) and math.isfinite(g) and math.isfinite(y):
                    yield (call, i, j), EffectiveGradient(x, y, g, eta, h)


def in_gradient(failure: Failure, subject: Subject) -> Failure:
    """The failure as one of the gradient, where theta shows it; else as it is.

    Parameters
    ----------
    failure : Failure
        Of a port that is wrong in E1, and not in E2.
    subject : Subject
        The port.
    """
    judgement = failure.judgement
    if judgement.quantity != "theta" or judgement.verdict != "fail":
        return failure
    place = (judgement.call, judgement.parameter, judgement.element)
    trace = subject.trace(failure.scenario)
    shown = dict(effective_gradients(failure.scenario, trace, subject.convention.eta_lag))
    pull = shown.get(place)
    if pull is None or pull.after != judgement.got:
        return failure
    taken = pull.taken()
    low, high = taken.bounds()
    got = float((low + high) / 2)
    if not math.isfinite(got):
        return failure
    # Beside theta's own bound: got is rounded to float64, and eta's enclosure has a width.
    written = (taken - Enclosure.of(got)).magnitude()
    bound = (Enclosure.of(judgement.tolerance) / pull.eta).magnitude()
    exact = pull.due()
    if (exact - Enclosure.of(got)).magnitude() <= bound + written:
        return failure
    made = Judgement(
        quantity="gradient",
        place=judgement.place,
        enclosed=exact,
        got=got,
        tolerance=bound + written,
        verdict="fail",
    )
    return Failure(made, failure.scenario)
