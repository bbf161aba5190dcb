"""Bias: errors within the tolerance that all point the same way, and so add up over many steps.

A single step of a float32 port may be off by what its roundings cost, and no law objects. But where
every step errs alike, the port decays theta faster or slower than lambd says: torch rounds
1 - lambd eta to float32 first, and that one error acts on every element at every step. It is
reported as a finding with its size, apart from deviations.

A correctly rounded step does not define what is right: where it takes few ulps from theta, or less
than one, it is biased itself (kernels.md, "The update"). So both ratios are given, and it is a
finding only where they differ beyond chance, and the port is further off.

*Chance.* The start values of the elements are drawn independently. What an element errs, in the
mean of all its steps, against correctly rounded steps from the port's own numbers, is a number of
an interval of width R = 2 (tolerance / ulp + 1/2); these are independent, and their mean is 0 if
the port has no bias. By the empirical Bernstein bound (Maurer and Pontil 2009, theorem 4, on both
sides) the mean of n of them, of sample variance V, is beyond

    sqrt(2 V ln(4/p) / n) + 7 R ln(4/p) / (3 (n - 1))

with probability at most p = 1e-9. There are two rates in a verdict, and one dtype: at most one
verdict in 500 million has a false finding.
"""

import math
from dataclasses import dataclass

import numpy as np

from asgd.reference.tolerance import descend_tolerance, step_size_error
from asgd.spec import Hyperparameters

from ..laws.outcome import Finding, Subject
from ..oracle.one_number import true_step_size
from ..ports.scenario import Scenario, single

_SIZE, _STEPS = 8192, 10
_CHANCE = 1e-9
_RATES = (1e-2, 1e-3)


def biases(subject: Subject) -> list[Finding]:
    """Biases of the decay of a float32 port; the exact step is then sharp in float64."""
    if subject.dtype != "float32":
        return []
    found = []
    for lr in _RATES:
        hyper = Hyperparameters(
            lr=lr, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0, maximize=False
        )
        found += _judged(_measure(subject, hyper), hyper)
    return found


@dataclass(frozen=True)
class _Decay:
    """A decay: errors in ulp a step, and the decay taken over the exact one."""

    mean: float
    limit: float
    ratio: float
    rounded: float


def _judged(decay: _Decay, hyper: Hyperparameters) -> list[Finding]:
    if abs(decay.mean) <= decay.limit or abs(decay.ratio - 1) <= abs(decay.rounded - 1):
        return []
    text = (
        f"with lr={hyper.lr}, lambd={hyper.lambd} theta decays {decay.ratio:.3f} times as fast as "
        f"it should, and with correctly rounded steps {decay.rounded:.3f} times "
        f"(mean error {decay.mean:+.3f} ulp a step; chance explains {decay.limit:.3f})"
    )
    numbers = {
        "lr": hyper.lr,
        "mean_ulp": decay.mean,
        "limit_ulp": decay.limit,
        "ratio": decay.ratio,
        "ratio_rounded": decay.rounded,
    }
    return [Finding("decay-biased", text, numbers)]


def _scenario(hyper: Hyperparameters) -> Scenario:
    """Numbers in [1, 2), where an ulp is one size, no gradients, and no step that leaves it."""
    start = np.random.default_rng(0).uniform(1.0001, 1.9999, _SIZE).astype(np.float32)
    still = (0.0,) * _SIZE
    return single(hyper, (tuple(start.tolist()),), ((still,),) * _STEPS)


def _measure(subject: Subject, hyper: Hyperparameters) -> _Decay:
    scenario = _scenario(hyper)
    trace = subject.trace(scenario)
    ulp = float(np.spacing(np.float32(1.0)))
    before = np.array(scenario.params[0])
    errors = np.zeros(_SIZE)
    moved, rounded, due = 0.0, 0.0, 0.0
    for t, seen in enumerate(trace, 1):
        after = np.array(seen.theta[0])
        # In [1, 2) a float64 is 2**29 times finer than an ulp of float32: it is exact enough.
        eta = true_step_size(t - subject.convention.eta_lag, hyper)
        exact = before - eta * hyper.lambd * before
        nearest = exact.astype(np.float32).astype(float)
        errors += (after - nearest) / ulp / _STEPS
        moved += float(np.sum(before - after))
        rounded += float(np.sum(before - nearest))
        due += float(np.sum(before - exact))
        before = after
    width = 2 * (_tolerance(subject, hyper) / ulp + 0.5)
    chance = math.log(4 / _CHANCE)
    limit = math.sqrt(2 * float(np.var(errors, ddof=1)) * chance / _SIZE)
    limit += 7 * width * chance / (3 * (_SIZE - 1))
    return _Decay(float(np.mean(errors)), limit, moved / due, rounded / due)


def _tolerance(subject: Subject, hyper: Hyperparameters) -> float:
    arithmetic = subject.rule.arithmetic
    rates = {"lr": hyper.lr, "lambd": hyper.lambd, "alpha": hyper.alpha}
    return descend_tolerance(
        2.0,
        0.0,
        2.0,
        lr=hyper.lr,
        eta=hyper.lr,
        eta_error=step_size_error(_STEPS, **rates, arithmetic=arithmetic),
        lambd=hyper.lambd,
        weight_decay=0.0,
        arithmetic=arithmetic,
    )
