"""The window of `fast`: what it begins with, and what its mean is, in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from asgd.fast.kernels import accumulate
from asgd.fast.window import Window, mean, open_window, opening
from asgd.spec import convention

DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0, 7.5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_window_begins_with_the_exact_product(dtype, weight):
    """Of the average so far, as many times as it has terms."""
    base = np.array([0.1, -0.7, 3.0, 1e-30, 0.0], dtype)
    window = open_window(None, weight, 2.0, base)
    assert window.t0 == 2.0
    assert (window.low is None) is (dtype == np.float32)
    low = np.zeros(5) if window.low is None else window.low
    for x, high, rest in zip(base, window.high, low, strict=True):
        assert Fraction(float(high)) + Fraction(float(rest)) == Fraction(float(x)) * Fraction(
            weight
        )


def test_window_that_begins_with_nothing_forgets_what_is_not_finite():
    """0 times infinity would be a nan for ever."""
    base = np.array([np.inf, np.nan, -1.0])
    window = open_window(None, 0.0, 0.0, base)
    assert window.high.tolist() == [0.0] * 3
    assert window.low.tolist() == [0.0] * 3


def test_product_that_overflows_has_no_rest():
    """A nan beside the infinity would make a nan of it."""
    base = np.array([1.5e308, -1.5e308])
    with np.errstate(all="ignore"):
        window = open_window(None, 3.0, 0.0, base)
    assert window.high.tolist() == [np.inf, -np.inf]
    assert window.low.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_window_that_begins_anew_keeps_its_arrays(dtype):
    """Memory stays what it was."""
    base = np.ones(3, dtype)
    first = open_window(None, 1.0, 0.0, base)
    if first.low is not None:
        first.low[:] = 0.25
    again = open_window(first, 2.0, 5.0, base)
    assert again is first
    assert again.high.tolist() == [2.0] * 3
    assert again.low is None or again.low.tolist() == [0.0] * 3


def test_window_as_printed_opens_at_t0():
    """With no weight of what was before, where it is divided by 0."""
    literal = convention("literal")
    assert [opening(n, literal) for n in (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.5)] == [
        None,
        None,
        0.0,
        0.0,
        1.0,
        1.0,
        2.5,
    ]
    documented = convention("documented")
    assert [opening(n, documented) for n in (0.0, 1.0, 1.5, 2.0)] == [None, None, 0.5, 1.0]


def test_mean_where_the_rest_is_no_number():
    """Then the sum alone counts."""
    window = Window(0.0, np.array([6.0, np.inf]), np.array([np.nan, np.nan]))
    assert mean(window, 3.0, np.dtype(np.float64)).tolist() == [2.0, np.inf]


def test_sum_in_two_floats_loses_nothing():
    """Whichever of the two that are added is the larger one, and where they cancel."""
    terms = [2.0**-40, 1.0, 3.0, -(2.0**-41), 2.0**70, -(2.0**70), 0.75]
    high, low, scratch = np.zeros(2), np.zeros(2), np.empty((2, 2))
    total = Fraction(0)
    for term in terms:
        accumulate(high, low, np.array([term, -term]), scratch)
        total += Fraction(term)
        for sign, x, y in zip((1, -1), high, low, strict=True):
            assert Fraction(float(x)) + Fraction(float(y)) == sign * total
