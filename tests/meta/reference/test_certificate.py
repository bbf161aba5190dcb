"""The certificate against other oracles: Arb, MPFR, exact rationals, and mpmath's own values."""

import math
import random
from fractions import Fraction
from itertools import product

import flint
import gmpy2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgd.reference import Enclosure, decide, descend, formats, real, step_size
from asgd.reference.certified.certificate import rational_step_size
from asgd.reference.certified.enclosure import TooWideError, _binomial, _fractional_power
from asgd.reference.numbers import PRECISION
from asgd.reference.rounding import round_dyadic, round_fraction, ulp

FORMATS = list(formats.values())
_RATES = st.floats(0.0, 1e300, allow_subnormal=True)
_POWERS = st.one_of(st.sampled_from([0.0, 0.5, 0.75, 1.0, 2.0]), st.floats(0.0, 20.0))
_STEPS = st.integers(0, 2**60)


def _enclosed(t, lr, lambd, alpha, precision=128):
    numbers = {"lr": lr, "lambd": lambd, "alpha": alpha}
    return step_size(t, **{k: Enclosure.of(v, precision) for k, v in numbers.items()})


def _arb(t, lr, lambd, alpha):
    """The step size as a ball of Arb's, at 600 bits."""
    before, flint.ctx.prec = flint.ctx.prec, 600
    try:
        x = 1 + flint.arb(lambd) * flint.arb(lr) * t
        return flint.arb(lr) / x ** flint.arb(alpha)
    finally:
        flint.ctx.prec = before


def _fraction(x):
    """Exact value of an Arb midpoint or radius."""
    mantissa, exponent = x.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


@given(_STEPS, _RATES, _RATES, _POWERS)
def test_step_size_meets_arb(t, lr, lambd, alpha):
    """E2: the enclosure and Arb's ball contain the same number, so they overlap."""
    try:
        low, high = _enclosed(t, lr, lambd, alpha).bounds()
    except TooWideError:
        return
    ball = _arb(t, lr, lambd, alpha)
    middle, radius = _fraction(ball.mid()), _fraction(ball.rad())
    assert low <= middle + radius
    assert middle - radius <= high


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda f: f.name)
def test_step_size_rounds_as_mpfr(fmt):
    """E2: where MPFR's value at 400 bits is far from a tie, it rounds to the certified float."""
    rng = random.Random(2)
    sizes = {"float32": (24, -148, 128), "float64": (53, -1073, 1024)}
    precision, emin, emax = sizes[fmt.name]
    target = gmpy2.context(precision=precision, emin=emin, emax=emax, subnormalize=True)
    wide = gmpy2.context(precision=400)
    for _ in range(300):
        lr, lambd = math.ldexp(rng.random(), rng.randint(-80, 8)), 2.0 ** rng.uniform(-80, 20)
        alpha, t = rng.choice([0.75, 0.5, rng.uniform(0, 20)]), rng.randint(0, 10**6)
        with gmpy2.context(wide):
            x = 1 + gmpy2.mpfr(lambd) * gmpy2.mpfr(lr) * t
            eta = gmpy2.mpfr(lr) / x ** gmpy2.mpfr(alpha)
        with gmpy2.context(target):
            expected = float(gmpy2.mpfr(eta))
        numbers = {"lr": lr, "lambd": lambd, "alpha": alpha}
        got = decide(lambda p, t=t, n=numbers: _enclosed(t, **n, precision=p), fmt)
        assert got == expected, (t, numbers)


@given(_STEPS, st.floats(1e-100, 1e6), st.floats(1e-100, 1e6), st.floats(0.0, 20.0))
def test_the_readable_formula_lies_in_the_certificate(t, lr, lambd, alpha):
    """E2 in mpmath at 2000 bits lies in the enclosure at 128 bits."""
    numbers = {"lr": lr, "lambd": lambd, "alpha": alpha}
    eta = step_size(t, **{k: real(v, 2000) for k, v in numbers.items()})
    sign, mantissa, exponent, _ = eta._mpf_
    exact = (-1) ** sign * int(mantissa) * Fraction(2) ** exponent
    # mpmath proves nothing: its last bits are granted a margin that the enclosure dwarfs.
    low, high = _enclosed(t, lr, lambd, alpha).bounds()
    margin = exact * Fraction(1, 2**1900)
    assert low - margin <= exact <= high + margin


