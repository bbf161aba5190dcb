"""What is said of faulty ports: the name, the equation, and the quantity that shows it."""

import pytest
from wrong import SAID, Plain

from asgd.tests.verify import Options, verify

_QUICK = ("three-in-theta",)


def said(port: Plain, dtype: str) -> set[tuple[str, str, str]]:
    """Names, equations and quantities, in one dtype."""
    [found] = verify(port, "port", Options("documented", dtypes=(dtype,))).dtypes
    return {(d.id, d.equation, d.failure.judgement.quantity) for d in found.deviations}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in _QUICK else pytest.mark.slow) for n in SAID],
)
def test_what_is_said(name: str) -> None:
    """Nothing more, and nothing else, whatever a fault in one equation breaks in others."""
    port, expected = SAID[name]
    assert said(port, "float64") == expected
