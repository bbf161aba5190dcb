"""Radii of a block of steps: the exact states lie in the balls, which are no wider than derived.

An engine of integers settles what balls leave undecided, so a radius that is wrong is not seen in a
trajectory. Here each part of it stands alone (certificate.md, "The sliced product").
"""

import math
from fractions import Fraction
from itertools import pairwise
from itertools import product as combinations

import numpy as np
import pytest

from asgd.reference.certified import blocks
from asgd.reference.certified.balls import Balls, exact
from asgd.reference.certified.blocks import State, advance, depth, initial
from asgd.reference.certified.coefficients import (
    Tick,
    Transition,
    average_row,
    gain_exponent,
    theta_row,
    to_fixed,
    transition,
)
from asgd.reference.certified.enclosure import Enclosure
from asgd.reference.certified.slices import collect, cut_coefficients, cut_inputs, diagonals, width
from asgd.spec import Hyperparameters, convention

SCALE = 120
# Factor of each evaluation of a bound, in `blocks` and in `scaled`.
UPWARD = 1 + Fraction(1, 2**40)


def power(exponent):
    """2**exponent, exactly."""
    return Fraction(2) ** int(exponent)


def enclosure(low, high=None):
    """Enclosure from one number to another, or of one."""
    low = Fraction(low)
    return Enclosure.hull(exact(low), exact(low if high is None else Fraction(high)))


def step(decay=1, gain=1, old=0.5, before=0, new=0.5):
    """Step of coefficients that are numbers, or pairs of the ends of intervals."""
    given = (decay, gain, old, before, new)
    return Transition(*(enclosure(*x) if isinstance(x, tuple) else enclosure(x) for x in given))


def real_steps(k):
    """Steps with irrational coefficients, known to 2**-136 or so."""
    hyper = Hyperparameters(0.5, 0.25, 0.75, 2.0, 0.125, maximize=False)
    rule = convention("documented")
    return [transition(Tick(t, hyper, hyper), rule, blocks.PRECISION) for t in range(1, k + 1)]


def balls(high, low=0.0, radius=0.0):
    """Balls of as many elements as ``high`` has."""
    high = np.asarray(high, np.float64)
    return Balls(high, np.full_like(high, low), np.full_like(high, radius))


def exact_states(state, grads, steps, j, ends):
    """Element ``j`` of theta and the average after each step, at one end of every interval."""
    of_theta, of_average, of_steps = ends

    def end(ball, sign):
        parts = (ball.high[j], ball.low[j], sign * ball.radius[j])
        return sum(Fraction(float(x)) for x in parts)

    theta, average = end(state.theta, of_theta), end(state.average, of_average)
    out = []
    for x, grad in zip(steps, grads[:, j].tolist(), strict=True):
        decay, gain, old, before, new = (
            c.bounds()[of_steps] for c in (x.decay, x.gain, x.old, x.before, x.new)
        )
        moved = decay * theta + gain * Fraction(grad)
        average = old * average + before * theta + new * moved
        theta = moved
        out.append((theta, average))
    return out


def used(state, grads, steps, wanted, slices):
    """Largest part of a ball's radius that is used; at most 1, as all states are inside."""
    with np.errstate(all="raise"):
        found = advance(state, grads, steps, wanted, slices)
    assert len(found) == len(wanted)
    most = Fraction(0)
    for j, *ends in combinations(range(grads.shape[1]), (-1, 1), (-1, 1), (0, 1)):
        states = exact_states(state, grads, steps, j, ends)
        for k, after in zip(wanted, found, strict=True):
            for true, ball in zip(states[k - 1], (after.theta, after.average), strict=True):
                middle = Fraction(float(ball.high[j])) + Fraction(float(ball.low[j]))
                off, radius = abs(true - middle), Fraction(float(ball.radius[j]))
                assert off <= radius, (j, k, ends, float(off), float(radius))
                most = max(most, off / radius if radius else Fraction(0))
    return most


