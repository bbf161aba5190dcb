"""A port may round t0 to its dtype: no scenario asks for another window then."""

import numpy as np
import pytest
from numpy_faults import HYPER, Right

from asgd.spec import CONVENTIONS
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS
from asgd.tests.laws.search import strategy
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.layouts import LAYOUTS
from asgd.tests.ports.protocol import SUPPORTS
from asgd.tests.ports.scenario import Set
from asgd.tests.scenarios import covering, lifecycle
from asgd.tests.scenarios.drawing import sample
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

EVERYTHING = frozenset((*SUPPORTS, *LAYOUTS))
# No run is as long.
_NEVER = 1e6


def starts(scenario):
    """Every t0 that comes into force."""
    yield from (group.hyper.t0 for group in scenario.groups)
    changes = (event.changes for event in scenario.events if isinstance(event, Set))
    yield from (change["t0"] for change in changes if "t0" in change)


def scenarios():
    """Those of every law, designed and drawn, in float32."""
    rows = [*covering.read("pairs"), *covering.read("triples")]
    for saved in (False, True):
        yield from covering.scenarios(rows, EVERYTHING, "float32", saved=saved)
    for law in (*LAWS.values(), *LIFECYCLE_LAWS.values()):
        yield from law.designed(EVERYTHING)
        yield from sample(strategy(law.drawn, "float32", EVERYTHING), count=60, seed=2)
    yield from lifecycle.far(300, EVERYTHING)


class RoundsFirst(Right):
    """Takes every hyperparameter in float32, as a framework with float32 scalars does."""

    def one(self, p, group):
        hyper = {name: float(np.float32(group[name])) for name in HYPER[:5]}
        super().one(p, {**group, **hyper})


@pytest.mark.slow
def test_a_port_may_round_t0():
    """Before it looks whether the window is open."""
    result = verify(import_port(RoundsFirst), "rounds", Options(dtypes=("float32",)))
    assert result.verdict == "conforms"


@pytest.mark.slow
def test_a_rounded_t0_opens_the_same_window():
    """In every convention, whose reading may be a ceiling or a floor."""
    seen = {t0 for scenario in scenarios() for t0 in starts(scenario)}
    assert len(seen) > 50
    for t0 in seen:
        rounded = float(np.float32(t0))
        for rule in CONVENTIONS.values():
            assert min(rule.read_t0(t0), _NEVER) == min(rule.read_t0(rounded), _NEVER), t0
