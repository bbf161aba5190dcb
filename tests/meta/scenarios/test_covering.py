"""The covering scenarios cover, also what is left of them for a port that supports less."""

import arrays
import pytest

from asgd.tests.ports.protocol import DTYPES, SUPPORTS
from asgd.tests.ports.scenario import Set, Step
from asgd.tests.scenarios.arrays import all_sizes, sizes
from asgd.tests.scenarios.covering import build, read, scenarios, supported


@pytest.mark.slow
def test_the_arrays_are_fresh():
    """``python tests/meta/studies/arrays.py`` renews them."""
    assert arrays.pairs() == read("pairs")


@pytest.mark.nightly
def test_the_triples_are_fresh():
    """As the pairs; and all that can be had are there."""
    pairs = read("pairs")
    assert arrays.generate(3, pairs) == [*pairs, *read("triples")]


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    "supports",
    [arrays.ALL, *arrays.LESS],
    ids=lambda some: "-".join(name for name in SUPPORTS if name in some),
)
def test_every_pair_is_covered(supports):
    """A feature that a port lacks is a column dropped."""
    rows = [supported(row, supports) for row in read("pairs")]
    assert arrays.left(2, rows, arrays.classes_for(supports)) == set()


def test_a_port_is_asked_nothing_that_it_lacks():
    """No group, change, skip or ascent more than it supports."""
    for scenario in scenarios(read("pairs"), frozenset(), "float32", saved=False):
        assert len(scenario.groups) == 1
        assert not scenario.groups[0].hyper.maximize
        assert not any(isinstance(event, Set) for event in scenario.events)
        steps = [event for event in scenario.events if isinstance(event, Step)]
        assert all(grad is not None for step in steps for grad in step.grads)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_row_moves_and_stays_finite(dtype):
    """So that every class matters where it is said to."""
    for row in read("pairs"):
        assert arrays.alive(row)
        assert build(row, dtype) == build(row, dtype)


def test_every_size_occurs():
    """From 0 to 130, and one beyond the blocks of each cache."""
    some = {len(p) for scenario in sizes(frozenset()) for p in scenario.params}
    assert set(range(131)) <= some
    assert max(some) > 2**17
    more = {len(p) for scenario in all_sizes(frozenset()) for p in scenario.params}
    assert max(more) > 2**18
