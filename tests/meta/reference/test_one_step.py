"""Single steps: their balls contain the exact sums, for coefficients and inputs of any size."""

import random
from fractions import Fraction
from itertools import islice, product

import certificates
import numpy as np
import pytest

from asgd.reference import Enclosure
from asgd.reference.certified.balls import rounded
from asgd.reference.certified.one_step import _two_product, weighted_sums


def test_single_steps_lie_in_their_balls():
    """Sums of two products with coefficients of 120 bits, for any finite inputs."""
    rng, draw = np.random.default_rng(3), random.Random(3)
    steps, size = 20, 9
    coefficients = [
        [
            Enclosure(draw.randint(-(2**120), 2**120), 2**120, -draw.randint(60, 140))
            for _ in range(steps)
        ]
        for _ in range(2)
    ]
    coefficients = [[Enclosure(c.low, c.low, c.exponent) for c in row] for row in coefficients]
    spread = rng.choice([-1070, -600, 0, 0, 0, 30], (2, steps, size))
    inputs = list(rng.standard_normal((2, steps, size)) * 2.0**spread)
    balls = weighted_sums(coefficients, inputs)
    for t in range(steps):
        for j in range(size):
            exact = sum(
                row[t].bounds()[0] * Fraction(x[t, j])
                for row, x in zip(coefficients, inputs, strict=True)
            )
            if np.isfinite(balls.radius[t, j]):
                middle = Fraction(balls.high[t, j]) + Fraction(balls.low[t, j])
                assert abs(exact - middle) <= Fraction(balls.radius[t, j])
                if abs(exact) > 2.0**-500:
                    assert balls.radius[t, j] <= 2.0**-95 * np.abs(inputs).max(axis=0)[t, j] * 2**60
    assert np.isfinite(balls.radius).any()


@pytest.mark.parametrize("wide", [0, 1, 2**40])
def test_radii_of_single_steps_are_those_of_the_page(wide):
    """At least what coefficients may be off by, and no more than certificate.md adds to it."""
    rng, draw = np.random.default_rng(7), random.Random(7)
    count, rows, size = 3, 12, 5
    lows = [[draw.randint(-(2**120), 2**120) for _ in range(rows)] for _ in range(count)]
    coefficients = [[Enclosure(c, c + wide, -120) for c in column] for column in lows]
    inputs = list(
        rng.standard_normal((count, rows, size)) * 2.0 ** rng.integers(-9, 9, (count, 1, 1))
    )
    balls = weighted_sums(coefficients, inputs)
    u = Fraction(1, 2**53)
    for t, j in product(range(rows), range(size)):
        xs = [Fraction(x[t, j]) for x in inputs]
        middle = Fraction(balls.high[t, j]) + Fraction(balls.low[t, j])
        products = [Fraction(lows[i][t], 2**120) * xs[i] for i in range(count)]
        errors = [Fraction(wide, 2**120) * abs(x) for x in xs]
        ends = [
            sum(
                p + s * Fraction(wide, 2**120) * x
                for p, s, x in zip(products, signs, xs, strict=True)
            )
            for signs in product((0, 1), repeat=count)
        ]
        radius = Fraction(balls.radius[t, j])
        assert all(abs(end - middle) <= radius for end in ends)
        # Rounding errors of products and of sums, what coefficients have beyond a float, and beyond
        # the second one.
        magnitude = sum(map(abs, products))
        small = 4 * count * u * (2 * count + 2) * u * magnitude + u * u * magnitude
        assert radius <= (sum(errors) + small) * (1 + Fraction(1, 2**30)) + Fraction(1, 2**990)


def test_products_of_single_steps_lose_nothing():
    """Product and error, of numbers with long and short runs of ones."""
    rng = np.random.default_rng(3)
    ones = 2.0**53 - 2.0 ** rng.integers(0, 50, 60)
    a = np.concatenate([ones, 2.0**53 - ones, rng.standard_normal(60)])
    for b in (a, a[::-1], rng.permutation(a)):
        for x, y, p, e in zip(a, b, *_two_product(a, b), strict=True):
            assert Fraction(x) * Fraction(y) == Fraction(p) + Fraction(e)


def test_single_steps_of_which_nothing_is_known():
    """Numbers that cannot be split, or whose products' errors are no floats, in either place."""
    good, great, tiny = 1.5, 2.0**481, 2.0**-800
    for c, x, known in [
        (good, good, True),
        (2.0**479, good, True),
        (good, 2.0**479, True),
        (great, good, False),
        (good, great, False),
        (2.0**300, 2.0**1000, False),
        (tiny, tiny, True),
        (0.0, tiny, True),
        (tiny, 0.0, True),
    ]:
        for first in (True, False):
            pairs = [(c, x), (good, good)] if first else [(good, good), (c, x)]
            columns = [[Enclosure.of(a)] for a, _ in pairs]
            ball = weighted_sums(columns, [np.array([[b]]) for _, b in pairs])
            assert bool(np.isfinite(ball.radius[0, 0])) is known
            if not known:
                assert ball.high[0, 0] == ball.low[0, 0] == 0
    nothing = weighted_sums([[Enclosure.of(0.3)]], [np.zeros((1, 2))])
    assert not nothing.radius.any()


@pytest.mark.parametrize("coefficient", [Fraction(1, 10**400), Fraction(1, 10**320), Fraction(0)])
def test_what_no_float_can_hold_is_not_taken_for_zero(coefficient):
    """Beside a tie the least thing decides; alone, it is not nothing."""
    small, one = Enclosure.of(coefficient), Enclosure.of(1)
    alone = weighted_sums([[small]], [np.array([[1e-10]])])
    assert bool(alone.radius[0, 0] > 0) is bool(coefficient)
    assert alone[0].enclosure(0).contains(coefficient * Fraction(1e-10))
    tie = np.array([[1 + 2.0**-24]])
    both = weighted_sums([[one], [small]], [tie, np.array([[1e-10]])])
    values, known = rounded(both, "float32")
    assert bool(known[0, 0]) is not bool(coefficient)
    assert not known[0, 0] or values[0, 0] == 1.0


@pytest.mark.parametrize("size", [10**400, -(10**400)])
def test_of_what_is_beyond_the_floats_nothing_is_said(size):
    """It raises nothing, and claims nothing; nor does an interval that only ends out there."""
    for enclosure in (Enclosure.of(size), Enclosure.hull(Enclosure.of(0), Enclosure.of(size))):
        ball = weighted_sums([[enclosure]], [np.array([[1e-10, 0.0]])])
        assert np.isinf(ball.radius).all()
        assert not rounded(ball, "float64")[1].any()


@pytest.mark.parametrize("seed", range(4))
def test_no_ball_lies_whatever_the_exponents(seed):
    """Against fractions: every ball contains its sum, and what is rounded is right."""
    for block in islice(certificates.blocks(seed), 2):
        assert block.bounded
        assert block.wrong == []
