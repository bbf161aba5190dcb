"""The tolerance against the page that derives it: `tolerance.md`, evaluated at 300 bits."""

import math
from itertools import product

import numpy as np
import pytest

from asgd.reference import formats, real
from asgd.reference.numbers import context
from asgd.reference.tolerance import (
    Arithmetic,
    Storage,
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
    rounding_error,
    step_size_error,
    weighted_sum_tolerance,
)
from asgd.spec import POLICIES

MP = context(300)
# Two factors of 1 + 2^-40 lie on one another: in what is summed up, and on the sum.
SLACK = (1 + real(2.0**-40, 300)) ** 3
ARITHMETICS = [Arithmetic(fmt, policy) for fmt in formats.values() for policy in POLICIES.values()]


@pytest.fixture(params=ARITHMETICS, ids=lambda a: f"{a.fmt.name}-{a.policy.name}")
def arithmetic(request):
    return request.param


def exact(x):
    return real(float(x), 300)


def holds(bound, stated):
    """Whether the bound is the stated one, and no less."""
    return stated <= exact(bound) <= stated * SLACK


def rho(x, fmt):
    """Relative error of a hyperparameter rounded to a format."""
    rounded = exact(np.dtype(fmt.name).type(float(x)))
    return abs(rounded - exact(x)) / exact(x) if x else exact(0)


def smallest(fmt, policy):
    """Tau."""
    kind = np.finfo(fmt.name)
    return exact(kind.smallest_normal if policy.ftz else kind.smallest_subnormal)


def scalars(arithmetic):
    """Format of eta and mu, its u, and the u of storing them in a coarser one."""
    name = arithmetic.policy.precision
    work = arithmetic.fmt if name == "dtype" else formats[name]
    store = arithmetic.fmt.u if (work.name, arithmetic.fmt.name) == ("float64", "float32") else 0
    return work, exact(np.finfo(work.name).eps / 2), exact(store)


def stated_step_size(t, lr, lambd, alpha, arithmetic):
    """The section "Step size"."""
    work, u, store = scalars(arithmetic)
    tau = max(smallest(fmt, arithmetic.policy) for fmt in (work, arithmetic.fmt))
    lr, lambd, alpha = exact(lr), exact(lambd), exact(alpha)
    rhos = [rho(x, work) for x in (lr, lambd, alpha)]
    z = lambd * lr * t
    rho_t = 0 if t < 2**work.digits else u
    lost = z * MP.expm1(2 * u + rhos[0] + rhos[1] + rho_t) + 2 * tau * (t + lr + lambd + 1)
    base = u / (1 - u) + lost / (1 + max(0, z - lost))
    reach, log = alpha * (1 + rhos[2]), MP.log1p(z)
    power = 8 * u / (1 - 8 * u) + 9 * u * (1 + u) * reach * (log + base)
    distance = alpha * rhos[2] * log + reach * base + power + 2 * u / (1 - u)
    distance += store / (1 - store)
    if arithmetic.policy.form == "logarithm" and lr:
        distance += 8 * u * (1 + u) * (abs(MP.log(lr)) + 2 * rhos[0])
        distance += u * (1 + u) * (abs(MP.log(lr) - alpha * log) + distance)
    return rhos[0] + (1 + rhos[0]) * MP.expm1(distance), 2 * tau


STEPS = [0, 1, 1000, 2**24 - 1, 2**24, 2**53 - 1, 2**53]
RATES = [(0.1, 1e-4, 0.75), (1.0, 0.5, 1.3), (0.7, 0.0, 0.0), (0.1, 0.3, 0.5)]
# Here underflow of one of the three products counts.
# Hyperparameters that float32 rounds to 0, or to the one subnormal number beside it.
SUBNORMAL = [
    (3, 1e-46, 0.5, 0.75),
    (3, 0.5, 1e-46, 0.75),
    (2**40, 1.9e-45, 0.5, 0.75),
    (3, 1.0, 0.5, 1e-46),
    (3, 1.0, 0.5, 2e-45),
    (3, 5e-324, 5e-324, 5e-324),
]
TINY = [(2**90, 2.0**-80, 2.0**-20), (4, 2.0**100, 2.0**-110), (4, 2.0**-110, 2.0**100)]


