"""E5: the average of `fast` against mpmath."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgd.fast import average
from asgd.reference import Enclosure, equations, formats
from asgd.reference.certified.bounded import Approximation
from asgd.reference.tolerance import average_tolerance, rounding_error

from .domain import DTYPES, arithmetic, array, assert_near, numbers


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data(), mu=st.integers(1, 2**60).map(lambda n: 1 / n) | st.floats(2.0**-60, 1))
@example(data=None, mu=1.0)
def test_average(dtype: str, data: st.DataObject | None, mu: float) -> None:
    """Within the bound of the average, for a weight that is rounded to the dtype."""
    draw = data.draw if data is not None else lambda _: 2.0**-149
    before, theta = draw(numbers(dtype)), draw(numbers(dtype))
    with np.errstate(all="ignore"):
        made = average(array(before, dtype), array(theta, dtype), mu=mu)
    if mu == 1:
        assert made[0] == theta
        return

    def exact(precision: int) -> Enclosure:
        old, new, weight = (Approximation.of(x, precision) for x in (before, theta, mu))
        updated = equations.average(old, new, mu=weight)
        assert isinstance(updated, Enclosure)
        return updated

    apart = Approximation.of(theta) - Approximation.of(before)
    bound = average_tolerance(
        before,
        theta,
        apart.magnitude(),
        exact(256).magnitude(),
        mu=mu,
        mu_error=rounding_error(mu, formats[dtype]),
        arithmetic=arithmetic(dtype),
    )
    assert_near(made[0], exact, bound)
