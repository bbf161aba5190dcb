"""The search for failures among drawn scenarios."""

from dataclasses import replace

from hypothesis import strategies as st

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.protocol import greet


def test_a_failure_that_cannot_be_drawn_again_is_kept():
    """Where Hypothesis cannot replay a scenario, the failure stands as it was drawn."""
    port = VariantPort(combine(Variant.of(CONVENTIONS["documented"]), "eta-constant"))
    subject = Subject(port, greet(port), "float64", CONVENTIONS["documented"], POLICIES["native"])
    law = LAWS["step_size"]
    scenario = law.designed(subject.hello.supports)[0]
    drawn = []

    def once(_):
        drawn.append(scenario)
        return len(drawn) == 1

    law = replace(law, designed=lambda _: [], drawn=lambda *_: st.just(scenario).filter(once))
    outcome = hold(law, subject, examples=1, seed=0)
    assert outcome.failure is not None
    assert outcome.failure.scenario == scenario
    assert len(drawn) > 1


class Silent(VariantPort):
    """It lists the average, and never shows it."""

    def step(self, grads):
        """A step of which theta alone is shown."""
        return {**super().step(grads), "average": [None] * len(grads)}


def test_what_is_listed_and_never_shown_is_not_observed():
    """A law that judged nothing of what it needs does not hold."""
    found = []
    for make in (VariantPort, Silent):
        for convention in CONVENTIONS.values():
            port = make(Variant.of(convention))
            subject = Subject(port, greet(port), "float64", convention, POLICIES["native"])
            found += [
                (make, hold(LAWS[law], subject, examples=0, seed=0).not_observable)
                for law in ("averaging_weight", "average")
            ]
    assert set(found) == {(VariantPort, ()), (Silent, ("average",))}
