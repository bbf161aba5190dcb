"""Certified trajectories against fractions, mpmath and Arb, with inputs that hunt for mistakes."""

import random
from fractions import Fraction

import numpy as np
import pytest

from asgd.reference import equations, formats, real, trajectory
from asgd.reference.certified.certificate import rational_step_size
from asgd.reference.certified.coefficients import NEVER
from asgd.reference.rounding import round_fraction
from asgd.spec import CONVENTIONS, Hyperparameters

ENGINES = ("sliced", "integers")


def hyperparameters(lr=0.5, lambd=0.25, alpha=0.75, t0=2.0, weight_decay=0.0, maximize=False):
    """Hyperparameters, with defaults that are strong."""
    return Hyperparameters(lr, lambd, alpha, t0, weight_decay, maximize)


def certify(theta, grads, hyper, rule="documented", **how):
    """Moments of a trajectory."""
    return list(trajectory(theta, grads, **hyper._asdict(), convention=rule, **how))


def exact_steps(theta, grads, hyper, rule, changes=None):
    """Theta and the average after each call, as fractions; the step sizes must be rational."""
    values = [Fraction(float(x)) for x in theta]
    means, t, stored = list(values), 0, None
    for call, row in enumerate(grads, 1):
        hyper = hyper._replace(**(changes or {}).get(call, {}))
        if row is not None:
            t += 1
            late = rule.hyperparameters == "stored" and stored is not None
            used = stored if late else hyper
            eta = rational_step_size(
                t - rule.eta_lag, lr=used.lr, lambd=used.lambd, alpha=used.alpha
            )
            before, stored = values, hyper
            sign = -1 if hyper.maximize else 1
            values = [
                x
                - eta
                * (
                    sign * Fraction(float(g))
                    + Fraction(hyper.weight_decay) * x
                    + Fraction(hyper.lambd) * x
                )
                for x, g in zip(values, row, strict=True)
            ]
            means = [
                _mean(m, b, x, t, Fraction(min(rule.read_t0(used.t0), NEVER)), rule)
                for m, b, x in zip(means, before, values, strict=True)
            ]
        yield values, means


def _mean(mean, before, theta, t, t0, rule):
    if rule.divisor == "t-t0":
        return equations.literal_average(before, mean, theta, t, t0)
    mu = 1 / max(Fraction(1), t - rule.mu_lag - t0)
    return mean * (1 - mu) + theta * mu


def mpmath_steps(theta, grads, hyper, rule, changes=None, precision=1200):
    """Theta and the average after each call, by the readable recurrence in mpmath."""

    def exact(x):
        return real(float(x), precision)

    values = [exact(x) for x in theta]
    means, t, stored = list(values), 0, None
    for call, row in enumerate(grads, 1):
        hyper = hyper._replace(**(changes or {}).get(call, {}))
        if row is not None:
            t += 1
            read = hyper._replace(t0=min(rule.read_t0(hyper.t0), NEVER))
            numbers = {k: exact(v) for k, v in read._asdict().items() if k != "maximize"}
            four = tuple(numbers[k] for k in ("lr", "lambd", "alpha", "t0"))
            late = rule.hyperparameters == "stored" and stored is not None
            pairs = [
                equations.step(
                    x,
                    m,
                    t,
                    exact(g),
                    maximize=hyper.maximize,
                    convention=rule,
                    scheduled=stored if late else four,
                    **numbers,
                )
                for x, m, g in zip(values, means, row, strict=True)
            ]
            stored = four
            values, means = [x for x, _ in pairs], [m for _, m in pairs]
        yield values, means


def as_fraction(x):
    """Exact value of an mpf."""
    sign, mantissa, exponent, _ = x._mpf_
    return (-1) ** int(sign) * Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _values(rng, style, size):
    draw = {
        "ordinary": lambda: rng.gauss(0, 1),
        "cancelling": lambda: rng.choice([1e20, -1e20, 1.0, 1e-20]),
        "wide": lambda: rng.choice([-1, 1, 0]) * 2.0 ** rng.uniform(-300, 300),
        "subnormal": lambda: rng.choice([-1, 1]) * 2.0 ** rng.uniform(-1074, -1010),
        "overflow": lambda: rng.gauss(0, 1) * 2.0 ** rng.choice([0, 900, 1021]),
        "integers": lambda: float(rng.randint(-8, 8)),
    }[style]
    return [draw() for _ in range(size)]


STYLES = ("ordinary", "cancelling", "wide", "subnormal", "overflow", "integers")


