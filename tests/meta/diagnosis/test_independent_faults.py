"""Faulty ports that share nothing with the catalogue's rules are refused, and named rightly."""

import pytest
from independent_faults import CATALOGUED, DRAWN, UNCATALOGUED, Plain

from asgd.spec import FAULTS, POLICIES, convention
from asgd.tests.diagnosis.match import explain
from asgd.tests.faults.agreement import Table
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold, run_designed
from asgd.tests.laws.outcome import Failure, Subject
from asgd.tests.ports.protocol import DTYPES, greet

_CONVENTION = convention("documented")


def subject(port: Plain, dtype: str = "float64") -> Subject:
    """The port, judged against the convention that it is a faulty version of."""
    return Subject(port, greet(port), dtype, _CONVENTION, POLICIES["native"])


def failures(port: Plain, dtype: str, *, examples: int) -> list[Failure]:
    """Laws that the port breaks."""
    outcomes = [hold(law, subject(port, dtype), examples=examples, seed=0) for law in LAWS.values()]
    return [outcome.failure for outcome in outcomes if outcome.failure]


def names(port: Plain) -> set[tuple[str, ...]]:
    """Explanations of the port as a version of its convention."""
    runs = run_designed(port, greet(port), "float64")
    table = Table("float64", [(scenario, trace) for _, scenario, trace in runs])
    return {explanation.faults for explanation in explain(table, [_CONVENTION])}


def test_the_plain_port_is_right() -> None:
    """What is replaced in the faulty ports, and only that, is their fault."""
    for dtype in DTYPES:
        assert failures(Plain(), dtype, examples=3) == []


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", CATALOGUED)
def test_known_faults_are_named(name: str) -> None:
    """A fault of the catalogue is found, and its name is among those that nothing tells apart."""
    assert name in FAULTS
    assert (name,) in names(CATALOGUED[name])


@pytest.mark.sample(8)
@pytest.mark.parametrize("name", UNCATALOGUED)
def test_unknown_faults_are_refused_by_the_designed_scenarios(name: str) -> None:
    """No luck is needed: nothing that is drawn takes part."""
    assert failures(UNCATALOGUED[name], "float32", examples=0)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", list(UNCATALOGUED)[::4])
def test_unknown_faults_get_no_name(name: str) -> None:
    """The diagnosis does not take an unknown fault for a known one."""
    assert names(UNCATALOGUED[name]) == set()


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", DRAWN)
def test_rare_faults_are_refused_by_drawn_scenarios(name: str) -> None:
    """Faults at the ends of domains show in drawn scenarios alone."""
    law = LAWS[DRAWN[name][0]]
    assert hold(law, subject(DRAWN[name][1]), examples=30, seed=0).failure
