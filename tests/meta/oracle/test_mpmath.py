"""mpmath as an oracle: its intervals are true, meet those of the integers, and judge alike."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgd.fast import ASGD
from asgd.reference import Enclosure, formats
from asgd.reference.certified.bounded import Approximation
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS
from asgd.tests.laws.outcome import Subject
from asgd.tests.laws.search import strategy
from asgd.tests.oracle.stepwise import judge
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import Port, greet
from asgd.tests.scenarios.drawing import sample

DOCUMENTED = Variant.of(CONVENTIONS["documented"])
LARGEST = 20_000
"""Numbers of a scenario, at most, that mpmath judges within a minute."""
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


def alike(scenario, subject):
    """Check that the two oracles say the same of every number, and that their intervals meet."""
    trace = subject.trace(scenario)
    other = replace(subject, oracle="mpmath")
    ours, theirs = (judge(scenario, trace, one.rule, ALL) for one in (subject, other))
    for one, two in zip(ours, theirs, strict=True):
        assert (one.quantity, one.place, one.verdict) == (two.quantity, two.place, two.verdict)
        assert meets(one.exact, two.exact)


@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize("fault", [None, "eta-power-inside", "average-sum", "weight-decay-halved"])
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("law", LAWS)
def test_every_scenario_of_a_law_is_judged_alike(law, dtype, fault):
    """Of right and of wrong ports; the intervals of the two oracles meet."""
    port = VariantPort(DOCUMENTED if fault is None else combine(DOCUMENTED, fault))
    subject = Subject(port, greet(port), dtype, CONVENTIONS["documented"], POLICIES["native"])
    for scenario in LAWS[law].designed(subject.hello.supports):
        alike(scenario, subject)


@pytest.mark.nightly
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("law", [*LAWS, *LIFECYCLE_LAWS])
def test_every_kind_of_scenario_is_judged_alike(law, dtype, convention):
    """Designed and covering ones, drawn ones, and those of the lifecycle (a minute each)."""
    port: Port = VariantPort(Variant.of(CONVENTIONS[convention]))
    if law == "added":
        port = import_port(partial(ASGD, convention=convention))
    subject = Subject(port, greet(port), dtype, CONVENTIONS[convention], POLICIES["native"])
    supports = subject.hello.supports
    held = LAWS[law] if law in LAWS else LIFECYCLE_LAWS[law]
    drawn = sample(strategy(held.drawn, dtype, supports), count=10, seed=5)
    for scenario in (*held.designed(supports), *drawn):
        if scenario.steps * sum(map(len, scenario.params)) <= LARGEST:
            alike(scenario, subject)
