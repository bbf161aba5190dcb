"""E2: the step size of `fast` against mpmath."""

import pytest
from hypothesis import given, settings

from asgd.fast import step_size
from asgd.reference import formats
from asgd.reference.certified.bounded import Approximation

from ..oracle.one_number import exact_step_size
from .domain import DTYPES, rates, steps

# A tie needs the integers' proof: here both neighbours are right.
_PRECISIONS = (256, 1024, 4096)


@pytest.mark.parametrize("dtype", DTYPES)
@settings(deadline=None)
@given(t=steps(), lr=rates(), lambd=rates(), alpha=rates())
def test_step_size(dtype: str, t: int, lr: float, lambd: float, alpha: float) -> None:
    """Correctly rounded, whatever the exponents."""
    got = float(step_size(t, lr=lr, lambd=lambd, alpha=alpha, dtype=dtype))
    for precision in _PRECISIONS:
        exact = exact_step_size(t, lr, lambd, alpha, precision, Approximation)
        low, high = exact.candidates(formats[dtype])
        if low == high:
            break
    assert low <= got <= high
