"""E4: the averaging weight of `fast` against mpmath."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from asgd.fast import averaging_weight
from asgd.reference import Enclosure, equations
from asgd.reference.certified.bounded import Approximation
from asgd.reference.tolerance import averaging_weight_error

from .domain import arithmetic, assert_near, rates, steps


@given(t=steps(), t0=rates() | st.integers(0, 2**60).map(float) | st.just(math.inf))
@example(t=2**53 + 1, t0=0.0)
@example(t=2**60, t0=0.1)
def test_averaging_weight(t: int, t0: float) -> None:
    """1 until the window has two terms, then within its bound."""
    got = averaging_weight(t, t0=t0)
    if math.isinf(t0) or t - int(t0) <= 1:
        assert got == 1
        return

    def exact(precision: int) -> Enclosure:
        weight = equations.averaging_weight(t, t0=Approximation.of(t0, precision))
        return Approximation.of(weight, precision)

    low, _ = exact(4096).bounds()
    relative = averaging_weight_error(float(low), t0, arithmetic=arithmetic("float64"))
    assert_near(got, exact, relative * float(low) * (1 + 2.0**-40))
