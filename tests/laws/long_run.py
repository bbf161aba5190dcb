"""A long run (E6): what goes wrong only after many steps.

All steps of a moderately long run are judged. A counter of 16 bits ends later, and so may a table,
or a mu that has a floor: where a port can load a state that is close to that, it is seen how it
goes on, and if that is wrong, the port runs so long that its last steps can be judged.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from asgd.spec import EquationName

from ..oracle.one_number import true_step_size
from ..oracle.stepwise import judge
from ..oracle.window import window
from ..ports.counter import LAST, RESTED, steps_from
from ..ports.protocol import Observation
from ..ports.scenario import Scenario, Step, single
from ..ports.timeline import Turn, turns
from ..scenarios.lifecycle import far
from .equations import LAWS
from .hold import hold
from .law import missing
from .outcome import Failure, Outcome, Subject

# Counters of 16 bits; those that end earlier end in the long run, and others not within hours.
_WIDTHS = (2**15, 2**16)
_LAST = len(LAST)
_ALL = frozenset({"eta", "theta", "mu", "average"})
# Steps of a long run: a shorter one has laws that say more.
_LONG = 100
# Effective rates of two elements are the same one where they are this near, of their error.
_SAME = 0.1
# Up to 2^16 steps, a count that is off by one changes eta and mu by a larger share than this.
_DIGITS = 2.0**-18


def hold_long_run(law: Any, subject: Subject, *, full: bool = False) -> Outcome:
    """Hold a port to E6 over a long run; over a longer one where its counter seems to end.

    Parameters
    ----------
    law : LifecycleLaw
        Its designed scenarios are lived.
    subject : Subject
        The port.
    full : bool
        Whether every port runs longer, whatever it shows of its counter.
    """
    outcome = hold(law, subject, examples=0, seed=0)
    if outcome.failure is not None:
        scenario, call = outcome.failure.scenario, outcome.failure.judgement.call
        shorter = replace(scenario, events=scenario.events[:call])
        outcome.failure = replace(outcome.failure, scenario=shorter)
    else:
        outcome.followed = outcome.longest
    saves = "save" in subject.hello.supports
    for width in _WIDTHS:
        if outcome.failure:
            break
        seen = steps_from(subject.port, subject.dtype, width - 4) if saves else None
        if seen is None:
            continue
        # What a state that was set shows is no proof: the port runs so long, before it is blamed.
        if not _goes_on(subject, width - 2, seen):
            outcome.failure = _last_steps(subject, _rested(width - 2), outcome)
        if outcome.failure is None:
            outcome.followed = width + 2
    for scenario in far(_WIDTHS[-1] + 16, subject.hello.supports) if full else ():
        outcome.failure = outcome.failure or _last_steps(subject, scenario, outcome)
        if outcome.failure is None:
            outcome.followed = scenario.steps
    return outcome


def _rested(steps: int) -> Scenario:
    """A run whose gradients are 0 for a number of steps, and then are those of `LAST`."""
    zeros = (0.0,) * len(LAST[0])
    return single(RESTED, (zeros,), (*((zeros,),) * steps, *((grad,) for grad in LAST)))


def _goes_on(subject: Subject, steps: int, seen: Sequence[Observation]) -> bool:
    """Whether what was seen after a number of such steps is right."""
    scenario = _rested(0)
    start = [(steps, scenario.params[0])]
    judgements = judge(scenario, seen, subject.rule, _ALL, start)
    return all(judgement.verdict == "pass" for judgement in judgements)


def _last_steps(subject: Subject, scenario: Scenario, outcome: Outcome) -> Failure | None:
    trace = outcome.trace(subject, scenario)
    if trace is None:
        return outcome.raised
    begun = len(trace) - _LAST
    shown = trace[begun - 1]
    params = iter(shown.theta)
    groups = tuple(
        replace(group, params=tuple(next(params) for _ in group.params))
        for group in scenario.groups
    )
    rest = Scenario(groups, scenario.events[begun:])
    chosen = frozenset({"theta"} if None in shown.average else {"theta", "average"})
    pairs = zip(shown.theta, shown.average, strict=True)
    start = [(begun, theta if average is None else average) for theta, average in pairs]
    for judgement in judge(rest, trace[begun:], subject.rule, chosen, start):
        outcome.judged += 1
        if judgement.verdict == "fail":
            call = judgement.call + begun
            return Failure(replace(judgement, place=judgement.place._replace(call=call)), scenario)
    return None


def equation_of(failure: Failure, subject: Subject) -> EquationName:
    """Name of the equation that a failure of a long run blames; "step" for a short one.

    The elements of a parameter show a step size each (E3 solved for eta), and a weight (E5 solved
    for mu): where two are wrong alike, it is E2 or E4; where they are not, E3 or E5.
    """
    judgement, scenario = failure.judgement, failure.scenario
    scalars: dict[str, EquationName] = {"eta": "step_size", "mu": "averaging_weight"}
    if scenario.steps < _LONG or missing(LAWS["step"], subject.hello):
        return "step"
    if judgement.quantity not in {"theta", "average"}:
        return scalars.get(judgement.quantity, "step")
    known = _exact_rate(failure, subject)
    others = [j for j in range(len(scenario.params[judgement.parameter])) if j != judgement.element]
    if known is None or not others:
        return "step"
    trace = subject.trace(scenario)
    got, other = (_rate(failure, trace, j) for j in (judgement.element, others[0]))
    alike = abs(got - other) <= _SAME * abs(got - known)
    if judgement.quantity == "theta":
        return "step_size" if alike else "descend"
    return "averaging_weight" if alike else "average"


def counts_otherwise(failure: Failure, subject: Subject) -> bool:
    """Whether a failure shows the eta or the mu of another step count, not a rounding error."""
    judgement, known = failure.judgement, _exact_rate(failure, subject)
    if known is None:
        return True
    if judgement.quantity in {"theta", "average"}:
        got = _rate(failure, subject.trace(failure.scenario), judgement.element)
    else:
        got = judgement.got
    return not abs(got - known) <= _DIGITS * known


def _turn(failure: Failure) -> tuple[Step, Turn | None]:
    """The failing step, and what is in force for its parameter."""
    judgement = failure.judgement
    for call, (event, made) in enumerate(turns(failure.scenario), 1):
        if call == judgement.call:
            return event, made[judgement.parameter]
    raise AssertionError("a failure has its step in the scenario")


def _exact_rate(failure: Failure, subject: Subject) -> float | None:
    """The true step size or weight, where the parameter takes a step."""
    _, turn = _turn(failure)
    if turn is None:
        return None
    rule = subject.convention
    hyper = turn.scheduled(rule)
    if failure.judgement.quantity in {"theta", "eta"}:
        return true_step_size(turn.t - rule.eta_lag, hyper)
    opened = window(turn.t, hyper.t0, rule)
    return None if opened is None else float(opened.new)


def _rate(failure: Failure, trace: Sequence[Observation], j: int) -> float:
    """Step size or weight that an element shows in the failing step."""
    judgement = failure.judgement
    i = judgement.parameter
    event, turn = _turn(failure)
    grad = event.grads[i]
    old, new = trace[judgement.call - 2], trace[judgement.call - 1]
    x, y = old.theta[i][j], new.theta[i][j]
    if judgement.quantity == "theta":
        assert turn is not None
        assert grad is not None
        sign = -1 if turn.now.maximize else 1
        push = sign * grad[j] + (turn.now.lambd + turn.now.weight_decay) * x
        return (x - y) / push if push else math.nan
    before, after = old.average[i], new.average[i]
    if before is None or after is None or y == before[j]:
        return math.nan
    return (after[j] - before[j]) / (y - before[j])
