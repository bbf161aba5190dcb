"""E3: the update of `fast` against mpmath."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgd.fast import descend
from asgd.reference import Enclosure, equations, formats
from asgd.reference.certified.bounded import Approximation
from asgd.reference.tolerance import descend_tolerance, rounding_error

from .domain import DTYPES, arithmetic, array, assert_near, numbers, rates


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data(), eta=rates(), lambd=rates())
def test_descend(dtype: str, data: st.DataObject, eta: float, lambd: float) -> None:
    """Within the bound of the update, for a step size of any size that is rounded to the dtype."""
    theta, grad = data.draw(numbers(dtype)), data.draw(numbers(dtype))
    fmt = formats[dtype]
    with np.errstate(all="ignore"):
        made = descend(array(theta, dtype), array(grad, dtype), eta=eta, lambd=lambd)

    def exact(precision: int) -> Enclosure:
        of = Approximation.of
        at, total, size, decay = (of(x, precision) for x in (theta, grad, eta, lambd))
        updated = equations.descend(at, total, eta=size, lambd=decay)
        assert isinstance(updated, Enclosure)
        return updated

    bound = descend_tolerance(
        theta,
        grad,
        exact(256).magnitude(),
        lr=0.0,
        eta=eta,
        eta_error=(rounding_error(eta, fmt), 0.0),
        lambd=lambd,
        weight_decay=0.0,
        arithmetic=arithmetic(dtype),
    )
    assert_near(made[0], exact, bound)
