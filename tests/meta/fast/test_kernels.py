"""Bounds of the kernels: the update's error and bias, and an average that does not drift."""

import math
from fractions import Fraction

import numpy as np
import pytest

from asgd.fast import descend
from asgd.fast.kernels import Scalars, accumulate, update
from asgd.fast.window import Window, mean
from asgd.reference import formats
from asgd.reference.rounding import ulp

DTYPES = ("float32", "float64")
STEPS = 100_000


def _updated(theta, grad, eta, decay, dtype):
    """Theta after the kernel, for scalars that are rounded to the dtype first, as in a step."""
    number = np.dtype(dtype).type
    scalars = Scalars.of(np.array(eta, dtype), decay, maximize=False)
    out = theta.copy()
    update(out, grad, scalars, np.empty_like(theta))
    assert np.array_equal(out, descend(theta, grad, eta=eta, lambd=decay))
    return out, Fraction(float(number(eta))), Fraction(decay)


@pytest.mark.parametrize("dtype", DTYPES)
def test_update_is_within_its_bound(dtype):
    """The bound of kernels.md, "The update", element by element, against exact fractions."""
    rng = np.random.default_rng(3)
    fmt, u = formats[dtype], Fraction(formats[dtype].u)
    largest = 0.0
    for _ in range(20):
        theta = rng.standard_normal(50).astype(dtype)
        grad = (rng.standard_normal(50) * 4.0 ** rng.integers(-6, 6, 50)).astype(dtype)
        eta, decay = float(10 ** rng.uniform(-4, 0)), float(10 ** rng.uniform(-6, 0))
        out, step, exact_decay = _updated(theta, grad, eta, decay, dtype)
        for x, g, got in zip(theta.tolist(), grad.tolist(), out.tolist(), strict=True):
            x, g = Fraction(x), Fraction(g)  # noqa: PLW2901 - exact from here on
            exact = x - step * (g + exact_decay * x)
            inner = step * (2 * abs(g) + 4 * exact_decay * abs(x)) * u * (1 + 8 * u)
            bound = Fraction(ulp(got, fmt)) / 2 + inner + 4 * Fraction(fmt.tiny)
            error = abs(Fraction(got) - exact)
            assert error <= bound, (float(x), float(g), eta, decay)
            largest = max(largest, float(error / bound))
    assert largest > 0.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_update_of_ordinary_inputs_is_within_an_ulp(dtype):
    """Where a step moves theta by a tenth at most, the exact eta included (kernels.md)."""
    rng = np.random.default_rng(4)
    fmt = formats[dtype]
    theta = rng.standard_normal(500).astype(dtype)
    eta, decay = 0.01, 1e-4
    grad = (theta * rng.uniform(-8, 8, 500)).astype(dtype)
    out, _, _ = _updated(theta, grad, eta, decay, dtype)
    for x, g, got in zip(theta.tolist(), grad.tolist(), out.tolist(), strict=True):
        exact = Fraction(x) - Fraction(eta) * (Fraction(g) + Fraction(decay) * Fraction(x))
        assert abs(Fraction(got) - exact) <= Fraction(ulp(float(exact), fmt))


def test_one_decay_of_many_elements_is_not_biased():
    """The mean error is that of independent roundings; 1 - lambd eta is not used."""
    rng = np.random.default_rng(5)
    size = 100_000
    theta = np.exp2(rng.uniform(-3, 3, size)).astype(np.float32)
    eta, decay = 0.01, 1e-4
    out, step, _ = _updated(theta, np.zeros_like(theta), eta, decay, "float32")
    true = theta.astype(np.float64) * float(step) * decay
    spacing = np.spacing(theta).astype(np.float64)
    # A rounding to a multiple of the spacing has the variance spacing^2 / 12.
    sigma = math.sqrt(float(np.sum(spacing**2)) / 12)
    moved = theta.astype(np.float64) - out.astype(np.float64)
    assert abs(float(np.sum(moved - true))) < 6 * sigma
    rounded = theta * np.float32(1 - eta * decay)
    biased = theta.astype(np.float64) - rounded.astype(np.float64)
    assert abs(float(np.sum(biased - true))) > 6 * sigma


def _iterates(kind, dtype):
    """Iterates of 8 elements: noise around a value, a slow convergence, and plain noise."""
    rng = np.random.default_rng(6)
    noise = rng.standard_normal((STEPS, 8))
    t = np.arange(1, STEPS + 1)[:, None]
    centre = rng.uniform(0.5, 2, 8)
    kinds = {"noisy": centre + 0.1 * noise, "converging": centre * (1 + 1 / t), "noise": noise}
    return kinds[kind].astype(dtype)


@pytest.mark.sample(2)
@pytest.mark.parametrize("kind", ["noisy", "converging", "noise"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_average_does_not_drift(dtype, kind):
    """At most one u from the exact mean of 10^5 iterates (kernels.md, "The average")."""
    iterates = _iterates(kind, dtype)
    low = None if dtype == "float32" else np.zeros(8)
    window = Window(0.0, np.zeros(8), low)
    scratch = np.empty(8) if low is None else np.empty((2, 8))
    for theta in iterates:
        accumulate(window.high, window.low, theta, scratch)
    got = mean(window, float(STEPS), np.dtype(dtype))
    u = Fraction(formats[dtype].u)
    for j in range(8):
        # Each is a whole number of 2**-300, and sums of whole numbers are fast.
        units = [math.ldexp(x, 300) for x in iterates[:, j].tolist()]
        assert all(x.is_integer() for x in units)
        exact = Fraction(sum(map(int, units)), STEPS << 300)
        assert abs(Fraction(float(got[j])) - exact) <= u * abs(exact)


def test_mean_of_a_sum_is_rounded_as_if_once():
    """float64: the quotient's error is half an ulp and a second-order term."""
    rng = np.random.default_rng(7)
    high = rng.standard_normal(200) * 1e3
    low = high * 2.0**-54 * rng.uniform(-1, 1, 200)
    for divisor in (3.0, 7.25, 1e6 + 1):
        got = mean(Window(0.0, high.copy(), low.copy()), divisor, np.dtype(np.float64))
        for x, y, q in zip(high.tolist(), low.tolist(), got.tolist(), strict=True):
            exact = (Fraction(x) + Fraction(y)) / Fraction(divisor)
            half = Fraction(math.ulp(q)) / 2
            assert abs(Fraction(q) - exact) <= half * (1 + Fraction(2) ** -40)


def test_mean_of_large_and_lost_numbers():
    """What is not finite stays so, and what is near the largest number is not lost."""
    high = np.array([1.7e308, math.inf, -math.inf, math.nan, 0.0])
    got = mean(
        Window(0.0, high, np.array([0.0, math.nan, math.nan, math.nan, 0.0])), 2.0, high.dtype
    )
    assert got[0] == 1.7e308 / 2
    assert not np.isfinite(got[1:4]).any()
    assert got[4] == 0
    assert np.isnan(mean(Window(0.0, high, None), 0.0, np.dtype(np.float32))).all()