def parts_of_radii(state, grads, steps, wanted, slices):
    """What the radii have to add up to, in fractions, for inputs that do not underflow.

    Returns
    -------
    list of list of Fraction
        By functional (theta and the average after each step wanted), and by column.
    """
    top = gain_exponent(steps)
    fixed = [to_fixed(x, SCALE, top) for x in steps]
    rows = []
    for k, make in combinations(wanted, (theta_row, average_row)):
        p, q, *gains = make(fixed[:k], SCALE)
        rows.append([p, p, q, q, *gains, *[(0, 0)] * (len(steps) - k)])
    w = width(4 + len(steps), slices)
    a = cut_coefficients(rows, SCALE, slices, w)
    parts = (state.theta.high, state.theta.low, state.average.high, state.average.low)
    columns = []
    for j in range(grads.shape[1]):
        inner = [float(x[j]) for x in parts]
        outer = grads[:, j].tolist()
        sizes = [math.frexp(x)[1] for x in inner if x]
        sizes += [math.frexp(x)[1] + top for x in outer if x]
        columns.append((max(sizes, default=0), inner, outer))
    y = [
        [math.ldexp(x, -e) for x in inner] + [math.ldexp(x, top - e) for x in outer]
        for e, inner, outer in columns
    ]
    cut, rest = cut_inputs(np.array(y).T.copy(), slices, w)
    sums, left_out = diagonals(a, cut, slices)
    missed = collect(sums, w)[2]
    out = []
    for i in range(len(rows)):
        known = Fraction(a.errors[i]) + Fraction(left_out[i])
        known += Fraction(rest) * sum(map(Fraction, a.sizes[i].tolist()))
        unit = power(a.exponents[i] + 2 - 2 * w)
        line = []
        for j, (e, _, _) in enumerate(columns):
            total = (known + Fraction(missed[i, j]) * unit) * power(e)
            total += Fraction(a.sizes[i, 0]) * Fraction(float(state.theta.radius[j]))
            total += Fraction(a.sizes[i, 2]) * Fraction(float(state.average.radius[j]))
            line.append(total)
        out.append(line)
    return out


def check_radii(state, grads, steps, wanted, slices):
    """Radii are the sum of their parts, and larger by no more than the factors of evaluation.

    `scaled` multiplies by 1 + 2**-40 once more, and rounding does not change an order; above, three
    such factors and some ten roundings of 2**-53 stay below 1 + 2**-38.
    """
    found = advance(state, grads, steps, wanted, slices)
    expected = parts_of_radii(state, grads, steps, wanted, slices)
    radii = [ball.radius.tolist() for after in found for ball in (after.theta, after.average)]
    for line, right in zip(radii, expected, strict=True):
        for radius, parts in zip(line, right, strict=True):
            assert float(parts * UPWARD) <= radius <= parts * (1 + Fraction(1, 2**38))


def columns_of_all_sizes(seed, k):
    """A state with radii and gradients, from 2**-400 to 2**400, with columns that are partly 0."""
    rng = np.random.default_rng(seed)
    n = 9
    scales = 2.0 ** np.array([-400, -40, -5, 0, 3, 90, 400, 0, -300])
    grads = rng.uniform(-1, 1, (k, n)) * scales * 2.0 ** rng.integers(-20, 20, n)
    made = []
    for _ in range(2):
        high = rng.uniform(-1, 1, n) * scales
        radius = np.abs(high) * 2.0 ** rng.integers(-90, -30, n)
        radius[::3] = 0.0
        made.append(Balls(high, high * 2.0**-54 * rng.uniform(-1, 1, n), radius))
    state = State(*made)
    # Nothing at all; nothing but gradients; nothing but a state; all of one sign.
    for ball, column in combinations(made, (7, 1)):
        for x in (ball.high, ball.low, ball.radius):
            x[column] = 0.0
    grads[:, 7] = grads[:, 8] = grads[:, 0] = 0.0
    grads[:, 2] = -np.abs(grads[:, 2])
    grads[:, 3] = np.abs(grads[:, 3])
    return state, grads