def test_step_size(arithmetic):
    """The sum of all that the table lists."""
    cases = [(t, *rates) for t, rates in product(STEPS, RATES)] + SUBNORMAL
    for t, lr, lambd, alpha in cases + [(*three, 0.5) for three in TINY]:
        relative, absolute = step_size_error(
            t, lr=lr, lambd=lambd, alpha=alpha, arithmetic=arithmetic
        )
        stated = stated_step_size(t, lr, lambd, alpha, arithmetic)
        assert holds(relative, stated[0])
        assert absolute == stated[1]


def test_averaging_weight(arithmetic):
    """E_mu; a weight of 1 is exact."""
    work, u, store = scalars(arithmetic)
    for t0, t in [
        (0.0, 3),
        (10.0, 12),
        (2.5, 7),
        (1e7 + 1, 1e7 + 4),
        (0.1, 9),
        (2.0**24 - 2, 2**24 + 9),
    ]:
        mu = 1 / (t - t0)
        counted = t <= 2**work.digits
        between = 0 if counted and t0 == math.floor(t0) else u
        count = 0 if counted else u * (1 + exact(t0) * exact(mu))
        stated = u + between + count + store + rho(t0, work) * exact(t0) * exact(mu)
        bound = averaging_weight_error(mu, t0, arithmetic=arithmetic)
        assert holds(bound, stated / (1 - stated))
        assert averaging_weight_error(1.0, t0, arithmetic=arithmetic) == 0


DECAYS = [(0.0, 0.0), (1e-4, 0.0), (0.0, 0.3), (0.1, 0.3), (1e-46, 0.0), (1.9e-45, 2e-45)]
NUMBERS = [(1.5, -2.5, 0.75), (-1e-3, 7.0, 3.0), (0.0, 1.0, 0.1), (3.0, 0.0, 2.0), (1e-37, 0, 0)]


def test_update(arithmetic):
    """The section "The update"."""
    fmt, tau = arithmetic.fmt, smallest(arithmetic.fmt, arithmetic.policy)
    u = exact(fmt.u)
    eta, relative, absolute = 0.3, 3e-7, 1e-8
    for (lambd, decay), (theta, grad, updated), lr in product(DECAYS, NUMBERS, (0.0, 0.3, 2.5)):
        lam, w, e = exact(lambd), exact(decay), exact(eta)
        a, b = int(lambd > 0 or decay > 0), int(lambd > 0 and decay > 0)
        m, g = abs(exact(theta)), abs(exact(grad))
        moved = lam * rho(lambd, fmt), w * rho(decay, fmt)
        shift, pull = exact(relative) * e + exact(absolute), lam + w + sum(moved)
        shifted = shift * (g + pull * m) + e * m * sum(moved)
        size = e + shift
        rounds = (1 + a + b) * (m + size * g) + (3 + b) * size * pull * m
        underflow = 4 * tau * (1 + max(size, exact(lr))) * (1 + m + pull)
        stated = shifted + u * rounds / (1 - (4 + b) * u) + underflow
        stated = (1 + u) * stated + u * exact(updated)
        bound = descend_tolerance(
            theta,
            grad,
            updated,
            lr=lr,
            eta=eta,
            eta_error=(relative, absolute),
            lambd=lambd,
            weight_decay=decay,
            arithmetic=arithmetic,
        )
        assert holds(bound, stated)


