"""E1: the gradient of `fast` against mpmath."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgd.fast import gradient
from asgd.reference import Enclosure, equations, formats
from asgd.reference.certified.bounded import Approximation
from asgd.reference.tolerance import rounding_error

from .domain import DTYPES, array, assert_near, numbers, rates


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data(), weight_decay=rates(), maximize=st.booleans())
def test_gradient(dtype: str, data: st.DataObject, weight_decay: float, maximize: bool) -> None:
    """Theorem 1 (tolerance.md): one rounding of the gradient, two of the penalty."""
    grad, theta = data.draw(numbers(dtype)), data.draw(numbers(dtype))
    fmt = formats[dtype]
    with np.errstate(all="ignore"):
        made = gradient(
            array(grad, dtype), array(theta, dtype), weight_decay=weight_decay, maximize=maximize
        )
    got = float(made[0])
    if weight_decay == 0:
        assert got == (-grad if maximize else grad)
        return
    rho = rounding_error(weight_decay, fmt)
    penalty = float(min(Fraction(weight_decay) * abs(Fraction(theta)), Fraction(2) ** 1023))
    if rho == math.inf or 4 * (1 + rho) * (penalty + abs(grad)) >= fmt.largest:
        return  # It may overflow.
    first, second = (k * fmt.u / (1 - k * fmt.u) for k in (1, 2))
    bound = first * abs(grad) + (rho + second * (1 + rho)) * penalty + 2 * fmt.tiny

    def exact(precision: int) -> Enclosure:
        of = Approximation.of
        given_, at, decay = (of(x, precision) for x in (grad, theta, weight_decay))
        total = equations.gradient(given_, at, weight_decay=decay, maximize=maximize)
        assert isinstance(total, Enclosure)
        return total

    assert_near(got, exact, bound * (1 + 2.0**-40))