@pytest.mark.parametrize("slices", [1, 2, 3, 4, 5])
def test_all_parts_at_once(slices):
    """Steps as they occur, on columns of very different magnitudes."""
    state, grads = columns_of_all_sizes(slices, 5)
    steps = real_steps(5)
    # With three slices what is carried is the most, and that is used up.
    assert used(state, grads, steps, (1, 3, 5), slices) > (Fraction(1, 2) if slices > 2 else 0)
    check_radii(state, grads, steps, (1, 3, 5), slices)


@pytest.mark.parametrize("of_theta", [0.0, 2.0**-30])
@pytest.mark.parametrize("of_average", [0.0, 2.0**-29])
def test_radii_of_the_state_are_carried(of_theta, of_average):
    """All else is exact and short; the ends of the balls before become the ends after."""
    state = State(balls([1.0, -0.5, 0.0, 96.0]), balls([0.75, -3.0, 0.0, -64.0]))
    state.theta.radius[:] = of_theta, 0.0, of_theta, of_theta * 64
    state.average.radius[:] = 0.0, of_average, of_average, of_average * 64
    steps = [step(decay=0.75, old=0.5, before=0.25, new=0.25), step(decay=-0.5, new=-1)]
    grads = np.array([[1.0, 2.0, 0.0, -4.0], [0.5, -1.0, 0.0, 8.0]])
    # Theta's ends go into an average in several ways, that may cancel: then less is used.
    near = 1 - Fraction(1, 2**37) if of_theta or of_average else 0
    assert near <= used(state, grads, steps, (1, 2), 3) <= 1
    check_radii(state, grads, steps, (1, 2), 3)
    for after in advance(state, grads, steps, (1, 2), 3):
        assert after.theta.radius[1] == 0
        assert after.average.radius.any() == (of_theta > 0 or of_average > 0)


@pytest.mark.parametrize("place", range(5))
def test_what_the_slices_of_the_inputs_do_not_hold(place):
    """Coefficients of one bit, and an input that is longer than two slices by all but one unit."""
    slices = 2
    w = width(5, slices)
    long, short = (0.5 + 2.0 ** (1 - w * slices)) - 2.0**-53, 2.0**-60
    inner = [np.zeros(1) for _ in range(5)]
    inner[place][:] = long if place in (0, 2, 4) else short
    if place in (1, 3):
        inner[place - 1][:] = 0.5
    zero = np.zeros(1)
    state = State(Balls(inner[0], inner[1], zero), Balls(inner[2], inner[3], zero))
    steps = [step()]
    assert used(state, inner[4][None], steps, (1,), slices) > 0
    check_radii(state, inner[4][None], steps, (1,), slices)


def test_rests_of_all_inputs_add_up():
    """Each input leaves nearly half a unit of the last slice, all of one sign."""
    slices, k = 2, 4
    w = width(4 + k, slices)
    last = 2.0 ** (-w * slices)
    long = 0.75 + last - 2.0**-53
    state = State(balls([long]), balls([long]))
    found = used(state, np.full((k, 1), long), [step()] * k, (1, 4), slices)
    # Of the four numbers of the state two are 0, but the bound does not know.
    assert Fraction(1, 2) < found
    check_radii(state, np.full((k, 1), long), [step()] * k, (1, 4), slices)


def test_products_of_low_slices_are_left_out():
    """Numbers of two slices each, with a last slice that is all but half."""
    w = width(5, 2)
    number = 0.5 + 2.0 ** (-w - 2) - 2.0 ** (1 - 2 * w)
    state = State(balls([number]), balls([0.0]))
    steps = [step(decay=number, gain=number, old=1, new=1)]
    # A slice of the coefficient may be a quarter of what the bound takes it for, and the input's
    # half; of five terms one is there, or two.
    assert used(state, np.array([[number]]), steps, (1,), 2) > Fraction(1, 2**7)
    check_radii(state, np.array([[number]]), steps, (1,), 2)


