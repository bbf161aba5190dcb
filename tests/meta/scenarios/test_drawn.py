"""Drawn scenarios count: few are trivial, and none overflows in a port that mixes them up."""

from itertools import product

import pytest

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.law import worst
from asgd.tests.laws.outcome import Subject
from asgd.tests.laws.search import strategy
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import DTYPES, SUPPORTS, greet
from asgd.tests.ports.scenario import Set
from asgd.tests.scenarios.drawing import sample

_MOST = 0.05


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(5))
def test_few_drawn_lives_are_trivial(dtype, seed):
    """Theta moves in at least 95 %, and numbers are judged; 10,000 draws in all."""
    port = import_port("asgd.fast:ASGD")
    rule, policy = CONVENTIONS["documented"], POLICIES["native"]
    subject = Subject(port, greet(port), dtype, rule, policy)
    law, trivial, count = LAWS["step"], 0, 1000
    for scenario in sample(
        strategy(law.drawn, dtype, subject.hello.supports), count=count, seed=seed
    ):
        trace = subject.trace(scenario)
        moved = any(seen.theta != scenario.params for seen in trace)
        _, counts = worst(law.check(scenario, trace, subject.rule))
        trivial += not (moved and counts["judged"])
    assert trivial <= _MOST * count


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("drawn", ["step", "run"])
def test_mixed_hyperparameters_do_not_overflow(drawn, dtype):
    """Python's power of floats raises where it overflows: no seed may make a fault raise there."""
    mixed = 0
    for scenario in sample(strategy(drawn, dtype, frozenset(SUPPORTS)), count=300, seed=0):
        changes = [event.changes for event in scenario.events if isinstance(event, Set)]
        values = {
            name: {getattr(group.hyper, name) for group in scenario.groups}
            | {change[name] for change in changes if name in change}
            for name in ("lr", "lambd", "alpha")
        }
        for lr, lambd, alpha in product(*values.values()):
            bracket = 1 + lambd * lr * scenario.steps
            assert bracket**alpha > 0
            mixed += 1
    assert mixed > 1000
