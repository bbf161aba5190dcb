"""Bias: errors within the tolerance that all point the same way, and so add up over many steps.

A single step of a float32 port may be off by what its roundings cost, and no law objects. But where
every step errs alike, the port decays theta faster or slower than lambd says: torch rounds
1 - lambd eta to float32 first, and that one error acts on every element at every step. It is
reported as a finding with its size, apart from deviations.

The differences from the correctly rounded step are at most B = tolerance / ulp each; if they were
independent and of mean 0, then by Hoeffding's inequality the mean of n of them would be beyond
B sqrt(2 ln(2/p) / n) with probability at most p.
"""

import math

import numpy as np

from asgd.reference.tolerance import descend_tolerance, step_size_error
from asgd.spec import Hyperparameters

from ..laws.outcome import Finding, Subject
from ..oracle.one_number import true_step_size
from ..ports.scenario import Scenario, single

_SIZE, _STEPS = 1024, 40
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
        mean, limit, ratio = _measure(subject, hyper)
        if abs(mean) > limit:
            text = (
                f"the decay is biased: with lr={lr}, lambd={hyper.lambd} theta decays by "
                f"{ratio:.4g} times what is due (mean error {mean:+.3f} ulp a step, "
                f"chance stays below {limit:.3f})"
            )
            numbers = {"lr": lr, "mean_ulp": mean, "limit_ulp": limit, "ratio": ratio}
            found.append(Finding("decay-biased", text, numbers))
    return found


def _scenario(hyper: Hyperparameters) -> Scenario:
    """Numbers all over [1, 2), where an ulp is one size, and no gradients."""
    start = np.random.default_rng(0).uniform(1.0, 2.0, _SIZE).astype(np.float32)
    still = (0.0,) * _SIZE
    return single(hyper, (tuple(start.tolist()),), ((still,),) * _STEPS)


def _measure(subject: Subject, hyper: Hyperparameters) -> tuple[float, float, float]:
    """Mean error in ulp, what chance exceeds once in a thousand million times, and decay ratio."""
    scenario = _scenario(hyper)
    trace = subject.trace(scenario)
    ulp = float(np.spacing(np.float32(1.0)))
    before = np.array(scenario.params[0])
    total, count, moved, due = 0.0, 0, 0.0, 0.0
    for t, seen in enumerate(trace, 1):
        after = np.array(seen.theta[0])
        # In [1, 2) a float64 is 2**29 times finer than an ulp of float32: it is exact enough.
        eta = true_step_size(t - subject.convention.eta_lag, hyper)
        exact = before - eta * hyper.lambd * before
        inside = (exact >= 1.0) & (exact < 2.0)
        nearest = exact.astype(np.float32).astype(float)
        total += float(np.sum((after - nearest)[inside]))
        count += int(np.sum(inside))
        moved += float(np.sum(before - after))
        due += float(np.sum(before - exact))
        before = after
    bound = _tolerance(subject, hyper) / ulp
    limit = bound * math.sqrt(2 * math.log(2 / _CHANCE) / count)
    return total / ulp / count, limit, moved / due


def _tolerance(subject: Subject, hyper: Hyperparameters) -> float:
    arithmetic = subject.rule.arithmetic
    rates = {"lr": hyper.lr, "lambd": hyper.lambd, "alpha": hyper.alpha}
    return descend_tolerance(
        2.0,
        0.0,
        2.0,
        eta=hyper.lr,
        eta_error=step_size_error(_STEPS, **rates, arithmetic=arithmetic),
        lambd=hyper.lambd,
        weight_decay=0.0,
        arithmetic=arithmetic,
    )
