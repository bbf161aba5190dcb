"""Faults of precision: something is kept in fewer bits than the dtype has.

That shows in the numbers themselves: those that are wrong have a few significant bits. And it is
what is wrong only where they are also near the right result.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from asgd.reference import formats
from asgd.spec import POLICIES, EquationName, Hyperparameters

from ..laws.equations import LAWS
from ..laws.law import worst
from ..laws.outcome import Failure, Subject
from ..oracle.stepwise import judge
from ..ports.protocol import Observation
from ..ports.scenario import Group, Scenario
from ..scenarios.designed import averaging_weight, step_size

_FORMATS = {"half": (11, 2.0**-6), "float32": (24, 2.0**-20)}
"""Significant bits, and the largest relative error of numbers that are kept in them."""
_OF = {"step_size": "eta", "averaging_weight": "mu", "average": "average", "descend": "theta"}


def significant_bits(x: float) -> int:
    """Bits of the integer that ``x`` is a power of two times.

    Examples
    --------
    >>> significant_bits(0.75), significant_bits(0.1)
    (2, 52)
    """
    if x == 0 or not math.isfinite(x):
        return 0
    numerator = abs(x.as_integer_ratio()[0])
    return (numerator // (numerator & -numerator)).bit_length()


def narrow(subject: Subject, equation: EquationName) -> str | None:
    """Id of the fault of precision that breaks the law of ``equation``, if one does."""
    name = _OF.get(equation)
    if name is None:
        return None
    for kind, (bits, share) in _FORMATS.items():
        if kind == "float32" and subject.dtype == "float32":
            continue
        wrong = list(_wrong(subject, name, share))
        if wrong and all(near and significant_bits(x) <= bits for x, near in wrong):
            return f"{name}-{kind}-stored"
    return None


def _wrong(subject: Subject, name: str, share: float) -> Iterator[tuple[float, bool]]:
    """Wrong numbers of a quantity, and whether each is near the right result."""
    if name == "eta":
        yield from _etas(subject, share)
    elif name == "mu":
        yield from _mus(subject, share)
    else:
        yield from _numbers(subject, name, share)


def _etas(subject: Subject, share: float) -> Iterator[tuple[float, bool]]:
    """Impulses show eta without a rounding: theta = -eta where theta was 0."""
    for scenario in step_size(subject.hello.supports):
        trace = subject.trace(scenario)
        for judgement in LAWS["step_size"].check(scenario, trace, subject.rule):
            if judgement.quantity == "theta" and judgement.verdict == "fail":
                yield judgement.got, judgement.error <= share * abs(judgement.got)


def _mus(subject: Subject, share: float) -> Iterator[tuple[float, bool]]:
    """The average is mu where it was 0 and theta is 1."""
    for scenario in averaging_weight(subject.hello.supports):
        trace = subject.trace(scenario)
        before: Sequence[float] | None = None
        marks = set()
        for call, seen in enumerate(trace, 1):
            for j, theta in enumerate(seen.theta[0]):
                if before and theta == 1 and before[j] == 0:
                    marks.add((call, j))
            before = seen.average[0]
        for judgement in judge(scenario, trace, subject.rule, frozenset({"average"})):
            place = (judgement.call, judgement.element)
            if place in marks and judgement.verdict == "fail":
                yield judgement.got, judgement.error <= share * abs(judgement.got)


def _numbers(subject: Subject, name: str, share: float) -> Iterator[tuple[float, bool]]:
    """All numbers of the scenarios of whole steps."""
    for scenario in LAWS["step"].designed(subject.hello.supports)[:2]:
        trace = subject.trace(scenario)
        sizes = [abs(x) for seen in trace for row in seen.theta for x in row]
        scale = max(sizes, default=0.0)
        for judgement in judge(scenario, trace, subject.rule, frozenset({name})):
            if judgement.verdict == "fail":
                yield judgement.got, judgement.error <= share * scale


def rounds_hyperparameters(subject: Subject) -> bool:
    """Whether E2 holds to the dtype's precision for hyperparameters rounded to float32."""
    if subject.dtype == "float32":
        return False
    law = LAWS["step_size"]
    for scenario in law.designed(subject.hello.supports):
        trace = subject.trace(scenario)
        if worst(law.check(_rounded(scenario), trace, subject.rule))[0] is not None:
            return False
    return True


def _rounded(scenario: Scenario) -> Scenario:
    def single(hyper: Hyperparameters) -> Hyperparameters:
        names = ("lr", "lambd", "alpha", "weight_decay")
        changes: dict[str, Any] = {n: float(np.float32(getattr(hyper, n))) for n in names}
        return hyper._replace(**changes)

    groups = tuple(Group(single(g.hyper), g.params) for g in scenario.groups)
    return Scenario(groups, scenario.events)


def keeps_subnormals(trace: Sequence[Observation], dtype: str) -> bool:
    """Whether any theta that was seen is a subnormal number."""
    small = formats[dtype].smallest_normal
    return any(0 < abs(x) < small for seen in trace for row in seen.theta for x in row)


def flushes(subject: Subject, failures: Sequence[Failure], laws: Sequence[EquationName]) -> bool:
    """Whether every failure is gone where subnormal numbers may be flushed to zero."""
    name = f"{subject.policy.name}-ftz"
    if name not in POLICIES:
        return False
    loose = replace(subject, policy=POLICIES[name])
    for failure, law in zip(failures, laws, strict=True):
        runs = [failure.scenario, *LAWS[law].designed(subject.hello.supports)]
        for scenario in runs:
            trace = subject.trace(scenario)
            if worst(LAWS[law].check(scenario, trace, loose.rule))[0] is not None:
                return False
    return bool(failures)
