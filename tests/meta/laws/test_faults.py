"""Every known fault is caught, by the law of its equation, and named: in both dtypes."""

from dataclasses import replace

import kills
import numpy as np
import pytest
from separations import CLASSES

from asgd.spec import CONVENTIONS, EQUATIONS, FAULTS, POLICIES, convention
from asgd.tests.diagnosis.match import explain
from asgd.tests.faults.agreement import Table
from asgd.tests.faults.catalogue import CHANGES, combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant, step_size
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold, run_designed
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.protocol import greet
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

DTYPES = ["float32", "float64"]

# What follows from a fault in an equation: the whole step fails whenever a part does, the average's
# weight cannot be seen where the average is another one, and E1's law has a scenario that decays.
FOLLOW = {
    "average": {"averaging_weight", "step"},
    "descend": {"gradient", "step"},
    "step": set(),
}

# Faults that are, exactly, a convention: of each the reason stands beside it.
SAME = {
    tuple(rule.split(" + "))
    for same in CLASSES
    if set(CONVENTIONS) & set(same.rules)
    for rule in same.rules
    if rule not in CONVENTIONS
}


@pytest.mark.sample(6, rest="nightly")
@pytest.mark.parametrize("ident", CHANGES)
def test_kills(ident):
    """The law of the fault's own equation rejects it, in both dtypes; the page has every law."""
    line = kills.row(ident)
    assert "[x]" in line
    assert line in kills.PAGE.read_text(encoding="utf-8").splitlines(), (
        "tests/meta/evidence/kills.md is stale: python tests/meta/studies/kills.py renews it"
    )


@pytest.mark.parametrize("equation", EQUATIONS)
def test_blame(equation):
    """A port wrong in one equation breaks its law, and others only as a consequence of it."""
    ident = next(i for i in CHANGES if FAULTS[i].equation == equation)
    for dtype in DTYPES:
        assert equation in kills.broken(ident, dtype) <= {equation, *FOLLOW.get(equation, {"step"})}


@pytest.mark.slow
@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize(("name", "dtype"), list(zip(CONVENTIONS, DTYPES * 3, strict=False)))
def test_a_convention_conforms(name, dtype):
    """A port of each convention conforms, and its convention is found."""
    result = verify(VariantPort(Variant.of(convention(name))), name, Options(dtypes=(dtype,)))
    assert result.verdict == "conforms"
    assert result.dtypes[0].convention.name == name


@pytest.mark.slow
@pytest.mark.sample(40, rest="nightly")
@pytest.mark.parametrize("ident", CHANGES)
def test_fault_is_named(ident):
    """The fault is named, or what it coincides with exactly."""
    names = list(CONVENTIONS)
    turn = list(CHANGES).index(ident)
    name, dtype = names[turn % len(names)], DTYPES[turn // len(names) % 2]
    if (name, ident) in SAME:
        name = "documented"
    port = VariantPort(combine(Variant.of(convention(name)), ident))
    runs = [(s, t) for _, s, t in run_designed(port, greet(port), dtype)]
    found = {
        " + ".join((e.convention.name, *e.faults))
        for e in explain(Table(dtype, runs), [*CONVENTIONS.values()])
    }
    rule = f"{name} + {ident}"
    assert found & {rule, *(same for one in CLASSES if rule in one.rules for same in one.rules)}


@pytest.mark.slow
def test_two_faults_are_named():
    """One in theta and one in the average."""
    variant = combine(Variant.of(convention("torch")), "decay-missing", "average-of-old-theta")
    [found] = verify(VariantPort(variant), "two", Options(dtypes=("float64",))).dtypes
    assert found.convention.name == "torch"
    assert {d.id for d in found.deviations} == {"decay-missing", "average-of-old-theta"}
    assert {d.equation for d in found.deviations} == {"descend", "average"}


@pytest.mark.slow
@pytest.mark.sample(1, rest="nightly")
@pytest.mark.parametrize("name", ["documented", "torch"])
def test_float32_eta_is_a_deviation_of_float64_alone(name):
    """A float64 port that keeps eta in float32 deviates by that fault, and no other."""

    def stored(t, h):
        return np.float64(np.float32(step_size(t, h)))

    port = VariantPort(replace(Variant.of(convention(name)), size=stored))
    single, double = verify(port, "stored", Options()).dtypes
    assert single.verdict == "conforms"
    assert [d.id for d in double.deviations] == ["eta-float32-stored"]
    assert double.convention.name == name
    relaxed = verify(port, "stored", Options(policy="float32-eta", dtypes=("float64",)))
    assert relaxed.verdict == "conforms"


class _Poor(VariantPort):
    """A port that supports only what it is made with."""

    supports = ()

    def hello(self):
        return {**super().hello(), "supports": list(self.supports)}


@pytest.mark.slow
@pytest.mark.parametrize("ident", CHANGES)
def test_needs(ident):
    """A fault shows in a port that supports what it needs and nothing more; not without that."""
    for given in {(), FAULTS[ident].needs}:
        port = _Poor(combine(Variant.of(convention("documented")), ident))
        port.supports = given
        rule = convention("documented")
        subject = Subject(port, greet(port), "float64", rule, POLICIES["native"])
        caught = any(hold(law, subject, examples=0, seed=0).failure for law in LAWS.values())
        assert caught == (given == FAULTS[ident].needs)
