"""Faults that show only in a corner are rejected at level quick, whatever the seed."""

import pytest
from rare_faults import RARE, Corner

from asgd.spec import POLICIES, convention
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, hold_lifecycle
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.protocol import DTYPES, greet

# The laws whose scenarios cover most come first.
_LIFECYCLE = ["window", "sizes", "resume", "special", "long"]


def rejected(port, dtype):
    """First law that the scenarios that no seed changes break, or an empty string."""
    rule, policy = convention("documented"), POLICIES["native"]
    subject = Subject(port, greet(port), dtype, rule, policy)
    for name in _LIFECYCLE:
        if hold_lifecycle(LIFECYCLE_LAWS[name], subject, examples=0, seed=0).failure:
            return name
    for name, law in LAWS.items():
        if hold(law, subject, examples=0, seed=0).failure:
            return name
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_port_itself_is_right(dtype):
    """What is replaced in the faulty ports, and only that, is their fault."""
    assert not rejected(Corner(), dtype)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", RARE)
def test_rare_faults_are_rejected(name):
    """No luck is needed: nothing that is drawn takes part."""
    assert rejected(RARE[name](), "float64")