def test_average(arithmetic):
    """The sections "The average" and "A window that is summed anew"."""
    u, tau = exact(arithmetic.fmt.u), smallest(arithmetic.fmt, arithmetic.policy)
    error = 1e-7
    for mu, (average, theta, updated) in product([1.0, 0.5, 1 / 3, 1e-6], NUMBERS):
        n = exact(mu)
        big_a, m = abs(exact(average)), abs(exact(theta))
        difference = abs(exact(average) - exact(theta))
        anew, largest = arithmetic.policy.form == "window" and mu < 1, abs(theta) + 1.5
        count = 1 / n + 3
        before = (
            u
            * max(
                4 * n * difference + (1 - n) * big_a,
                4 * (1 - n) * big_a + 2 * n * m,
                4 * (1 - n) * difference,
                (mu < 1) * ((3 + 2 * n) * big_a + 2 * n * m),
                anew * (20 + 8 * exact(error) / u) * count * largest,
            )
            + exact(error) * n * difference
        )
        s = (20 * count if anew else 6) * u + exact(error)
        lost = (20 * count if anew else 6) * tau
        stated = (1 + u) * (before / (1 - s) + lost) + u * exact(updated)
        bound = average_tolerance(
            average,
            theta,
            abs(average - theta),
            updated,
            mu=mu,
            mu_error=error,
            arithmetic=arithmetic,
            largest=largest,
        )
        assert holds(bound, stated) or (bound == math.inf and s >= 1 / 4)


def test_scaled_storage():
    """The section of that name: 12 and 16 roundings, and what is lost by large divisors."""
    fmt = formats["float32"]
    u, tau = exact(fmt.u), exact(2.0**-149)
    stored = Storage().after(0.25, 0.5, 1.0).after(0.5, 2.0, 0.5)
    near = [pytest.approx(x) for x in (2.0, 8.0, 2.0, 1.5)]
    assert list(stored) == near
    arithmetic = Arithmetic(fmt, POLICIES["scaled-storage"], stored)
    theta, grad, eta, lambd, updated = map(exact, (3.0, -2.0, 0.5, 0.25, 1.5))
    shift = eta * exact(1e-7)
    size, inner = eta + shift, abs(grad) + lambd * theta
    sums = shift * inner + u * 12 * (theta + size * inner) / (1 - 12 * u)
    sums += 16 * tau * 16 * (1 + size) * (1 + theta + lambd)
    bound = descend_tolerance(
        3.0,
        -2.0,
        1.5,
        lr=0.5,
        eta=0.5,
        eta_error=(1e-7, 0.0),
        lambd=0.25,
        weight_decay=0.0,
        arithmetic=arithmetic,
    )
    assert holds(bound, (1 + u) * sums + u * updated)
    decay, grown, shrunk, share = map(exact, stored)
    average, moved, mu = exact(4.0), share * (exact(1.5) + decay * theta), exact(0.5)
    sums = u * 16 * ((1 - mu) * average + 7 * moved) / (1 - 16 * u)
    sums += 16 * tau * grown * shrunk * (1 + share) * (1 + exact(1.5) + theta)
    bound = average_tolerance(
        4.0, 1.5, 2.5, 2.0, mu=0.5, mu_error=0.0, arithmetic=arithmetic, previous=3.0
    )
    assert holds(bound, (1 + u) * sums + u * exact(2.0))


def test_a_step_size_that_is_never_formed():
    """(lr G) / (1 + z)^alpha may overflow, and lr (G / (1 + z)^alpha) lose lr tau."""
    arithmetic = Arithmetic(formats["float32"], POLICIES["native"])
    given = {"eta": 1e-3, "eta_error": (1e-7, 0.0), "lambd": 0.0, "weight_decay": 0.0}

    def bound(grad, lr):
        return descend_tolerance(0.0, grad, 0.0, **given, lr=lr, arithmetic=arithmetic)

    assert bound(1e27, 1e12) == math.inf > bound(1e27, 1e-3) == bound(1e27, 0.0)
    tau = 2.0**-149
    assert bound(0.0, 1e12) == pytest.approx(4 * tau * 1e12, rel=1e-3)
    rng = np.random.default_rng(0)
    eta, power = np.float32(1e-3), np.float32(1e15)
    lr = eta * power
    for grad in np.exp(rng.uniform(-103, 60, 2000)).astype(np.float32):
        with np.errstate(over="ignore", under="ignore"):
            made = (lr * grad) / power, lr * (grad / power)
        allowed = bound(float(grad), float(lr)) + 2e-7 * float(eta) * float(grad)
        assert all(abs(float(x) - float(eta) * float(grad)) <= allowed for x in made)


