"""The table of where faults show is true: each row is what a port with the fault really does."""

import json
from pathlib import Path

import detection
import pytest
from fault_models import forms

from asgd.spec import CONVENTIONS, FAULTS
from asgd.tests.faults.catalogue import CHANGES, FORMS, PRECISION

FORMS_BY_NAME = dict(forms())
TABLE = json.loads(Path(detection.__file__).parents[3].joinpath(detection.PATH).read_text())


@pytest.mark.sample(1, rest="nightly")
@pytest.mark.parametrize("name", FORMS_BY_NAME)
def test_rows_are_current(name):
    """`python -m asgd.tests.artifacts detection` renews them."""
    made = json.loads(json.dumps(detection.sightings(name, FORMS_BY_NAME[name])))
    assert made == TABLE.get(name, {"places": [], "apart": []})


def test_every_rule_is_in_the_table():
    """And each shows in some convention, in the law of its equation, where it can be alone."""
    assert set(FORMS_BY_NAME) == set(TABLE)
    assert {name.partition("/")[0] for name in TABLE} >= {*CHANGES, *FORMS, *PRECISION}
    for name, rows in TABLE.items():
        assert rows["places"], name
        fault = FAULTS[name.partition("/")[0]]
        # A form of what E6 says of hyperparameters may need one that only another law has.
        home = fault.law or fault.equation
        assert home == "step" or home in {row[0] for row in rows["places"]}, name
        assert {c for row in rows["places"] for c in row[6]} <= {*CONVENTIONS, "*"}
