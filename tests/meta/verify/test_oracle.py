"""`--oracle mpmath`: whole verdicts by mpmath alone, the same as those by integers."""

import importlib.util
from dataclasses import replace

import pytest

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.convention import find_identity
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.loading import load
from asgd.tests.ports.protocol import greet
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

# One or two of each equation.
FAULTS = [
    ("documented", "weight-decay-halved"),
    ("documented", "eta-power-inside"),
    ("torch", "eta-constant"),
    ("bottou", "decay-unscaled"),
    ("same-step", "mu-integer-division"),
    ("documented", "averaging-one-step-late"),
    ("torch", "average-sum"),
    ("same-step", "counter-of-first-parameter"),
]
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


def faulty(convention, fault):
    """A port with one fault."""
    return VariantPort(combine(Variant.of(CONVENTIONS[convention]), fault))


def told(port, dtype, oracle):
    """All that decides a verdict, and what is said of it."""
    result = verify(port, "port", Options(dtypes=(dtype,), oracle=oracle))
    assert not result.error
    (found,) = result.dtypes
    broken = {o.law.key for o in found.outcomes if o.failure is not None}
    named = [(d.id, d.equation, d.law) for d in found.deviations]
    return found.verdict, found.convention.name, found.policy, broken, named


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_step_size_breaks_the_same_laws(dtype):
    """It is measured by mpmath too, so that E1 and E3 are not blamed for E2."""
    port = faulty("documented", "eta-power-inside")
    subject = Subject(port, greet(port), dtype, CONVENTIONS["documented"], POLICIES["native"])
    other = replace(subject, oracle="mpmath")
    broken = [
        {name for name, law in LAWS.items() if hold(law, one, examples=0, seed=0).failure}
        for one in (subject, other)
    ]
    assert broken[0] == broken[1] == {"step_size", "step"}


@pytest.mark.nightly
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_convention_is_found_by_mpmath(convention):
    """And no other."""
    port = VariantPort(Variant.of(CONVENTIONS[convention]))
    row = (port, greet(port), "float64", "auto", POLICIES["native"])
    one, two = (find_identity(*row, oracle) for oracle in ("integers", "mpmath"))
    assert one == two
    assert two.convention.name == convention
    assert two.fits


@pytest.mark.nightly
@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_faulty_ports_have_the_same_verdict(number):
    """Each in one dtype: a minute or two."""
    port, dtype = faulty(*FAULTS[number]), ("float32", "float64")[number % 2]
    ours, theirs = (told(port, dtype, oracle) for oracle in ("integers", "mpmath"))
    assert ours == theirs
    assert ours[0] == "deviates"


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("path", "dtype"),
    [
        ("asgd.fast:ASGD", "float32"),
        pytest.param("torch.optim:ASGD", "float32", marks=needs_torch),
        pytest.param("torch.optim:ASGD", "float64", marks=needs_torch),
    ],
)
def test_right_ports_have_the_same_verdict(path, dtype):
    """And torch, whose step size in float64 is float32's."""
    ours, theirs = (told(load(path), dtype, oracle) for oracle in ("integers", "mpmath"))
    assert ours == theirs
