"""What goes wrong after many steps is found, and blamed on its equation."""

import pytest
from numpy_faults import CappedT0, DecayLostLater, EtaCoarseLater, MuCoarseLater, Right, Short

from asgd.spec import POLICIES, convention
from asgd.tests.diagnosis.limits import stopped_counter
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, hold_lifecycle
from asgd.tests.laws.long_run import equation_of
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import greet


def subject(target, dtype="float64"):
    """A port, judged under the strictest policy."""
    port = import_port(target)
    return Subject(port, greet(port), dtype, convention("documented"), POLICIES["native"])


def lived(target, law="long", examples=0):
    """Outcome of a law of the lifecycle."""
    return hold_lifecycle(LIFECYCLE_LAWS[law], subject(target), examples=examples, seed=0)


@pytest.mark.parametrize(
    ("target", "law", "equation"),
    [
        (EtaCoarseLater, "long", "step_size"),
        (MuCoarseLater, "long", "averaging_weight"),
        (MuCoarseLater, "window", "averaging_weight"),
        (DecayLostLater, "long", "descend"),
    ],
)
def test_a_long_life_blames_the_equation(target, law, equation):
    """By an error that only the policy of E2 shows, and that no short run has."""
    outcome = lived(target, law)
    assert equation_of(outcome.failure, subject(target)) == equation
    assert hold(LAWS["step"], subject(target), examples=0, seed=0).failure is None


def test_a_counter_that_cannot_be_seen_is_said_to_be():
    """And nothing is said of one that can."""
    (finding,) = stopped_counter(subject(Short), lived(Short).longest)
    assert (finding.id, finding.numbers) == ("counter-unseen", {"steps": 2100})
    assert stopped_counter(subject(Right), 2100) == []


@pytest.mark.slow
def test_level_full_follows_the_counter_beyond_16_bits():
    """A life of 65,538 steps, whose last ones are judged: whatever the port shows."""
    assert lived(Short, examples=400).failure.judgement.t > 2**16 - 4
    assert lived(CappedT0, examples=400).failure.judgement.quantity == "average"
    assert lived(Right, examples=400).failure is None