@given(st.integers(1, 40), st.integers(0, 3))
def test_rational_powers_are_exact(root, power):
    """E2 with a rational result: lr = lambd = 1 and 1 + t = root^4 give root^-power exactly."""
    enclosure = _enclosed(root**4 - 1, 1.0, 1.0, power / 4)
    assert enclosure.contains(Fraction(1, root**power))


def test_an_eighth():
    """E2: lr = lambd = 1, t = 15, alpha = 0.75 is exactly 1/8."""
    for fmt in FORMATS:
        assert decide(lambda p: _enclosed(15, 1.0, 1.0, 0.75, p), fmt) == 0.125


def test_agreement_at_two_precisions_is_no_proof():
    """E3: theta_0 = g = lr = 1 and lambd = 2^-300: mpmath says 0 up to 226 bits; truth is tiny."""
    tiny = 2.0**-300

    def compute(precision):
        one, lambd = Enclosure.of(1.0, precision), Enclosure.of(tiny, precision)
        return descend(one, one, eta=one, lambd=lambd)

    assert decide(compute, formats["float64"]) == -tiny
    for precision in (53, 80, 113, 226):
        one, lambd = real(1.0, precision), real(tiny, precision)
        assert descend(one, one, eta=one, lambd=lambd) == 0


def test_a_tie_stays_undecided():
    """An enclosure around a tie decides nothing, at any precision, and says so."""
    fmt = formats["float64"]
    tie = Enclosure(2**53 + 1, 2**53 + 1, 0)
    around = Enclosure((2**53 + 1 << 60) - 1, (2**53 + 1 << 60) + 1, -60)
    assert tie.rounded(fmt) == 2.0**53
    assert around.rounded(fmt) is None
    assert around.candidates(fmt) == (2.0**53, 2.0**53 + 2)
    assert decide(lambda _: around, fmt) is None
    assert decide(lambda _: tie, fmt, precision=64, highest=64) == 2.0**53


_FRACTIONS = st.fractions(max_denominator=10**6).flatmap(
    lambda f: st.integers(-1200, 1200).map(lambda e: f * Fraction(2) ** e)
)


@given(_FRACTIONS)
def test_rounding_of_fractions(x):
    """Correct rounding to float64 is Python's own; of a float32, MPFR's."""
    try:
        expected = x.numerator / x.denominator
    except OverflowError:
        expected = math.inf if x > 0 else -math.inf
    assert round_fraction(x, formats["float64"]) == expected
    with gmpy2.context(precision=24, emin=-148, emax=128, subnormalize=True):
        assert round_fraction(x, formats["float32"]) == float(gmpy2.mpfr(gmpy2.mpq(x)))


@given(st.integers(-(2**80), 2**80), st.integers(-1200, 1100))
def test_rounding_of_dyadics(mantissa, exponent):
    """Both roundings agree, ties, subnormals and overflow included."""
    for fmt in FORMATS:
        exact = mantissa * Fraction(2) ** exponent
        assert round_dyadic(mantissa, exponent, fmt) == round_fraction(exact, fmt)


def test_rounding_at_the_edges():
    """Ties to even, the smallest subnormal, half of it, and the overflow threshold."""
    single = formats["float32"]
    assert round_fraction(1 + Fraction(1, 2**24) + Fraction(1, 2**60), single) == 1 + 2.0**-23
    assert round_fraction(1 + Fraction(1, 2**24), single) == 1.0
    assert round_fraction(Fraction(1, 2**150), single) == 0.0
    assert round_fraction(Fraction(3, 2**151), single) == 2.0**-149
    assert math.copysign(1, round_fraction(-Fraction(1, 2**160), single)) == -1
    assert round_fraction(Fraction(2) ** 128 - Fraction(2) ** 103, single) == math.inf
    assert round_fraction(Fraction(2) ** 128 - Fraction(2) ** 103 - 1, single) == single.largest
    assert ulp(1.0, single) == 2.0**-23
    assert ulp(0.0, single) == 2.0**-149


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda f: f.name)
def test_rounding_where_a_digit_is_gained_or_lost(fmt):
    """All ones and their neighbours, at the edges of the format, as NumPy and Python round them."""
    for bits in range(fmt.digits - 1, fmt.digits + 4):
        ends = (fmt.lowest - bits, fmt.lowest, -bits, fmt.highest - bits)
        for low, step in product(ends, range(-3, 4)):
            for mantissa in range(2**bits - 9, 2**bits + 10):
                exponent = low + step
                got = round_dyadic(mantissa, exponent, fmt)
                assert got == _rounded(mantissa, exponent, fmt)
                assert round_dyadic(-mantissa, exponent, fmt) == -got


