"""The search for failures among drawn scenarios."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st

import asgd
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.protocol import greet
from asgd.tests.scenarios import strategies


def test_a_failure_that_cannot_be_drawn_again_is_kept(monkeypatch):
    """Where Hypothesis cannot replay a scenario, the failure stands as it was drawn."""
    port = VariantPort(combine(Variant.of(CONVENTIONS["documented"]), "eta-constant"))
    subject = Subject(port, greet(port), "float64", CONVENTIONS["documented"], POLICIES["native"])
    law = LAWS["step_size"]
    scenario = law.designed(subject.hello.supports)[0]
    drawn = []

    def once(_):
        drawn.append(scenario)
        return len(drawn) == 1

    monkeypatch.setattr(strategies, "step_size", lambda *_: st.just(scenario).filter(once))
    law = replace(law, designed=lambda _: [])
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


class Once(VariantPort):
    """It shows the average after the first step alone."""

    def open(self, dtype, groups):
        """Begin anew."""
        self.steps = 0
        super().open(dtype, groups)

    def step(self, grads):
        """A step of which the average is shown once."""
        self.steps += 1
        shown = super().step(grads)
        return shown if self.steps == 1 else {**shown, "average": [None] * len(grads)}


class InItsWindow(VariantPort):
    """It shows the average only where it is not theta."""

    def step(self, grads):
        """A step of which an average that is theta is not shown."""
        shown = super().step(grads)
        pairs = zip(shown["average"], shown["theta"], strict=True)
        return {**shown, "average": [None if np.array_equal(a, x) else a for a, x in pairs]}


def test_averages_that_are_hidden_are_missed():
    """An average that is not theta is to be seen at the end of every scenario."""
    found = []
    for make in (VariantPort, InItsWindow, Once):
        convention = CONVENTIONS["torch"]
        port = make(Variant.of(convention))
        subject = Subject(port, greet(port), "float64", convention, POLICIES["native"])
        found.append(hold(LAWS["average"], subject, examples=0, seed=0).hides_average)
    assert found == [False, False, True]


@pytest.mark.slow
def test_hidden_averages_are_no_verdict():
    """E4 and E5 are not observed where the average is shown now and then."""
    result = asgd.verify(Once(Variant.of(CONVENTIONS["torch"])), dtype="float64")
    assert result.verdict == "error"
    assert list(result.dtypes[0].missing) == ["averaging_weight", "average"]
