"""Exactness of the sliced product and of balls; the tolerance on arrays."""

import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from asgd.reference import formats
from asgd.reference.certified.balls import Balls, rounded, scaled, unknown
from asgd.reference.certified.balls import exact as exact_enclosure
from asgd.reference.certified.slices import (
    Coefficients,
    collect,
    cut_coefficients,
    cut_inputs,
    diagonals,
    two_sum,
    width,
)
from asgd.reference.rounding import round_fraction
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    descend_tolerance,
    step_size_error,
    weighted_sum_tolerance,
)
from asgd.spec import POLICIES

SCALE = 120


@pytest.mark.parametrize("terms", [1, 2, 5, 404, 516, 8191, 10**5])
@pytest.mark.parametrize("depth", [1, 3, 5])
def test_width_is_the_largest_exact_one(terms, depth):
    """No sum of products of slices exceeds 2**53, and one bit more could."""
    w = width(terms, depth)
    assert terms * depth * 2 ** (2 * w - 2) <= 2**53
    assert terms * depth * 2 ** (2 * w) > 2**53


@pytest.mark.parametrize("seed", range(3))
def test_products_of_extreme_slices_are_exact(seed):
    """At the very limit of the assertion, every entry is the integer that Python finds."""
    rng = np.random.default_rng(seed)
    terms, depth = 500, 4
    w = width(terms, depth)
    largest = 2 ** (w - 1)
    a = rng.choice([-largest, largest - 1, largest], (7, terms))
    b = rng.choice([-largest, largest], (terms, 50))
    b[:, 0] = largest
    exact = [[sum(map(int.__mul__, row, column)) for column in b.T.tolist()] for row in a.tolist()]
    assert (a.astype(float) @ b.astype(float)).tolist() == exact


@pytest.mark.parametrize("depth", [2, 4])
def test_functionals_lie_in_their_balls(depth):
    """Coefficients times inputs, in fractions, are within the radius of high + low."""
    rng, draw = np.random.default_rng(depth), random.Random(depth)
    terms, columns = 37, 11
    rows = [
        [(draw.randint(-(1 << SCALE), 1 << SCALE) >> draw.randint(0, 60), 0) for _ in range(terms)]
        for _ in range(3)
    ]
    w = width(terms, depth)
    a = cut_coefficients(rows, SCALE, depth, w)
    y = rng.uniform(-1, 1, (terms, columns)) * 2.0 ** rng.integers(-40, 1, (terms, columns))
    inputs = y.copy()
    slices, rest = cut_inputs(y, depth, w)
    sums, left_out = diagonals(a, slices, depth)
    high, low, missed = collect(sums, w)
    for i, row in enumerate(rows):
        unit = Fraction(2) ** int(a.exponents[i] + 2 - 2 * w)
        known = a.errors[i] + left_out[i] + rest * a.sizes[i].sum() * (1 + 2.0**-40)
        for j in range(columns):
            exact = sum(
                Fraction(c, 1 << SCALE) * Fraction(x)
                for (c, _), x in zip(row, inputs[:, j].tolist(), strict=True)
            )
            middle = (Fraction(high[i, j]) + Fraction(low[i, j])) * unit
            assert abs(exact - middle) <= Fraction(known) + Fraction(missed[i, j]) * unit


