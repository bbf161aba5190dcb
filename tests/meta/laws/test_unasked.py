"""Faults that no scenario held once are rejected at level quick, whatever the seed."""

import pytest
import unasked_ports
from meeting_ports import MEETING
from newly_unasked_ports import NEWLY_UNASKED
from numpy_faults import Right
from unasked_ports import UNASKED, Saves

from asgd.spec import POLICIES, convention
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, hold_lifecycle
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.loading import load
from asgd.tests.ports.protocol import greet


def broken(target, law):
    """Whether the designed scenarios of a law break in float64."""
    port = import_port(target)
    rule, policy = convention("documented"), POLICIES["native"]
    subject = Subject(port, greet(port), "float64", rule, policy)
    if law in LAWS:
        return hold(LAWS[law], subject, examples=0, seed=0).failure is not None
    return hold_lifecycle(LIFECYCLE_LAWS[law], subject, examples=0, seed=0).failure is not None


ASKED = {getattr(unasked_ports, name): law for name, law in UNASKED.items()}
PORTS = ASKED | NEWLY_UNASKED | MEETING


@pytest.mark.sample(2)
@pytest.mark.parametrize("law", sorted(set(PORTS.values())))
def test_the_port_itself_is_right(law):
    """What is replaced in the faulty ports, and only that, is their fault."""
    assert not broken(Saves, law)
    assert not broken(Right, law)


@pytest.mark.sample(6)
@pytest.mark.parametrize("port", PORTS)
def test_the_question_is_asked(port):
    """No luck is needed: nothing that is drawn takes part."""
    assert broken(port, PORTS[port])


def test_what_is_not_asked_has_a_reason():
    """The report gets the exception of a trial step, from a child process too."""
    for port in (
        import_port(unasked_ports.EveryGradient),
        load(f"{unasked_ports.__file__}:EveryGradient"),
    ):
        hello = greet(port)
        assert "skip" not in hello.supports
        assert hello.lacks["skip"].startswith("TypeError: ")
        port.close()
