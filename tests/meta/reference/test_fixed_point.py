"""Fixed point: products, rows of functionals, and the simple engine, to exact fractions."""

import math
import random
from fractions import Fraction
from itertools import product

import numpy as np

from asgd.reference import Enclosure
from asgd.reference.certified import coefficients as functionals
from asgd.reference.certified.fixed_point import _Sum, enclosures, exponents_of, integers

SCALE = 120


def test_products_in_fixed_point_are_within_their_bounds():
    """Every small pair: certificate.md's bound, which contains what the factors may be."""
    pairs = list(product(range(-9, 10, 3), range(3)))
    for (a, ea), (b, eb) in product(pairs, pairs):
        value, error = functionals.product((a, ea), (b, eb), 2)
        assert value == a * b // 4
        ends = [Fraction((a + x) * (b + y), 4) for x, y in product((-ea, ea), (-eb, eb))]
        assert all(abs(end - value) <= error for end in ends)
        spread = abs(a) * eb + abs(b) * ea + ea * eb
        assert error == (spread // 4 + 2 if spread else int(a * b % 4 != 0))
    assert functionals.add((3, 1), (-5, 2)) == (-2, 3)


def test_fixed_point_is_rounded_outward_once():
    """The low end down, and the distance to the high end rounded up."""
    for low, width_, exponent in product(range(-9, 10), range(3), range(-4, 3)):
        value, error = functionals.fixed(Enclosure(low, low + width_, exponent), 2)
        unit = Fraction(2) ** (exponent + 2)
        assert value == math.floor(low * unit)
        assert value + error == math.ceil((low + width_) * unit)


def test_rows_of_exact_steps_are_exact():
    """Coefficients over theta, the average and each gradient, against the recurrence itself."""
    draw = random.Random(5)
    columns = [[Fraction(draw.randint(-8, 8), 8) for _ in range(5)] for _ in range(4)]
    steps = [functionals.Transition(*map(Enclosure.of, column)) for column in columns]
    top = functionals.gain_exponent(steps)
    fixed_steps = [functionals.to_fixed(step, SCALE, top) for step in steps]
    largest = max(abs(column[1]) for column in columns)
    assert largest <= Fraction(2) ** top <= 2 * largest
    theta, mean = (basis(i, 6) for i in range(2))
    for i, (decay, gain, old, before, new) in enumerate(columns, 2):
        grad = basis(i, 6)
        moved = [decay * x + gain * g for x, g in zip(theta, grad, strict=True)]
        mean = [old * m + before * x + new * y for m, x, y in zip(mean, theta, moved, strict=True)]
        theta = moved
    for row, exact in (
        (functionals.theta_row(fixed_steps, SCALE), theta),
        (functionals.average_row(fixed_steps, SCALE), mean),
    ):
        units = [Fraction(1)] * 2 + [Fraction(2) ** top] * 4
        got = [Fraction(value, 1 << SCALE) * u for (value, _), u in zip(row, units, strict=True)]
        assert got == exact
        assert not any(error for _, error in row)
    assert functionals.gain_exponent([]) == 0
    zero, some = Enclosure.of(0), Enclosure(0, 5, 0)
    assert functionals.gain_exponent([functionals.Transition(zero, some, zero, zero, zero)]) == 3


def test_sums_of_the_simple_engine_are_within_their_bounds():
    """Each factor anywhere in what its own error allows: certificate.md, "Integer fixed point"."""
    draw = random.Random(6)
    for _ in range(300):
        terms = [
            ((draw.randint(-9, 9), draw.randint(0, 2)), draw.choices(range(-9, 10), k=3), bound)
            for bound in draw.choices(range(3), k=draw.randint(1, 2))
        ]
        total = _Sum()
        for coefficient, vector, bound in terms:
            total.add(coefficient, np.array(vector, object), bound)
        values, error = total.shifted(3, np.zeros(3, object))
        spread = 0
        for (a, ea), vector, bound in terms:
            spread += abs(a) * bound + ea * (max(map(abs, vector)) + bound)
        sums = [sum(a * vector[j] for (a, _), vector, _ in terms) for j in range(3)]
        exact = not spread and not any(x % 8 for x in sums)
        assert values.tolist() == [x // 8 for x in sums]
        assert error == (0 if exact else spread // 8 + 2)
    assert _Sum().shifted(3, np.array([5], object)) == (np.array([0]), 0)


def test_numbers_of_the_simple_engine_are_floored():
    """Floats in units of any size, and what is said of them; their enclosures say it again."""
    rng = np.random.default_rng(8)
    row = np.append(rng.standard_normal(40) * 2.0 ** rng.integers(-60, 60, 40), [0.0, 5e-324, -1.5])
    shifts = rng.integers(-70, 130, row.size)
    pairs = list(zip(row.tolist(), shifts.tolist(), strict=True))
    exact = [Fraction(x) * Fraction(2) ** shift for x, shift in pairs]
    values, error = integers(row, shifts)
    assert values.tolist() == [math.floor(x) for x in exact]
    assert error == 1
    assert integers(np.array([0.0, 0.75, -3.0]), np.array([-9, 2, 0]))[1] == 0
    assert integers(np.array([0.75]), np.array([1]))[1] == 1
    assert integers(np.array([1 + 2.0**-52]), np.array([51]))[1] == 1
    assert integers(np.array([3.0, 1.0]), np.array([60, 0]))[1] == 0
    for value, shift, got in zip(
        values.tolist(), shifts.tolist(), enclosures(values, 3, shifts.tolist()), strict=True
    ):
        unit = Fraction(2) ** -shift
        assert got.bounds() == ((value - 3) * unit, (value + 3) * unit)
    columns = np.array([[0.75, 0.0, 3.0, 5e-324], [-5.0, 0.0, 1.0, 0.0]])
    assert exponents_of(columns).tolist() == [3, 0, 2, -1073]


def basis(i, size):
    """Unit vector."""
    return [Fraction(int(i == j)) for j in range(size)]