def is_close_above(bound, exact):
    """Whether a bound holds, and is as large as its own roundings make it, and no larger."""
    return exact <= Fraction(float(bound)) <= exact * (1 + Fraction(1, 2**39))


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_slices_of_coefficients_and_what_they_leave(depth):
    """Slices, errors and sizes: certificate.md, "The sliced product", in fractions."""
    draw = random.Random(depth)
    w = width(5, depth)
    rows = [
        [
            (draw.randint(-(1 << 90), 1 << 90) >> draw.randint(0, 95), draw.randint(0, 9))
            for _ in range(5)
        ]
        for _ in range(4)
    ]
    rows += [[((1 << (w * depth + extra)) - 1, 0)] * 5 for extra in range(-2, 3)]
    rows += [[(0, 0)] * 5, [(0, 3)] * 5, [(1 << SCALE, 0)] * 5, [(5 << (SCALE - 3), 1)] * 5]
    a = cut_coefficients(rows, SCALE, depth, w)
    for i, row in enumerate(rows):
        exponent = int(a.exponents[i])
        total = 0
        for j, (value, error) in enumerate(row):
            parts = enumerate(a.slices[:, i, j].tolist())
            made = sum(Fraction(x) * Fraction(2) ** (exponent + 1 - w - w * k) for k, x in parts)
            unit = Fraction(2) ** (exponent + 1 - w * depth)
            lost = Fraction(value, 1 << SCALE) - made
            assert 0 <= lost < unit
            total += Fraction(error, 1 << SCALE) + (unit if lost else 0)
            assert is_close_above(a.sizes[i, j], Fraction(abs(value) + error, 1 << SCALE))
        assert is_close_above(a.errors[i], total)
        largest = max(abs(value) for value, _ in row)
        assert Fraction(largest, 1 << SCALE) <= Fraction(2) ** exponent
        assert not largest or Fraction(largest, 1 << SCALE) >= Fraction(2) ** (exponent - 2)
    assert abs(a.slices).max() <= 2 ** (w - 1)
    assert a.slices[-1].any()


@pytest.mark.parametrize("depth", [1, 3])
def test_slices_of_inputs_and_what_they_leave(depth):
    """No more slices than are needed, and a rest of less than the last one's unit."""
    rng = np.random.default_rng(depth)
    w = 20
    for scale in (-30, -5, 0):
        y = rng.uniform(-1, 1, (4, 6)) * 2.0**scale
        y[0] = np.rint(y[0] * 2.0**18) / 2.0**18
        exact = [Fraction(x) for x in y.ravel().tolist()]
        slices, rest = cut_inputs(y.copy(), depth, w)
        flat = [part.ravel().tolist() for part in slices]
        left = []
        for i, x in enumerate(exact):
            parts = [
                Fraction(part[i]) * Fraction(2) ** (1 - w - w * k) for k, part in enumerate(flat)
            ]
            left.append(abs(x - sum(parts)))
        assert max(left) <= Fraction(2) ** (-w * len(slices)) if rest else not any(left)
        assert rest in (0.0, 2.0 ** (-w * depth))
        assert max(abs(x) for part in flat for x in part) <= 2 ** (w - 1)
    short, none = cut_inputs(np.array([[0.5, -1.0]]), depth, w)
    assert (len(short), none) == (1, 0.0)


def test_what_high_and_low_miss_is_said():
    """Sums of slices that overlap far more than those of a product."""
    rng = np.random.default_rng(2)
    for w, depth in product((3, 20), (2, 4, 7)):
        sums = rng.integers(-(2**53), 2**53, (depth, 40)).astype(float)
        high, low, missed = collect(sums[:, None, :], w)
        for j in range(40):
            parts = enumerate(sums[:, j].tolist())
            exact = sum(Fraction(x) * Fraction(1, 2 ** (w * d)) for d, x in parts)
            lost = abs(exact - Fraction(high[0, j]) - Fraction(low[0, j]))
            assert lost <= Fraction(missed[0, j])
        assert not missed.any() or depth > 2


def test_what_is_left_out_is_the_sum_of_the_pairs():
    """Pairs of slices at the depth and beyond, each at most 2^exponent 2^(-w (k + l)) a term."""
    w, terms = 20, 3
    rng = np.random.default_rng(1)
    for used, count, depth in product(range(1, 4), range(1, 4), range(1, 5)):
        cut = rng.integers(-9, 9, (used, 2, terms)).astype(float)
        a = Coefficients(cut, np.array([3, -2]), np.zeros(2), np.ones((2, terms)), w)
        slices = list(rng.integers(-9, 9, (count, terms, 4)).astype(float))
        sums, left_out = diagonals(a, slices, depth)
        pairs = list(product(range(used), range(count)))
        beyond = sum(Fraction(1, 2 ** (w * (k + m))) for k, m in pairs if k + m >= depth)
        for i, exponent in enumerate((3, -2)):
            assert is_close_above(left_out[i], terms * beyond * Fraction(2) ** exponent)
        for d in range(depth):
            exact = sum((cut[k] @ slices[m] for k, m in pairs if k + m == d), np.zeros((2, 4)))
            assert np.array_equal(sums[d], exact)