def _rounded(mantissa, exponent, fmt):
    try:
        if fmt.name == "float64":
            return float(mantissa * 2**exponent) if exponent >= 0 else mantissa / 2**-exponent
        with np.errstate(over="ignore"):
            return float(np.float32(math.ldexp(mantissa, exponent)))
    except OverflowError:
        return math.inf


@pytest.mark.parametrize("fmt", FORMATS, ids=lambda f: f.name)
def test_formats_are_what_numpy_says(fmt):
    """The constants of each format, and an ulp that is infinite where there is no next number."""
    known = np.finfo(fmt.name)
    assert formats[fmt.name] is fmt
    assert (fmt.u, fmt.tiny) == (known.eps / 2, known.smallest_subnormal)
    assert (fmt.smallest_normal, fmt.largest) == (known.smallest_normal, known.max)
    assert ulp(math.inf, fmt) == math.inf
    assert math.copysign(1, round_dyadic(0, 0, fmt)) == 1


_INTERVALS = st.builds(
    lambda a, b, e, p: Enclosure(min(a, b), max(a, b), e, p),
    st.integers(-(2**90), 2**90),
    st.integers(-(2**90), 2**90),
    st.integers(-900, 900),
    st.sampled_from([8, 64, 128]),
)


@given(_INTERVALS, _INTERVALS, st.fractions(0, 1), st.fractions(0, 1))
def test_inclusion(a, b, x, y):
    """Every operation contains the results for the members of its operands."""
    (low, high), (left, right) = a.bounds(), b.bounds()
    p, q = low + x * (high - low), left + y * (right - left)
    assert (a + b).contains(p + q)
    assert (a - b).contains(p - q)
    assert (a * b).contains(p * q)
    assert (-a).contains(-p)
    assert Enclosure.hull(a, b).contains(p)
    assert a.magnitude() >= abs(p)
    if not b.contains(0):
        assert (a / b).contains(p / q)


@given(
    st.integers(2**60, 2**90),
    st.integers(0, 2**20),
    st.integers(0, 5),
    st.integers(0, 9),
    st.integers(0, 3),
)
def test_inclusion_of_powers(low, width, n, bits, steps):
    """A power contains x^alpha, checked by raising to the denominator: y^8 against x^(8 alpha)."""
    x = Enclosure(low, low + width, -60, 64)
    alpha = Fraction(8 * n + bits % 8, 8)
    power = x ** Enclosure.of(alpha)
    member = Fraction(low, 2**60) + Fraction(width * steps, 3 * 2**60)
    least, most = power.bounds()
    exact = member ** (8 * n + bits % 8)
    assert least**8 <= exact <= most**8


def _lies_between(low, base, high, bits, count, scale):
    """Whether low <= base**(bits / 2**count) <= high in fixed point, by integers alone."""
    exact = base**bits << scale * (2**count - bits)
    return low ** (2**count) <= exact <= high ** (2**count)


@pytest.mark.parametrize("scale", [14, 24, 60])
def test_fractional_powers_are_enclosed_to_the_last_unit(scale):
    """Before the guard digits are rounded away, which would hide what is missing."""
    rng, one = random.Random(scale), 1 << scale
    for _ in range(400):
        count = rng.randint(1, 6)
        bits = rng.randrange(1, 2**count)
        base = one + rng.choice(
            [0, 1, one >> 12, one >> 11, 3 * one, 15 * one, rng.getrandbits(scale)]
        )
        base <<= rng.choice([0, 0, 1, 7])
        low, high = _fractional_power(base, bits, count, scale)
        assert _lies_between(low, base, high, bits, count, scale)
    assert _fractional_power(16 * one, 3, 2, scale) == (8 * one, 8 * one)
    low, high = _fractional_power(17 * one, 3, 2, scale)
    assert low < high


def test_the_binomial_series_is_enclosed():
    """Of a root that is up to two units low."""
    rng, scale = random.Random(1), 40
    for _ in range(300):
        count = rng.randint(1, 6)
        bits, d = rng.randrange(1, 2**count), rng.getrandbits(rng.randint(0, 29))
        low, high = _binomial(d, bits, count, scale)
        for root in ((1 << scale) + d, (1 << scale) + d + 2):
            assert _lies_between(low, root, high, bits, count, scale)


