"""The laws: for each equation, the scenarios that exercise it, and what must hold in them.

A law's scenarios are chosen so that its own equation is at work and the others are idle (lambd = 0
removes the decay; theta = 0 leaves eta alone) or are measured (`measured.py`), so a port that is
wrong in one equation breaks that equation's law.
"""

from collections.abc import Iterator, Sequence

from asgd.spec import EQUATIONS, Convention, EquationName

from ..oracle.calibrated import judge_average, judge_update
from ..oracle.judgement import Judgement
from ..oracle.stepwise import Rule, judge
from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..scenarios import designed as probes
from .law import Check, Law


def _judges(*quantities: str) -> Check:
    chosen = frozenset(quantities)

    def check(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
        return judge(scenario, trace, rule, chosen)

    return check


def _average(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
    """E5 with the weight measured; `literal`, which is not an average, by its formula."""
    if rule.convention.divisor == "t-t0":
        return judge(scenario, trace, rule, frozenset({"average"}))
    return judge_average(scenario, trace, rule)


def _impulses(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
    """Eta alone: as the port reads it, and as theta shows it where theta was 0 before."""
    before = scenario.params
    thetas = [before, *(seen.theta for seen in trace)]
    for judgement in judge(scenario, trace, rule, frozenset({"eta", "theta"})):
        old = thetas[judgement.call - 1][judgement.parameter][judgement.element]
        if judgement.quantity == "eta" or old == 0:
            yield judgement


def _nothing(_: Convention) -> object:
    """A measured scalar is judged alike under all conventions."""
    return None


def _schedule(convention: Convention) -> object:
    return convention.eta_lag, convention.hyperparameters


def _mean(convention: Convention) -> object:
    return None if convention.divisor == "terms" else convention


_NOTHING: frozenset[str] = frozenset()
_AVERAGE = frozenset({"average"})

LAWS: dict[EquationName, Law] = {
    "gradient": Law(
        "gradient", _NOTHING, probes.gradient, "gradient", judge_update, depends=_nothing
    ),
    "step_size": Law(
        "step_size", _NOTHING, probes.step_size, "step_size", _impulses, depends=_schedule
    ),
    "descend": Law("descend", _NOTHING, probes.descend, "descend", judge_update, depends=_nothing),
    "averaging_weight": Law(
        "averaging_weight",
        _AVERAGE,
        probes.averaging_weight,
        "averaging_weight",
        _judges("mu", "average"),
    ),
    "average": Law("average", _AVERAGE, probes.average, "average", _average, depends=_mean),
    "step": Law(
        "step",
        _NOTHING,
        probes.step,
        "step",
        _judges("eta", "theta", "mu", "average"),
    ),
}
"""Law by the name of its equation, in the order of the spec."""

assert list(LAWS) == list(EQUATIONS), "every equation has a law, in the order of the spec"