def test_short_numbers_are_points():
    """Where nothing is left out the radius is 0, so that exact data stay exact."""
    w = width(4, 3)
    a = cut_coefficients([[(1 << SCALE, 0), (-(1 << (SCALE - 1)), 0)]], SCALE, 3, w)
    slices, rest = cut_inputs(np.array([[0.5, -0.75], [1.0, 2.0**-30]]), 3, w)
    sums, left_out = diagonals(a, slices, 3)
    _, _, missed = collect(sums, w)
    assert not rest
    assert not left_out.any()
    assert not missed.any()
    assert not a.errors.any()


def test_two_sum_loses_nothing():
    """Sum and error add up to both summands."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 1000)) * 2.0 ** rng.integers(-60, 60, (2, 1000))
    for x, y, s, e in zip(a, b, *two_sum(a, b), strict=True):
        assert Fraction(x) + Fraction(y) == Fraction(s) + Fraction(e)


@pytest.mark.parametrize("name", formats)
def test_balls_round_as_fractions_do(name):
    """Near ties, subnormals and overflow: what a ball claims to know is right."""
    rng = np.random.default_rng(2)
    fmt = formats[name]
    count = 4000
    near = rng.standard_normal(count).astype(name).astype(float)
    half = np.ldexp(1.0, np.frexp(near)[1] - fmt.digits - 1)
    high = near + half * rng.choice([0, 1, -1], count)
    low = np.abs(high) * 2.0**-53 * rng.choice([0.0, 1e-3, -1e-3, 2.0**-40], count)
    radius = np.abs(high) * rng.choice([0.0, 2.0**-70, 2.0**-100], count)
    exponents = rng.choice([0, -140, -1060, 100, 1020], count)
    high, low = two_sum(high, low)
    balls = scaled(high, low, radius, exponents)
    values, known = rounded(balls, name)
    single = name == "float32"
    for j in range(count):
        unit = Fraction(2) ** int(exponents[j])
        middle = (Fraction(high[j]) + Fraction(low[j])) * unit
        ends = [middle + sign * Fraction(radius[j]) * unit for sign in (-1, 1)]
        if known[j]:
            assert {round_fraction(end, fmt) for end in ends} == {float(values[j])}
        # Twice what certificate.md pads the radius by is room enough.
        pad = (
            radius[j] * 2.0**-39
            + abs(low[j]) * 2.0**-50
            + abs(high[j]) * (2.0**-51 if single else 0)
        )
        wide = [middle + sign * (Fraction(radius[j]) + Fraction(pad)) * unit for sign in (-1, 1)]
        if 2.0**-890 < abs(middle) < 2.0**990 and len({round_fraction(x, fmt) for x in wide}) == 1:
            assert known[j]
        if np.isfinite(balls.radius[j]):
            enclosure = balls.enclosure(j)
            assert all(enclosure.contains(end) for end in ends)


@pytest.mark.parametrize("name", formats)
def test_balls_beside_a_tie_are_known_beyond_what_they_are_padded_by(name):
    """Twice the padding is beyond it; a radius that reaches the tie is not; a point is decided."""
    fmt, single = formats[name], name == "float32"
    # Radii next to each of the paddings, too.
    radii = [0.0, 2.0**-104, 2.0**-80, 2.0**-60] + [2.0**-52] * single
    for odd, exponent, wide in product((0, 1), (-90, 0, 40), radii):
        unit = 2.0 ** (exponent - fmt.digits + 1)
        below = 2.0**exponent + odd * unit
        radius = wide * below
        middle = two_sum(np.float64(below), np.float64(unit / 2))
        pad = radius * 2.0**-40 + unit * 2.0**-51 + single * below * 2.0**-51
        for offset in (-2 * (radius + pad), -radius / 2, 0.0, radius / 2, 2 * (radius + pad)):
            high, low = two_sum(middle[0], middle[1] + offset)
            (value,), (known,) = rounded(Balls(*np.array([[high], [low], [radius]])), name)
            exact = Fraction(float(high)) + Fraction(float(low))
            if known:
                ends = {round_fraction(exact + sign * Fraction(radius), fmt) for sign in (-1, 1)}
                assert ends == {float(value)}
            decided = not radius and (not single or not low)
            assert known or not (decided or abs(offset) > radius)


@pytest.mark.parametrize("name", formats)
def test_balls_of_which_nothing_is_known(name):
    """Zero is known where it is exact; beyond what floats bound well nothing is."""
    high = np.array([0.0, 0.0, 2.0**-950, 2.0**1001, 2.0**-900, 1.0])
    radius = np.array([0.0, 2.0**-1000, 0.0, 0.0, 0.0, 0.0])
    values, known = rounded(Balls(high, np.zeros(6), radius), name)
    assert known.tolist() == [True, False, False, False, True, True]
    assert values[[0, 5]].tolist() == [0.0, 1.0]


def test_balls_are_scaled_exactly_or_pay_for_it():
    """A power of two costs nothing where nothing underflows; beyond the floats nothing is known."""
    high, low = np.array([1.5, 0.0, -1.25]), np.array([2.0**-60, 0.0, 0.0])
    radius = np.array([2.0**-100, 0.0, 2.0**-70])
    for exponent in (-700, -60, 0, 500, 900):
        got = scaled(high, low, radius, np.full(3, exponent))
        assert np.array_equal(got.high, np.ldexp(high, exponent))
        assert np.array_equal(got.low, np.ldexp(low, exponent))
        assert np.array_equal(got.radius, np.ldexp(radius * (1 + 2.0**-40), exponent))
    for exponent in (-1070, -990, -870):
        got = scaled(high, low, radius, np.full(3, exponent))
        assert got.radius[1] == 0
        for j in (0, 2):
            unit = Fraction(2) ** exponent
            exact = (Fraction(high[j]) + Fraction(low[j])) * unit
            off = abs(Fraction(got.high[j]) + Fraction(got.low[j]) - exact)
            paid = Fraction(got.radius[j]) - Fraction(radius[j]) * unit
            assert (
                off
                <= paid
                <= Fraction(2) ** -1071 + Fraction(radius[j]) * unit * Fraction(1, 2**39)
            )
    assert not np.isfinite(scaled(high, low, radius, np.full(3, 1030)).radius[[0, 2]]).any()
    far = scaled(high, low, radius, np.full(3, 1000))
    assert far.radius.tolist() == [np.inf, 0.0, np.inf]
    assert not far.high.any()
    wide = scaled(np.zeros(1), np.zeros(1), np.array([1.0]), np.array([1000]))
    assert wide.radius[0] == np.inf
    with pytest.raises(ValueError, match="nothing is known of element 2"):
        far.enclosure(2)
    assert unknown(2).radius.tolist() == [np.inf] * 2


def test_an_exact_fraction_is_a_point():
    """Of any length."""
    for x in (Fraction(-3, 8), Fraction(2**300 + 1, 2**7), Fraction(0), Fraction(5)):
        assert exact_enclosure(x).bounds() == (x, x)
        assert exact_enclosure(x).precision >= 128


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", formats)
def test_tolerances_of_arrays_are_those_of_elements(name, policy):
    """Element by element the same float, overflow included."""
    arithmetic = Arithmetic(formats[name], POLICIES[policy])
    rng = np.random.default_rng(4)
    wide = 2.0 ** rng.integers(-60, 127, (3, 300))
    a, b, c = rng.standard_normal((3, 300)) * wide
    error = step_size_error(3, lr=0.01, lambd=1e-4, alpha=0.75, arithmetic=arithmetic)

    def bounds(x, y, z):
        return (
            descend_tolerance(
                x,
                y,
                abs(z),
                lr=0.01,
                eta=0.01,
                eta_error=error,
                lambd=1e-4,
                weight_decay=0.1,
                arithmetic=arithmetic,
            ),
            average_tolerance(
                x,
                y,
                abs(x - y),
                abs(z),
                mu=1 / 3,
                mu_error=1e-8,
                arithmetic=arithmetic,
                largest=abs(y),
            ),
            weighted_sum_tolerance(abs(x), abs(z), arithmetic=arithmetic),
        )

    arrays = bounds(a, b, c)
    for j, numbers in enumerate(zip(a.tolist(), b.tolist(), c.tolist(), strict=True)):
        assert [float(bound[j]) for bound in arrays] == list(bounds(*numbers))