def test_a_float_is_no_real():
    """A float does not leak into the arithmetic of the truth."""
    with pytest.raises(TypeError):
        Enclosure.of(1) + 0.5
    with pytest.raises(TypeError, match="exact value"):
        real("0.1")
    with pytest.raises(ValueError, match="finite"):
        Enclosure.of(math.inf)


def test_what_a_real_is_made_of():
    """Each kind of number that has an exact value, and none other."""
    third = real(Fraction(1, 3), 100)
    assert third == 1 / real(3, 100)
    assert real(np.float32(0.1), 100) == real(float(np.float32(0.1)), 100)
    assert real(np.int64(7)) == 7
    assert real(third, 50) == third
    assert (real(third, 50) * 1).context.prec == 50
    assert real(1).context.prec == PRECISION
    with pytest.raises(TypeError, match="exact value"):
        real(np.complex64(1))


def _interval(rng, precision):
    """Interval of any sign and place, often a point, often at zero."""
    low, width = rng.randint(-(2**90), 2**90) >> rng.randint(0, 92), rng.choice([0, 1, 2**40])
    low = rng.choice([low, low, 0, -width])
    return Enclosure(low, low + width, rng.choice([-900, -60, 0, 0, 3, 700]), precision)


def _is_tight(got, ends, precision):
    """Whether both ends are at most four units of the precision outside.

    An operand's end may be rounded once more, for a bit that rounding gained, and so the result's.
    """
    low, high = min(ends), max(ends)
    largest = max(abs(low), abs(high))
    exponent = largest.numerator.bit_length() - largest.denominator.bit_length() + 1
    unit = Fraction(2) ** (exponent - precision)
    left, right = got.bounds()
    assert got.precision == precision
    return low - 4 * unit <= left <= low <= high <= right <= high + 4 * unit


@pytest.mark.parametrize("seed", range(3))
def test_intervals_grow_by_their_last_place_alone(seed):
    """Operations contain what they must, and no more than outward rounding adds."""
    rng = random.Random(seed)
    for _ in range(150):
        p = rng.choice([8, 64, 128])
        a, b = _interval(rng, p), _interval(rng, p)
        number = rng.choice([3, -7, 0, Fraction(5, 4)])
        (low, high), (left, right) = a.bounds(), b.bounds()
        assert _is_tight(-a, (-low, -high), p)
        assert _is_tight(a + b, (low + left, high + right), p)
        assert _is_tight(a - b, (low - right, high - left), p)
        products = [x * y for x in (low, high) for y in (left, right)]
        assert _is_tight(a * b, products, p)
        assert _is_tight(a + number, (low + number, high + number), p)
        assert _is_tight(number - a, (number - low, number - high), p)
        assert _is_tight(number * a, (number * low, number * high), p)
        assert _is_tight(Enclosure.hull(a, b), (low, high, left, right), p)
        assert a.contains(low) is a.contains(high) is True
        assert a.contains(low - Fraction(1, 2**999)) is a.contains(high + 1) is False
        if low <= 0 <= high:
            with pytest.raises(ZeroDivisionError if low == high else TooWideError):
                b / a
            continue
        quotients = [x / y for x in (left, right) for y in (low, high)]
        assert _is_tight(b / a, quotients, p)
        assert _is_tight(number / a, (number / low, number / high), p)


def test_the_larger_precision_is_kept():
    """In each operation of two."""
    for p, q in ((8, 64), (64, 8)):
        a, b = Enclosure(2**60 + 1, 2**60 + 1, 0, p), Enclosure(2**60 + 3, 2**60 + 3, 0, q)
        for made in (a + b, a - b, a * b, a / b, Enclosure.hull(a, b)):
            assert made.precision == 64
        assert (a**2).precision == (a ** Enclosure.of(0.5)).precision == (-a).precision == p


def test_comparisons_are_certain_or_refused():
    """Of intervals next to each other, that touch, that overlap, and of points."""
    for (a, b), (c, d) in product([(0, 0), (0, 2), (1, 1), (-3, 1), (2, 5)], repeat=2):
        x, y = Enclosure(a, b, -1), Enclosure(c, d, -1)
        if b < c or d < a or a == b == c == d:
            assert (x < y, x > y) == (b < c, d < a)
            assert (x < Fraction(c, 2), x > Fraction(c, 2)) == (b < c, a > c) or c != d
        else:
            with pytest.raises(TooWideError):
                assert x < y