@pytest.mark.parametrize("name", ["decay", "gain", "old", "before", "new"])
def test_errors_of_coefficients(name):
    """One coefficient is known to an interval, all else is exact and short."""
    steps = [step(before=0.25), step(**{name: (0.5, 0.5 + 2.0**-50)})]
    state = State(balls([1.0, -64.0, 0.0]), balls([1.0, -64.0, 0.0]))
    grads = np.array([[1.0, 0.5, 0.0], [1.0, 2.0, 0.0]])
    assert used(state, grads, steps, (1, 2), 5) > Fraction(1, 8)
    check_radii(state, grads, steps, (1, 2), 5)


def test_coefficients_rounded_to_their_scale():
    """A number below 2**-120 of the coefficient's is lost, and the error says so."""
    steps = [step(decay=1 + Fraction(1, 2**121), gain=1 - Fraction(1, 2**122))]
    state = State(balls([1.0, 0.0, -512.0]), balls([1.0, 0.0, 1024.0]))
    grads = np.array([[0.5, 0.0, 0.25]])
    assert used(state, grads, steps, (1,), 7) > Fraction(1, 32)
    check_radii(state, grads, steps, (1,), 7)


def test_what_two_floats_do_not_hold():
    """Sums of more bits than two float64 numbers: `collect` says what it misses."""
    rng = np.random.default_rng(7)
    state = State(
        Balls(np.ones(40), 2.0**-54 * rng.uniform(0.5, 1, 40), np.zeros(40)),
        balls(rng.uniform(0.5, 1, 40)),
    )
    numbers = [Fraction(int(x), 2**53) for x in rng.integers(2**52, 2**53, 2)]
    steps = [step(decay=numbers[0], gain=numbers[1])]
    grads = rng.uniform(0.5, 1, (1, 40))
    parts = parts_of_radii(state, grads, steps, (1,), 9)
    assert max(map(max, parts)) > 0
    used(state, grads, steps, (1,), 9)
    check_radii(state, grads, steps, (1,), 9)


def test_short_numbers_stay_points():
    """Nothing is lost, so the radius is 0, however the columns differ in magnitude."""
    state = State(balls([1.0, 2.0**600, -(2.0**-600), 0.0, 0.0]), balls([0.5, 0.0, 0.0, 3.0, 0.0]))
    grads = np.array([[1.0, 2.0**601, 0.0, -(2.0**-30), 0.0], [2.0, 0.0, -(2.0**-599), 5.0, 0.0]])
    steps = [step(gain=2.0**-7), step(gain=-(2.0**-9))]
    assert used(state, grads, steps, (1, 2), 4) == 0
    for after in advance(state, grads, steps, (1, 2), 4):
        assert not after.theta.radius.any()
        assert not after.average.radius.any()


def test_a_gradient_far_from_its_column_is_exact_too():
    """Its power of two is beyond the floats, or its inverse is; the number is not."""
    state = State(balls([2.0**990, 1.0]), balls([0.0, 1.0]))
    grads = np.array([[2.0**900, 2.0**60]])
    (after,) = advance(state, grads, [step(gain=2.0**-60)], (1,), 8)
    assert not after.theta.radius.any()
    assert after.theta.high.tolist() == [2.0**990 + 2.0**840, 2.0]
    tiny = State(balls([0.0, 1.0]), balls([0.0, 1.0]))
    grads = np.array([[3 * 2.0**-1040, 1.0]])
    assert used(tiny, grads, [step(gain=2.0**-3)], (1,), 4) <= 1


@pytest.mark.parametrize("large", [2.0**200, 2.0**900, 2.0**998])
@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("gain", [1.0, 2.0**-60])
def test_what_underflows_beside_a_large_number_is_in_the_radius(large, place, gain):
    """Smaller than 2**-1000 of its column's largest: rounded, or nothing at all."""
    numbers = [[large, 1.0], [0.0, 1.0], [0.0, 1.0]]
    numbers[place][0] = 5e-324 if place else large
    if not place:
        numbers[1][0] = numbers[2][0] = 3 * 2.0**-1074
    state, grads = State(balls(numbers[0]), balls(numbers[1])), np.array([numbers[2]])
    steps = [step(gain=gain)]
    assert used(state, grads, steps, (1,), 3) <= 1
    (after,) = advance(state, grads, steps, (1,), 3)
    # Coefficients of theta's high and low part, and of a gradient: at most 1; in the average, half.
    for ball in (after.theta, after.average):
        assert 0 < ball.radius[0] <= 3 * 2.0**-1000 * 2 * large + 2.0**-1070