def test_first_terms_of_literal(arithmetic):
    """4u, and 4u of the scalars' format, of the terms."""
    _, scalar, _ = scalars(arithmetic)
    u, tau = exact(arithmetic.fmt.u), smallest(arithmetic.fmt, arithmetic.policy)
    for terms, updated in [(1.0, 0.5), (1e-30, 1e-30), (3e20, 0.0)]:
        s = 4 * u + 4 * scalar
        stated = exact(terms) * s / (1 - s) + 6 * tau + u * exact(updated)
        assert holds(weighted_sum_tolerance(terms, updated, arithmetic=arithmetic), stated)


@pytest.mark.parametrize("name", formats)
def test_what_overflows_is_not_held_against_a_port(name):
    """Below each of the limits that the page states there is a bound, and none above."""
    arithmetic = Arithmetic(formats[name], POLICIES["native"])
    largest = float(np.finfo(name).max)

    def update(theta=0.0, grad=0.0, eta=0.0, decay=0.0, lr=0.0):
        given = {"lr": lr, "eta": eta, "eta_error": (0.0, 0.0), "lambd": decay, "weight_decay": 0.0}
        return descend_tolerance(theta, grad, 0.0, **given, arithmetic=arithmetic)

    def mean(average=0.0, theta=0.0, mu=1.0):
        given = {"mu": mu, "mu_error": 0.0, "arithmetic": arithmetic}
        return average_tolerance(average, theta, 0.0, 0.0, **given)

    def eta(t=1, lr=1.0, lambd=0.0, alpha=0.0):
        return step_size_error(t, lr=lr, lambd=lambd, alpha=alpha, arithmetic=arithmetic)[0]

    def terms(x):
        return weighted_sum_tolerance(x, 0.0, arithmetic=arithmetic)

    for size, limited in [
        # 8 (1 + max(eta, lr)) (|g| + (lambd + w) M + M + lambd + w + 1)
        (8, lambda x: update(theta=x)),
        (8, lambda x: update(grad=x)),
        (8, lambda x: update(decay=x)),
        (16, lambda x: update(grad=x, eta=1.0)),
        (16, lambda x: update(grad=x, lr=1.0)),
        (8 * 9, lambda x: update(theta=x, decay=8.0)),
        (8, lambda x: update(eta=x)),
        # The average, and the sum that is 1 / mu times as large.
        (2 * 2, lambda x: mean(average=x)),
        (2 * 2, lambda x: mean(theta=x)),
        (2 * 9, lambda x: mean(theta=x, mu=1 / 8)),
        (4, terms),
        # Each product of two of lambd, lr and t, all three, and the power.
        (2 * 8, lambda x: eta(lr=x, lambd=8.0)),
        (2 * 8, lambda x: eta(lr=x, t=8)),
        (2 * 8, lambda x: eta(lr=0.0, lambd=x, t=8)),
        (2 * 16, lambda x: eta(lr=4.0, lambd=x, t=4)),
    ]:
        assert math.isfinite(limited(largest / size * (1 - 2.0**-9)))
        assert math.isinf(limited(largest / size * (1 + 2.0**-9)))
    # 4^alpha, with two bits to spare.
    half = (formats[name].highest - 2) / 2
    assert math.isfinite(eta(t=3, lambd=1.0, alpha=half - 2.0**-9))
    assert math.isinf(eta(t=3, lambd=1.0, alpha=half))


def test_hyperparameters_beyond_a_format():
    """A number that overflows the format has no relative error, and leaves no bound."""
    single, double = formats["float32"], formats["float64"]
    assert rounding_error(1e39, single) == math.inf
    assert rounding_error(1e39, double) == 0
    assert rounding_error(0.0, single) == 0
    assert holds(rounding_error(1e-46, single), exact(1))
    nothing = Arithmetic(single, POLICIES["native"])
    assert 1 <= step_size_error(1, lr=1e-46, lambd=0.0, alpha=0.0, arithmetic=nothing)[0] < 1.01
    for name in ("native", "float64-eta"):
        arithmetic = Arithmetic(single, POLICIES[name])
        assert step_size_error(1, lr=1e39, lambd=0.0, alpha=0.0, arithmetic=arithmetic) == (
            math.inf,
            math.inf,
        )
