"""Errors within the tolerance that no order of evaluation makes: one-sided, or where all is exact.

A number that is rounded to the nearest errs either way; one that is truncated, an eta that is
always an ulp too large, or an average that lags behind, errs one way. No law objects to one step of
that, and over many steps it adds up.

*Chance.* Each trial is a scenario of its own: its length, hyperparameters, theta and gradients are
drawn independently, and one number of each quantity is looked at, in the last step. Where a port
errs in a given direction in at most three quarters of the cases, the number of trials of n that do
is at most binomial(n, 3/4); the finding is made only where the tail of that is below p = 1e-10.
There are five quantities, two directions and two dtypes, so at most one verdict in 500 million has
a false finding of such a port. Roundings to the nearest, of any order of evaluation, err either way
in about half of the cases, as no scalar is the same in all trials: eta and the decay differ in
each, and mu takes some twenty values.

*Where nothing rounds.* With numbers of few bits, lambd = 0 and no window, all that any order of
evaluation computes on the way is exact (tolerance.md, "Where nothing rounds"). There a port that
adds and takes an ulp in turn, which no sign shows, is off; a port that only rounds never is.
"""

import math
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from asgd.reference import Enclosure
from asgd.spec import Hyperparameters

from ..laws.outcome import Finding, Subject
from ..oracle.judgement import Judgement
from ..oracle.stepwise import judge
from ..ports.protocol import Observation
from ..ports.scenario import Scenario, rest_of, single

_TRIALS, _LONGEST = 112, 20
_MOST = 0.75
_CHANCE = 1e-10

_SIDES = {
    "eta": ("too large", "too small"),
    "theta": ("away from 0", "toward 0"),
    "theta's step": ("too far", "too short"),
    "average": ("away from 0", "toward 0"),
    "average's step": ("too far", "too short"),
}


def one_sided(subject: Subject) -> list[Finding]:
    """Quantities whose errors nearly all point in one direction."""
    counts: dict[str, Counter[int]] = {what: Counter() for what in _SIDES}
    for scenario in _scenarios():
        for what, sign in _signs(scenario, subject.trace(scenario), subject):
            counts[what][sign] += 1
    found = []
    for what, sides in _SIDES.items():
        total = counts[what][1] + counts[what][-1]
        for sign, side in zip((1, -1), sides, strict=True):
            same = counts[what][sign]
            if same >= _fewest(total):
                text = (
                    f"{what} is {side} in {same} of {total} independent trials, by less than the "
                    "tolerance; errors of rounding point either way"
                )
                found.append(Finding("errors-one-sided", text, {"same": same, "of": total}))
    return found


def inexact(subject: Subject) -> list[Finding]:
    """Quantities that are off where every order of evaluation is exact."""
    wrong: Counter[str] = Counter()
    total: Counter[str] = Counter()
    chosen = frozenset({"eta", "theta", "average"})
    scenario = _exact()
    for one in judge(scenario, subject.trace(scenario), subject.rule, chosen):
        total[one.quantity] += 1
        wrong[one.quantity] += _sign(one) != 0
    return [
        Finding(
            "errors-where-exact",
            f"{what} is off, by less than the tolerance, in {wrong[what]} of {total[what]} numbers "
            "that every order of evaluation computes exactly",
            {"off": wrong[what], "of": total[what]},
        )
        for what in total
        if wrong[what]
    ]


@lru_cache(maxsize=1)
def _exact() -> Scenario:
    """Numbers on a grid of 1/16, below 64, and eta = 1, of which the logarithm is exact too."""
    hyper = Hyperparameters(lr=1.0, lambd=0.0, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False)
    rows = np.random.default_rng(0).integers(-32, 33, (25, 4)) / 16
    start, *grads = (tuple(map(float, row)) for row in rows)
    return single(hyper, (start,), tuple((g,) for g in grads))


@lru_cache
def _fewest(total: int) -> int:
    """Fewest trials in one direction that chance does not explain."""
    tail, same = 0.0, total
    while same >= 0:
        tail += math.comb(total, same) * _MOST**same * (1 - _MOST) ** (total - same)
        if tail > _CHANCE:
            break
        same -= 1
    return same + 1


@lru_cache(maxsize=1)
def _scenarios() -> tuple[Scenario, ...]:
    return tuple(map(_scenario, np.random.default_rng(0).spawn(_TRIALS)))


def _scenario(rng: np.random.Generator) -> Scenario:
    """Two elements: one that moves, and one that is 0 until its last step shows eta."""

    def drawn(low: float, high: float) -> float:
        # Few enough bits for float32: no hyperparameter is rounded.
        return float(np.round(rng.uniform(low, high) * 2**14)) / 2**14

    hyper = Hyperparameters(
        lr=drawn(0.25, 1),
        lambd=drawn(0.25, 1),
        alpha=drawn(0.25, 2),
        t0=0.0,
        weight_decay=drawn(0.05, 0.5),
        maximize=False,
    )
    count = int(rng.integers(4, _LONGEST + 1))
    steps = tuple(
        ((drawn(0.5, 2) * float(rng.choice((-1, 1))), float(t == count)),)
        for t in range(1, count + 1)
    )
    return single(hyper, ((drawn(1, 4) * float(rng.choice((-1, 1))), 0.0),), steps)


def _signs(
    scenario: Scenario, trace: list[Observation], subject: Subject
) -> Iterator[tuple[str, int]]:
    """What errs in the last step, and to which side."""
    last = trace[-2]
    begun = [(len(trace) - 1, last.average[0] or last.theta[0])]
    rest = rest_of(scenario, len(trace) - 1, last.theta)
    for one in judge(rest, trace[-1:], subject.rule, frozenset({"theta", "average"}), begun):
        if (one.quantity, one.element) == ("average", 1):
            continue
        error = _sign(one)
        if one.element == 1:
            # Theta is -eta there.
            yield "eta", -error
            continue
        rows = last.theta[0] if one.quantity == "theta" else last.average[0]
        yield one.quantity, error * _direction(one, 0.0)
        if rows is not None:
            yield f"{one.quantity}'s step", error * _direction(one, rows[0])


def _sign(one: Judgement) -> int:
    """Sign of the error; 0 for an exact number."""
    apart = Enclosure.of(one.got) - one.exact
    return (apart.low > 0) - (apart.high < 0)


def _direction(one: Judgement, origin: float) -> int:
    """Sign of the exact number, seen from ``origin``."""
    apart = one.exact - Enclosure.of(origin)
    return (apart.low > 0) - (apart.high < 0)