def test_a_radius_that_underflows_is_carried():
    """A radius beside a number 2**1100 times as large."""
    for of_theta, of_average in ((2.0**-1040, 0.0), (0.0, 2.0**-1040)):
        state = State(balls([2.0**100], 0.0, of_theta), balls([2.0**100], 0.0, of_average))
        assert used(state, np.ones((1, 1)), [step()], (1,), 5) > 0
        (after,) = advance(state, np.ones((1, 1)), [step()], (1,), 5)
        # Half of it, and no more than the roundings of a bound besides.
        assert 0 < after.average.radius[0] <= 2.0**-1000 * 2.0**101 * (0.5 + 2.0**-38)


def test_nothing_known_stays_unknown():
    """An infinite radius, and one beyond the floats beside a small number; nothing is raised."""
    for radius in (np.inf, 2.0**1010):
        state = State(balls([2.0**-300, 1.0]), balls([2.0**-300, 1.0]))
        state.theta.radius[0] = radius
        with np.errstate(all="raise"):
            (after,) = advance(state, np.full((1, 2), [2.0**-300, 1.0]), [step()], (1,), 3)
        assert after.theta.radius.tolist() == [np.inf, 0.0]
        assert after.average.radius.tolist() == [np.inf, 0.0]


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize(("columns", "numbers"), [(16, 5), (16, 16 * 5), (20, 20 * 5 + 4)])
def test_pieces_of_a_block(monkeypatch, columns, numbers, piece):
    """Each has its own slices: what is short is a point, beside a piece of long numbers."""
    monkeypatch.setattr(blocks, "_PIECE", numbers)
    rng = np.random.default_rng(1)
    n = 2 * columns + 3
    long = np.arange(n) // columns == piece
    high = np.where(long, rng.uniform(0.5, 1, n), np.arange(n))
    state = State(balls(high), balls(high, 0.0, np.where(long, 2.0**-40, 0.0)))
    grads = rng.integers(-9, 9, (1, n)).astype(float)
    assert used(state, grads, [step()], (1,), 2) > 0
    (after,) = advance(state, grads, [step()], (1,), 2)
    for ball in (after.theta, after.average):
        assert (ball.radius > 0).tolist() == long.tolist()


@pytest.mark.parametrize(("dtype", "first"), [("float32", 3), ("float64", 4)])
def test_depth_of_blocks(dtype, first):
    """One slice more from block 4 on, which makes balls narrower than a slice's last place."""
    assert [depth(dtype, block) for block in (0, 1, 2, 3, 4, 5, 999)] == [first] * 4 + [
        first + 1
    ] * 3


def test_a_trajectory_starts_at_a_point():
    """The average is theta; integers are made floats."""
    state = initial([1, 2])
    assert state.theta is state.average
    assert state.theta.high.dtype == np.float64
    assert not state.theta.radius.any()


def test_a_slice_more_is_worth_its_bits():
    """With 100 steps balls get 2**-w as wide with each slice, to some multiple of their number."""
    rng = np.random.default_rng(3)
    k = 100
    state = initial(rng.uniform(-1, 1, 5))
    grads, steps = rng.uniform(-1, 1, (k, 5)), real_steps(k)
    widest = []
    for slices in (2, 3, 4):
        (after,) = advance(state, grads, steps, (k,), slices)
        widest.append(max(after.theta.radius.max(), after.average.radius.max()))
        # Pairs of slices at most slices^2, each of k + 4 terms of at most 2 (which is 2^2 as
        # the exponent of a coefficient has it) in a column of numbers below 2.
        w = width(k + 4, slices)
        assert widest[-1] <= (k + 4) * 8 * slices**2 * 2.0 ** (-w * slices)
    assert all(narrow < wide * 2.0**-18 for wide, narrow in pairwise(widest))