def _problem(rng, style, *, rational):
    size, calls = rng.randint(1, 4), rng.randint(1, 24)
    grads = [
        None if rng.random() < 0.1 else np.array(_values(rng, style, size)) for _ in range(calls)
    ]
    hyper = hyperparameters(
        lr=rng.choice([0.5, 0.01, 1.0, 0.0, 3.0] + [2.0**-300] * (not rational)),
        lambd=rng.choice([0.0, 1.0, 0.25] + [2.0**-300, 1e-4] * (not rational)),
        alpha=rng.choice([0.0, 1.0, 2.0] if rational else [0.75, 0.3, 1.0, 2.5]),
        t0=rng.choice([0.0, 1.0, 2.5, 5.0, 1e6, float("inf")]),
        weight_decay=rng.choice([0.0, 0.5, 0.01]),
        maximize=rng.random() < 0.3,
    )
    changes = {c: {rng.choice(["lr", "t0"]): float(rng.randint(0, 4))} for c in range(2, calls, 5)}
    return _values(rng, style, size), grads, hyper, changes


@pytest.mark.sample(4)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("style", STYLES)
def test_fractions_confirm_every_rounded_value(style, engine):
    """Where all step sizes are rational, nothing is undecided, and every bit is right."""
    rng = random.Random(style)
    for trial in range(8):
        theta, grads, hyper, changes = _problem(rng, style, rational=True)
        rule = list(CONVENTIONS.values())[trial % len(CONVENTIONS)]
        for name, fmt in formats.items():
            how = {"dtype": name, "engine": engine, "changes": changes}
            moments = certify(theta, grads, hyper, rule, **how)
            exact = exact_steps(theta, grads, hyper, rule, changes)
            for moment, (values, means) in zip(moments, exact, strict=True):
                _confirm(moment.theta, values, fmt)
                if moment.average is None:
                    assert means[0] is None
                else:
                    _confirm(moment.average, means, fmt)


def _confirm(certified, exact, fmt):
    assert not certified.undecided.any()
    for j, x in enumerate(exact):
        assert certified.rounded[j] == round_fraction(x, fmt)
        assert certified.enclosure(j).contains(x)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("style", STYLES)
def test_mpmath_lies_within(style, engine):
    """The readable recurrence at 1200 bits lies in every enclosure, up to its own error."""
    rng = random.Random(style)
    for trial in range(5):
        theta, grads, hyper, changes = _problem(rng, style, rational=False)
        rule = list(CONVENTIONS.values())[trial % len(CONVENTIONS)]
        moments = certify(theta, grads, hyper, rule, engine=engine, changes=changes)
        recurrence = mpmath_steps(theta, grads, hyper, rule, changes)
        largest = max(map(abs, [*theta, *(g for row in grads if row is not None for g in row)]))
        # Some 24 steps of a few operations, each factor below 2**6, at 1200 bits.
        slack = Fraction(largest) * Fraction(2) ** (-1190 + 6 * 24)
        for moment, (values, means) in zip(moments, recurrence, strict=True):
            pairs = [(moment.theta, values)]
            pairs += [] if moment.average is None else [(moment.average, means)]
            for certified, numbers in pairs:
                for j, x in enumerate(numbers):
                    low, high = certified.enclosure(j).bounds()
                    assert low - slack <= as_fraction(x) <= high + slack
                    assert not certified.undecided[j] or low < high


def test_arb_lies_within():
    """Arb's own recurrence, in balls, meets every enclosure."""
    flint = pytest.importorskip("flint")
    flint.ctx.prec = 400
    rng = np.random.default_rng(3)
    theta, grads = rng.standard_normal(16), rng.standard_normal((40, 16))
    hyper = hyperparameters(lr=0.01, lambd=0.1, t0=7.0, weight_decay=0.01)
    lr, lambd, alpha, decay = map(
        flint.arb, (hyper.lr, hyper.lambd, hyper.alpha, hyper.weight_decay)
    )
    x, mean = [flint.arb(v) for v in theta.tolist()], [flint.arb(v) for v in theta.tolist()]
    for t, (moment, row) in enumerate(
        zip(certify(theta, grads, hyper), grads.tolist(), strict=True), 1
    ):
        eta = lr / (1 + lambd * lr * t) ** alpha
        mu = flint.arb(1) / max(1, t + 1 - 7)
        x = [v - eta * (flint.arb(g) + decay * v + lambd * v) for v, g in zip(x, row, strict=True)]
        mean = [m + mu * (v - m) for m, v in zip(mean, x, strict=True)]
        for certified, balls in ((moment.theta, x), (moment.average, mean)):
            for j, ball in enumerate(balls):
                low, high = certified.enclosure(j).bounds()
                assert flint.arb(flint.fmpq(low.numerator, low.denominator)) <= ball
                assert flint.arb(flint.fmpq(high.numerator, high.denominator)) >= ball
