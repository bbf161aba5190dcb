"""What goes wrong after many steps is found, and blamed on its equation."""

from dataclasses import replace

import pytest
from numpy_faults import (
    CappedT0,
    DecayLostLater,
    EtaCoarseLater,
    EtaStale,
    MuCoarseLater,
    MuFloor,
    RestsForget,
    Right,
    Short,
    ShortTerms,
)

from asgd.spec import POLICIES, convention
from asgd.tests.diagnosis.limits import stopped_counter
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, hold_lifecycle
from asgd.tests.laws.long_run import (
    _goes_on,
    _last_steps,
    _rested,
    counts_otherwise,
    equation_of,
)
from asgd.tests.laws.outcome import Failure, Outcome, Subject
from asgd.tests.oracle.judgement import Place, failed
from asgd.tests.oracle.one_number import true_step_size
from asgd.tests.ports.counter import steps_from
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import greet
from asgd.tests.ports.scenario import single
from asgd.tests.scenarios.strong import STRONG


def subject(target, dtype="float64"):
    """A port, judged under the strictest policy."""
    port = import_port(target)
    return Subject(port, greet(port), dtype, convention("documented"), POLICIES["native"])


def lived(target, law="long", examples=0):
    """Outcome of a law of the lifecycle."""
    return hold_lifecycle(LIFECYCLE_LAWS[law], subject(target), examples=examples, seed=0)


@pytest.mark.sample(1)
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "equation"),
    [(EtaStale, "step_size"), (MuFloor, "averaging_weight"), (ShortTerms, "averaging_weight")],
)
def test_a_state_that_is_set_shows_what_comes_later(target, equation):
    """Beyond the steps of the long run; the port is blamed for a run from its beginning."""
    failure = lived(target).failure
    assert failure.judgement.t >= 2**15 - 1
    assert failure.scenario.steps in {2**15 + 2, 2**16 + 2}
    assert equation_of(failure, subject(target)) == equation


@pytest.mark.slow
def test_a_long_rest_is_asked_for():
    """Of a parameter beside others that go on."""
    assert lived(RestsForget).failure.judgement.parameter == 2


class _ByRecurrence(Right):
    """Right, but its eta is made from the one before, so that a count that is set spoils it."""

    def start(self, p):
        return {**super().start(p), "eta": None}

    def one(self, p, group):
        state = self.state[p] = self.state.get(p) or self.start(p)
        t, rate = state["t"] + 1, group["lambd"] * group["lr"]
        ratio = ((1 + rate * (t - 1)) / (1 + rate * t)) ** group["alpha"]
        first = super().eta(group, 1)
        state["eta"] = self.kept = first if state["eta"] is None else state["eta"] * ratio
        super().one(p, group)

    def eta(self, _group, _t):
        return self.kept


@pytest.mark.slow
def test_a_state_that_is_set_accuses_nobody():
    """What counts is a run from its beginning: here, its last steps are within the bounds."""
    own = subject(_ByRecurrence)
    seen = steps_from(own.port, own.dtype, 2**15 - 4)
    assert not _goes_on(own, 2**15 - 2, seen)
    outcome = Outcome(LIFECYCLE_LAWS["long"])
    loose = replace(own, policy=POLICIES["float32-eta"])
    assert _last_steps(loose, _rested(2**15 - 2), outcome) is None


@pytest.mark.slow
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


@pytest.mark.parametrize(("error", "found"), [(0.0, False), (2.0**-40, False), (2.0**-16, True)])
def test_another_count_is_no_rounding_error(error, found):
    """At a step of a long run, whatever its number."""
    port = import_port(Right)
    subject = Subject(port, greet(port), "float64", convention("documented"), POLICIES["native"])
    scenario = single(STRONG, ((1.0,),), (((0.5,),),) * 3)
    eta = true_step_size(2, STRONG)
    failure = Failure(failed("eta", Place(2, 2, 0), eta * (1 + error)), scenario)
    assert counts_otherwise(failure, subject) == found
