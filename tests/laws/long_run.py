"""A long life (E6): what goes wrong only after many steps.

All steps of a moderately long life are judged. A counter of 16 bits ends later: where a port can
load a state that is close to that, it is seen whether it goes on, and if it does not, the port
lives so long that its last steps can be judged.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..oracle.one_number import true_step_size
from ..oracle.stepwise import judge
from ..ports.counter import count_beyond
from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..scenarios.lifecycle import alternating
from .equations import LAWS
from .law import missing
from .outcome import Failure, Outcome, Subject
from .scale import endure_through

# Counters of 16 bits; those that end earlier end in the long life, and others not within hours.
_WIDTHS = (2**15, 2**16)
_LAST = 4
# Effective rates of two elements are the same one where they are this near, of their error.
_SAME = 0.1


def hold_long_run(law: Any, subject: Subject) -> Outcome:
    """Hold a port to E6 over a long life; over a longer one where its counter seems to end.

    Parameters
    ----------
    law : LifecycleLaw
        Its designed scenarios are lived.
    subject : Subject
        The port, judged under the loosest policy.
    """
    outcome = Outcome(law)
    for scenario in law.designed(subject.hello.supports):
        outcome.take(endure_through(subject, scenario))
    for width in _WIDTHS:
        if outcome.failure or "save" not in subject.hello.supports:
            break
        reached = count_beyond(subject.port, subject.dtype, float(width))
        if reached is not None and reached != width + 2:
            outcome.failure = _last_steps(subject, alternating(width + 2), outcome)
    return outcome


def _last_steps(subject: Subject, scenario: Scenario, outcome: Outcome) -> Failure | None:
    trace = outcome.trace(subject, scenario)
    if trace is None:
        return outcome.raised
    begun = len(trace) - _LAST
    shown = trace[begun - 1]
    theta, average = shown.theta, shown.average[0]
    groups = tuple(replace(group, params=theta) for group in scenario.groups)
    rest = Scenario(groups, scenario.events[begun:])
    chosen = frozenset({"theta"} if average is None else {"theta", "average"})
    start = [(begun, theta[0] if average is None else average)]
    for judgement in judge(rest, trace[begun:], subject.rule, chosen, start):
        outcome.judged += 1
        if judgement.verdict == "fail":
            call = judgement.call + begun
            return Failure(replace(judgement, place=judgement.place._replace(call=call)), scenario)
    return None


def equation_of(failure: Failure, subject: Subject) -> str:
    """Name of the equation that a failure of a long life blames.

    The two elements of the life show a step size each (E3 solved for eta), and a weight (E5 solved
    for mu): where both are wrong alike, it is E2 or E4; where they are not, E3 or E5.
    """
    judgement = failure.judgement
    calls = judgement.call
    scenario = alternating(calls)
    if judgement.quantity not in {"theta", "average"} or missing(LAWS["step"], subject.hello):
        return "step"
    trace = subject.trace(scenario)
    got, other = (_rate(scenario, trace, j, judgement.quantity) for j in (0, 1))
    hyper, rule = scenario.groups[0].hyper, subject.convention
    if judgement.quantity == "theta":
        due = true_step_size(calls - rule.eta_lag, hyper)
    else:
        due = 1 / max(1.0, calls - rule.mu_lag - hyper.t0)
    alike = abs(got - other) <= _SAME * abs(got - due)
    if judgement.quantity == "theta":
        return "step_size" if alike else "descend"
    return "averaging_weight" if alike else "average"


def _rate(scenario: Scenario, trace: Sequence[Observation], j: int, quantity: str) -> float:
    """Step size or weight that an element shows in the last step."""
    hyper = scenario.groups[0].hyper
    last: Any = scenario.events[-1]
    old, new = trace[-2], trace[-1]
    x, y = old.theta[0][j], new.theta[0][j]
    if quantity == "theta":
        return float((x - y) / (last.grads[0][j] + hyper.lambd * x))
    before, after = old.average[0], new.average[0]
    assert before is not None
    assert after is not None
    return (after[j] - before[j]) / (y - before[j])
