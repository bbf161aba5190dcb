"""No evaluation tree of E2, E3 or E5 is accused: all of them are enumerated and run."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from asgd.reference import Enclosure, formats
from asgd.reference.certified.one_step import weighted_sums
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
    rounding_error,
    step_size_error,
)
from asgd.spec import CONVENTIONS, POLICIES, Hyperparameters
from asgd.tests.faults.evaluation_orders import (
    DIRECT,
    LOGARITHMIC,
    SCALARS,
    descents,
    mean,
    means,
    numbers,
    step_size,
    step_sizes,
)
from asgd.tests.faults.evaluation_trees import Evaluation
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.scaled_storage import averages, kept, program, seen, step_sizes_of, storages
from asgd.tests.faults.scaled_storage import means as means_of_storage
from asgd.tests.faults.variant import Variant
from asgd.tests.oracle.one_number import exact_step_size
from asgd.tests.oracle.stepwise import Rule, judge
from asgd.tests.ports.protocol import Observation
from asgd.tests.ports.scenario import drive, single

NATIVE = POLICIES["native"]


def exact(x):
    return Enclosure.of(x, 256)


def inputs(rng, dtype, size, cancel):
    """Pairs of vectors: plain, of unlike sizes, tiny, and such that `cancel` times one is near."""
    first, second = rng.standard_normal((2, 4 * size))
    first[size : 2 * size] *= 2.0 ** rng.integers(-20, 20, size)
    second[size : 2 * size] *= 2.0 ** rng.integers(-20, 20, size)
    near = 1 + rng.integers(-3, 4, size) * formats[dtype].u
    second[2 * size : 3 * size] = cancel * first[2 * size : 3 * size] * near
    first[3 * size :] = 1.0
    # Few of these: a fused operation on them goes through fractions in float64.
    tiny = np.ldexp(rng.integers(-9, 10, (2, 4)), formats[dtype].lowest)
    first, second = np.append(first, tiny[0]), np.append(second, tiny[1])
    return first.astype(dtype), second.astype(dtype)


def accused(got, balls, bounds):
    """Elements that are certainly beyond their bounds, and the largest error in bounds."""
    got = got.astype(np.float64)[None]
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs((got - balls.high) - balls.low) * (1 - 2.0**-40) - balls.radius
        known = np.isfinite(bounds) & np.isfinite(balls.radius)
        bad = known & ~(apart <= bounds)
        return bool(bad.any()), float(np.max(apart / bounds, where=known & ~bad, initial=0.0))


DECAYS = [(0.1, 0.3, 0.0), (1.7, 0.9, 0.0), (0.05, 19.99, 0.0), (0.3, 0.3, 0.3), (0.7, 1e-46, 0.0)]
MORE = [
    (0.01, 0.0, 0.3),
    (0.7, 0.0, 0.0),
    (0.9, 1e-4, 0.5),
    (1 / 3, 3.1, 0.17),
    (3.0, 1 / 3, 1 / 3),
]


def descended(hyper, dtype, seed, size):
    """Trees of E3 that were run, those accused, and the largest error in bounds."""
    eta, lambd, decay = hyper
    fmt, rng = formats[dtype], np.random.default_rng(seed)
    theta, grad = inputs(rng, dtype, size, (1 - eta * (lambd + decay)) / eta)
    shrink = exact(1) - exact(eta) * (exact(lambd) + exact(decay))
    wide = [x.astype(np.float64)[None] for x in (theta, grad)]
    balls = weighted_sums([[shrink], [-exact(eta)]], wide)
    bounds = descend_tolerance(
        *wide,
        (np.abs(balls.high) + balls.radius) * (1 + 2.0**-50),
        lr=0.0,
        eta=eta,
        eta_error=(rounding_error(eta, fmt), 0.0),
        lambd=lambd,
        weight_decay=decay,
        arithmetic=Arithmetic(fmt, NATIVE),
    )
    count, largest, bad = 0, 0.0, []
    for kinds in numbers(dtype):
        first = np.dtype(dtype).type if kinds.stored else float
        scalars = {"eta": eta, "lambd": lambd, "weight_decay": decay}
        values = {name: float(first(x)) for name, x in scalars.items()}
        values |= {"theta": theta, "grad": grad}
        evaluation = Evaluation(values, dtype, SCALARS, kinds.scalar)
        for tree in descents(bool(lambd), bool(decay)):
            wrong, error = accused(evaluation(tree), balls, bounds)
            count, largest = count + 1, max(largest, error)
            bad += [f"{tree}, {kinds}"] * wrong
    return count, bad, largest


@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("hyper", DECAYS)
def test_no_order_of_the_update_is_accused(hyper, dtype):
    """With one decay and with two; the bound is no idle one either."""
    count, bad, largest = descended(hyper, dtype, seed=1, size=20)
    assert bad == []
    assert count == len(numbers(dtype)) * (1454 if hyper[2] else 43)
    assert largest > 0.25


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("hyper", DECAYS + MORE)
@pytest.mark.parametrize("seed", range(2, 6))
def test_no_order_of_the_update_is_accused_at_length(hyper, dtype, seed):
    """With more numbers."""
    assert descended(hyper, dtype, seed, size=100)[1] == []


@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("count", [1.1, 1.5, 2.0, 7 / 3, 3.0, 10.0, 1000.0, 12345.6, 2.0**20 + 1])
def test_no_order_of_the_average_is_accused(count, dtype):
    """With any weight, of a window that opens at a step or between two."""
    mu, fmt = 1 / Fraction(count), formats[dtype]
    arithmetic = Arithmetic(fmt, NATIVE)
    average, theta = inputs(np.random.default_rng(3), dtype, 60, -float((1 - mu) / mu))
    wide = [x.astype(np.float64)[None] for x in (average, theta)]
    balls = weighted_sums([[exact(1 - mu)], [exact(mu)]], wide)
    error = averaging_weight_error(float(mu), 0.0, arithmetic=arithmetic)
    bounds = average_tolerance(
        *wide,
        np.nextafter(np.abs(wide[1] - wide[0]), np.inf),
        (np.abs(balls.high) + balls.radius) * (1 + 2.0**-50),
        mu=float(mu),
        # What `averaging_weight_error` grants a t0 that rounds to this count.
        mu_error=error + rounding_error(count, fmt),
        arithmetic=arithmetic,
    )
    for kinds in numbers(dtype):
        for order in means():
            wrong, _ = accused(mean(order, kinds, average, theta, count, dtype), balls, bounds)
            assert not wrong, f"{order}, {kinds}"


def rates(rng):
    """Hyperparameters and steps of E2, from all over the domain."""
    t = int(2.0 ** rng.uniform(0, 30))
    lr, lambd = 10 ** rng.uniform(-8, 2, 2)
    alpha = float(rng.choice([0.5, 0.75, 1.0, 2.0, 10 ** rng.uniform(-3, 1.2)]))
    return t, Hyperparameters(lr, lambd, alpha, 0.0, 0.0, maximize=False)


@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize(
    ("family", "policy", "count"), [(DIRECT, "native", 45), (LOGARITHMIC, "log-step-size", 21)]
)
def test_no_order_of_the_step_size_is_accused(family, policy, count, dtype):
    """Those of the logarithm of lr have a policy to themselves."""
    rng, fmt = np.random.default_rng(4), formats[dtype]
    orders = [order for order in step_sizes() if order.family == family]
    assert len(orders) == count
    for _ in range(60):
        t, hyper = rates(rng)
        lr, lambd, alpha = hyper[:3]
        relative, absolute = step_size_error(
            t, lr=lr, lambd=lambd, alpha=alpha, arithmetic=Arithmetic(fmt, POLICIES[policy])
        )
        if math.isinf(relative):
            continue
        true = exact_step_size(t, lr, lambd, alpha, 256)
        bound = relative * true.magnitude() + absolute
        for kinds in numbers(dtype):
            for order in orders:
                for eta in step_size(order, kinds, t, hyper, dtype):
                    error = (true - exact(float(eta))).magnitude()
                    assert error <= bound, f"{order.name}, {kinds}, {t}, {hyper}"


LIFE = single(
    Hyperparameters(0.4, 0.6, 0.75, 2.0, 0.0, maximize=False),
    ((1.0, -0.3, 2.0**-20, 3.0),),
    tuple(((0.5, 0.2 * step, -1.0, 0.1 - step),) for step in range(12)),
)
PENALIZED = replace(
    LIFE, groups=(replace(LIFE.groups[0], hyper=LIFE.groups[0].hyper._replace(weight_decay=0.2)),)
)


def shown(made, steps):
    """Observations of theta and the average of one parameter."""
    return [
        Observation((tuple(map(float, theta)),), (tuple(map(float, mean)),), (eta,), (None,))
        for (theta, mean), eta in zip(made, steps, strict=True)
    ]


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("life", [LIFE, PENALIZED], ids=["one decay", "two"])
def test_no_order_of_scaled_storage_is_accused(life, dtype):
    """All orders of theta, and each 40th of the average with one of them (3 minutes)."""
    rule = Rule(CONVENTIONS["bottou"], Arithmetic(formats[dtype], POLICIES["scaled-storage"]))
    port = VariantPort(Variant.of(CONVENTIONS["bottou"]))
    steps = list(seen(life, drive(port, life, dtype), CONVENTIONS["bottou"]))
    etas = min(step_sizes_of(steps, dtype))
    orders = storages(numbers(dtype), penalized=life is PENALIZED)
    chains = [(order, list(kept(order, steps, etas, dtype))) for order in orders]
    first = averages()[0]
    pairs = [(order, chain, first) for order, chain in chains]
    pairs += [(*chains[0], mean) for mean in averages()[::40]]
    for order, chain, of_average in pairs:
        made = means_of_storage(of_average, chain, program(order), dtype)
        trace = shown([(k.theta, m) for k, m in zip(chain, made, strict=True)], etas)
        for judgement in judge(life, trace, rule, frozenset({"theta", "average"})):
            assert judgement.verdict == "pass", f"{order}, {of_average}, {judgement}"