def test_magnitudes_are_rounded_up():
    """To a float, from subnormal numbers to beyond the largest."""
    for low, high, exponent in product(
        (-(2**80) - 1, -5, 0), (0, 3, 2**70 + 1), (-1200, -1076, -1075, -1074, 0)
    ):
        x = Enclosure(low, high, exponent)
        largest = max(map(abs, x.bounds()))
        got = Fraction(x.magnitude())
        assert largest <= got <= largest * (1 + Fraction(1, 2**50)) + Fraction(1, 2**1073)
    assert Enclosure(1, 1, 1024).magnitude() == Enclosure(1, 1, 5000).magnitude() == math.inf
    assert Enclosure(1, 1, 1023).magnitude() == 2.0**1023
    # Where eta is 0, a subnormal theta that may not move is exactly what it was.
    assert Enclosure(0, 0, -9247).magnitude() == 0
    assert Enclosure(0, 1, -9247).magnitude() == 5e-324


def test_what_an_enclosure_is_made_of():
    """Each kind of number, exactly where its bits suffice, and nothing else."""
    for x in (3, -0.1, Fraction(3, 8), np.float32(0.1), np.int64(-7), Enclosure.of(0.1)):
        exact = (
            x.bounds()[0]
            if isinstance(x, Enclosure)
            else Fraction(x.item() if hasattr(x, "item") else x)
        )
        assert Enclosure.of(x).bounds() == (exact, exact)
        low, high = Enclosure.of(x, 8).bounds()
        assert low <= exact <= high
        assert Enclosure.of(x, 8).precision == 8
    third = Enclosure.of(Fraction(1, 3), 20).bounds()
    assert third[0] < Fraction(1, 3) < third[1]
    assert third[1] - third[0] <= Fraction(1, 2**20)
    for wrong in ("1", 1j, np.complex64(1)):
        with pytest.raises(TypeError, match="must be a number"):
            Enclosure.of(wrong)
    for exponent in (Enclosure(1, 2, 0), Enclosure.of(-1), Enclosure.of(-0.5)):
        with pytest.raises(ValueError, match="exact and >= 0"):
            Enclosure.of(2) ** exponent
    with pytest.raises(ValueError, match="base >= 1"):
        Enclosure.of(0.75) ** Enclosure.of(0.5)
    with pytest.raises(ValueError, match="base >= 1"):
        Enclosure.of(2.0**-300) ** Enclosure.of(0.5)
    with pytest.raises(ValueError, match="at most high"):
        Enclosure(1, 0, 0)


def test_whole_powers_of_short_numbers_are_points():
    """Nothing is rounded where the bits suffice; a base below 1 may have a whole power."""
    for n in range(9):
        assert (Enclosure.of(-1.5) ** n).bounds() == (Fraction(-3, 2) ** n,) * 2
        assert (Enclosure.of(0.75) ** Enclosure.of(float(n))).bounds() == (Fraction(3, 4) ** n,) * 2
    assert (Enclosure.of(2) ** Enclosure.of(Fraction(3, 2) * 2)).bounds() == (8, 8)
    assert (Enclosure.of(0.75) ** Enclosure(4, 4, -1)).bounds() == (Fraction(9, 16),) * 2
    assert (Enclosure.of(16) ** Enclosure.of(0.75)).bounds() == (8, 8)
    assert (Enclosure.of(1) ** Enclosure.of(0.3)).bounds() == (1, 1)


def test_powers_that_are_left_out_make_no_tie():
    """The two lemmas on which certificate.md, "Termination", rests, over all short bases."""
    for n in range(2, 1 << 12):
        bits = n.bit_length()
        assert n**3 >= 2 ** (bits + 1)  # log2 n is a third of bits + 1 at least
        assert n % 2 == 0 or n**3 >= 2 ** (2 * bits)  # and of an odd one two thirds of the bits
    # Longer ones follow from n >= 2^(bits - 1).
    assert all(3 * (bits - 1) >= 2 * bits for bits in range(13, 10_000))
    assert rational_step_size(1, lr=1.0, lambd=2.0, alpha=8191.0) is None
