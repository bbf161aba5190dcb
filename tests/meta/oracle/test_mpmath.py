"""mpmath as an oracle: its intervals are true, meet those of the integers, and judge alike."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgd.fast import averaging_weight, descend, gradient, step_size
from asgd.fast.equations import average as fast_average
from asgd.reference import Enclosure, equations, formats, real
from asgd.reference.certified.bounded import Approximation
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    averaging_weight_error,
    descend_tolerance,
    rounding_error,
)
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.outcome import Subject
from asgd.tests.oracle.stepwise import exact_step_size, judge
from asgd.tests.ports.protocol import greet

DOCUMENTED = Variant.of(CONVENTIONS["documented"])
ALL = frozenset({"eta", "theta", "mu", "average"})
reals = st.floats(allow_nan=False, allow_infinity=False)


def meets(a, b):
    """Whether two intervals have a number in common."""
    (low, high), (below, above) = a.bounds(), b.bounds()
    return low <= above and below <= high


@given(reals, reals, reals)
def test_arithmetic_contains_the_exact_result(x, y, z):
    """Whatever the spread of the exponents: the bound is of the number that was computed."""
    a, b, c = (Approximation.of(v, 64) for v in (x, y, z))
    p, q, r = map(Fraction, (x, y, z))
    assert ((a + b) * c - a).contains((p + q) * r - p)
    assert (2 - a * a).contains(2 - p * p)
    if r:
        assert ((a - b) / c).contains((p - q) / r)


@given(st.floats(1, 2.0**60), st.floats(0, 30), st.sampled_from([64, 128, 300]))
def test_powers_meet_those_of_integers(x, alpha, precision):
    """What is trusted of mpmath's power, held to integer square roots."""
    wide = Approximation.of(x, precision) ** Approximation.of(alpha, precision)
    true = Enclosure.of(x, 400) ** Enclosure.of(alpha, 400)
    (low, high), (below, above) = wide.bounds(), true.bounds()
    assert low <= below
    assert above <= high


@pytest.mark.sample(6)
@pytest.mark.parametrize("fault", [None, "eta-power-inside", "average-sum", "weight-decay-halved"])
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("law", LAWS)
def test_every_scenario_of_a_law_is_judged_alike(law, dtype, fault):
    """Of right and of wrong ports; the intervals of the two oracles meet."""
    port = VariantPort(DOCUMENTED if fault is None else combine(DOCUMENTED, fault))
    subject = Subject(port, greet(port), dtype, CONVENTIONS["documented"], POLICIES["native"])
    other = replace(subject, oracle="mpmath")
    for scenario in LAWS[law].designed(subject.hello.supports):
        trace = subject.trace(scenario)
        ours = judge(scenario, trace, subject.rule, ALL)
        for one, two in zip(ours, judge(scenario, trace, other.rule, ALL), strict=True):
            assert (one.quantity, one.place, one.verdict) == (two.quantity, two.place, two.verdict)
            assert meets(one.exact, two.exact)


# The kernels of `fast` against mpmath, equation by equation.

positive = st.floats(0, 1e6)


def near(got, exact, tolerance):
    """Whether a number is within its tolerance of an exact one."""
    return (exact - Approximation.of(float(got), 256)).magnitude() <= tolerance


def of(x):
    return Approximation.of(float(x), 256)


@settings(max_examples=60)
@given(st.integers(0, 2**60), reals.map(abs), reals.map(abs), st.floats(0, 100))
def test_step_size(t, lr, lambd, alpha):
    """E2, over the whole domain: within half an ulp of mpmath's interval."""
    for dtype, fmt in formats.items():
        exact = exact_step_size(t, lr, lambd, alpha, 256, Approximation)
        low, high = exact.candidates(fmt)
        assert low <= float(step_size(t, lr=lr, lambd=lambd, alpha=alpha, dtype=dtype)) <= high


@pytest.mark.parametrize("dtype", formats)
@given(
    st.floats(-(2.0**60), 2.0**60, width=32),
    st.floats(-(2.0**60), 2.0**60, width=32),
    positive,
    positive,
    positive,
    st.booleans(),
)
def test_update(dtype, theta, grad, eta, lambd, decay, maximize):
    """E1 and E3."""
    fmt = formats[dtype]
    x, g = np.array([theta], dtype), np.array([grad], dtype)
    total = gradient(g, x, weight_decay=decay, maximize=maximize)
    got = descend(x, total, eta=eta, lambd=lambd)[0]
    exact = equations.descend(
        of(x[0]),
        equations.gradient(of(g[0]), of(x[0]), weight_decay=of(decay), maximize=maximize),
        eta=of(eta),
        lambd=of(lambd),
    )
    bound = descend_tolerance(
        float(x[0]),
        float(g[0]),
        exact.magnitude(),
        eta=eta,
        eta_error=(rounding_error(eta, fmt), 0.0),
        lambd=lambd,
        weight_decay=decay,
        arithmetic=Arithmetic(fmt, POLICIES["native"]),
    )
    assert near(got, exact, bound)


@pytest.mark.parametrize("dtype", formats)
@given(
    st.floats(-(2.0**100), 2.0**100, width=32),
    st.floats(-(2.0**100), 2.0**100, width=32),
    st.integers(1, 2**24),
    st.integers(0, 2**20),
)
def test_average(dtype, average, theta, t, t0):
    """E4 and E5."""
    arithmetic = Arithmetic(formats[dtype], POLICIES["native"])
    mu = averaging_weight(t, t0=float(t0))
    # The difference is an integer; the quotient is rounded once.
    weight = real(equations.averaging_weight(t, t0=real(t0)))
    true = Approximation(weight, weight * 2.0**-255, 256)
    assert near(mu, true, 2.0**-53 * mu)
    a, x = np.array([average], dtype), np.array([theta], dtype)
    got = fast_average(a, x, mu=mu)[0]
    exact = equations.average(of(a[0]), of(x[0]), mu=true)
    bound = average_tolerance(
        float(a[0]),
        float(x[0]),
        (of(x[0]) - of(a[0])).magnitude(),
        exact.magnitude(),
        mu=mu,
        mu_error=averaging_weight_error(mu, float(t0), arithmetic=arithmetic),
        arithmetic=arithmetic,
    )
    assert near(got, exact, bound)
