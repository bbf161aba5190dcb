"""What is said of faulty ports: the name, the equation, and the quantity that shows it."""

import pytest
from independent_faults import EXPECTED_DIAGNOSES, Plain

from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

_QUICK = ("three-in-theta",)


def said(port: Plain, dtype: str) -> set[tuple[str, str, str]]:
    """Names, equations and quantities, in one dtype."""
    [found] = verify(port, "port", Options("documented", dtypes=(dtype,))).dtypes
    return {(d.id, d.equation, d.failure.judgement.quantity) for d in found.deviations}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in _QUICK else pytest.mark.nightly) for n in EXPECTED_DIAGNOSES],
)
def test_what_is_said(name: str) -> None:
    """Nothing more, and nothing else, whatever a fault in one equation breaks in others."""
    port, expected = EXPECTED_DIAGNOSES[name]
    assert said(port, "float64") == expected
