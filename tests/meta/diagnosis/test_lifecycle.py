"""Classify what a load has lost: a cast to float32 is not a rounding of the last digits."""

import numpy as np
import pytest

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.lifecycle import _recast
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import Observation, greet
from asgd.tests.ports.scenario import single
from asgd.tests.scenarios.strong import STRONG

THIRD, NARROW = 1 / 3, float(np.float32(1 / 3))


def seen(*etas):
    """Steps that show these step sizes."""
    return [Observation(((1.0,),), (None,), (eta,), (None,)) for eta in etas]


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ((THIRD, 0.5), (NARROW, 0.5), ["eta-narrowed-at-load"]),
        ((NARROW, 0.5), (THIRD, 0.5), ["eta-widened-at-load"]),
        # The next eta may be computed anew.
        ((THIRD, 1 / 7), (NARROW, 1 / 7), ["eta-narrowed-at-load"]),
        ((0.0, 0.5), (THIRD, 0.5), []),
        # Hyperparameters that lose digits: 0.5 was not cast.
        ((THIRD, 0.5), (THIRD, 0.5 + 2.0**-52), []),
        ((THIRD, 0.5 + 2.0**-52), (THIRD, 0.5), []),
    ],
)
def test_a_cast_changes_more_than_the_last_digits(before, after, names):
    """Eta before and after a load."""
    port = import_port("asgd.fast:ASGD")
    rule, policy = CONVENTIONS["documented"], POLICIES["native"]
    subject = Subject(port, greet(port), "float32", rule, policy)
    rest = single(STRONG, ((1.0,),), (((1.0,),),) * 2)
    found = _recast(seen(*before), seen(*after), rest, [(0, (1.0,))], subject)
    assert list(found) == names
