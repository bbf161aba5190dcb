"""The certified power and step size against independent oracles: integers, Arb and MPFR."""

import random
from fractions import Fraction

import pytest

from asgd.reference import Enclosure, formats
from asgd.reference.certified.certificate import (
    enclosed_step_size,
    rational_step_size,
    rounded_step_size,
)
from asgd.reference.rounding import round_fraction

DYADIC_POWERS = [0.75, 0.5, 0.25, 1.5, 2.0, 0.875, 3.125]


def _draw(rng):
    return {
        "lr": rng.choice([1.0, 0.01, rng.random(), 2.0 ** rng.uniform(-300, 300)]),
        "lambd": rng.choice([1.0, 1e-4, rng.random(), 2.0 ** rng.uniform(-300, 300), 2.0**-300]),
        "alpha": rng.choice([0.75, rng.random(), 2.0**-30 * rng.random(), 8 * rng.random(), 20.5]),
    }


@pytest.mark.parametrize("seed", range(4))
def test_integers_confirm_the_step_size(seed):
    """With alpha = p/q: low**q x**p <= lr**q <= high**q x**p, by integers alone."""
    rng = random.Random(seed)
    for _ in range(100):
        hyper = _draw(rng) | {"alpha": rng.choice(DYADIC_POWERS)}
        t = rng.randint(0, 10**6)
        low, high = enclosed_step_size(t, **hyper).bounds()
        p, q = hyper["alpha"].as_integer_ratio()
        x = 1 + Fraction(hyper["lambd"]) * Fraction(hyper["lr"]) * t
        assert low**q * x**p <= Fraction(hyper["lr"]) ** q <= high**q * x**p


@pytest.mark.parametrize("seed", range(4))
def test_arb_confirms_the_power(seed):
    """Arb's enclosure at 900 bits lies within ours, for any base, exponent and precision."""
    flint = pytest.importorskip("flint")
    rng = random.Random(seed)
    flint.ctx.prec = 900
    for _ in range(500):
        precision = rng.choice([53, 64, 128, 300])
        base = 1 + Fraction(rng.random() * 2.0 ** rng.choice([0, -80, rng.randint(0, 300)]))
        alpha = Fraction(_draw(rng)["alpha"])
        power = Enclosure.of(base, precision) ** Enclosure.of(float(alpha), precision)
        exact = flint.arb(flint.fmpq(base.numerator, base.denominator)) ** flint.arb(
            flint.fmpq(alpha.numerator, alpha.denominator)
        )
        low, high = (
            flint.arb(flint.fmpq(end.numerator, end.denominator)) for end in power.bounds()
        )
        assert low <= exact <= high
        assert high - low <= exact * 2.0 ** (16 - precision)


@pytest.mark.parametrize("name", formats)
def test_mpfr_rounds_alike(name):
    """Correctly rounded values are those of MPFR at 400 bits, rounded once."""
    gmpy2 = pytest.importorskip("gmpy2")
    rng = random.Random(5)
    fmt = formats[name]
    with gmpy2.context(precision=400, emin=-(10**6), emax=10**6):
        for _ in range(500):
            hyper, t = _draw(rng), rng.randint(1, 10**6)
            lr, lambd, alpha = (gmpy2.mpfr(v) for v in hyper.values())
            eta = lr / (1 + lambd * lr * t) ** alpha
            expected = round_fraction(Fraction(gmpy2.mpq(eta)), fmt)
            assert rounded_step_size(t, **hyper, fmt=fmt) == expected


def test_a_root_that_is_exact_is_a_point():
    """With lr = lambd = 1, t = 15, alpha = 0.75 is exactly 1/8."""
    hyper = {"lr": 1.0, "lambd": 1.0, "alpha": 0.75}
    assert enclosed_step_size(15, **hyper).bounds() == (Fraction(1, 8), Fraction(1, 8))
    assert rational_step_size(15, **hyper) == Fraction(1, 8)
    assert rational_step_size(14, **hyper) is None
    # 9/4 is a square, and so are its parts.
    assert rational_step_size(5, lr=0.25, lambd=1.0, alpha=0.5) == Fraction(1, 6)


def test_the_exponent_is_never_cut():
    """Lower precisions than a float's are for lr and lambd alone: alpha must stay exact."""
    hyper = {"lr": 0.1, "lambd": 0.3, "alpha": 1 + 2.0**-52}
    poor, good = (enclosed_step_size(9, **hyper, precision=p).bounds() for p in (24, 128))
    assert poor[0] < good[0] < good[1] < poor[1]


@pytest.mark.parametrize(
    ("t", "lr", "lambd", "alpha", "expected"),
    [
        # x = 1 + (2**25 + 1) (2**25 - 1) = 2**50, and 25 ones are half way between float32 numbers.
        (1, 2.0**25 - 1, 2.0**25 + 1, 0.5, 1.0),
        (1, 2.0**25 - 1, 2.0**25 + 1, 1.5, 2.0**-50),
        (0, 1 + 2.0**-24, 1.0, 0.3, 1.0),
        (7, 1 + 3 * 2.0**-24, 0.0, 0.3, 1 + 2.0**-22),
        (9, 2.0**-150, 2.0**-300, 0.0, 0.0),
    ],
)
def test_ties_go_to_the_even_neighbour(t, lr, lambd, alpha, expected):
    """A step size half way between two float32 numbers is decided."""
    fmt = formats["float32"]
    assert rounded_step_size(t, lr=lr, lambd=lambd, alpha=alpha, fmt=fmt) == expected
    assert round_fraction(rational_step_size(t, lr=lr, lambd=lambd, alpha=alpha), fmt) == expected


@pytest.mark.parametrize(
    ("lr", "lambd", "alpha"),
    [(1.0, 2.0**-300, 2.0**290), (1e300, 1e300, 1e300), (1.0, 2.0**-1074, 1.0), (5e-324, 1.0, 7.5)],
)
def test_extremes_are_decided(lr, lambd, alpha):
    """Huge powers and bases next to 1 end too, and agree with a much higher precision."""
    fmt = formats["float64"]
    value = rounded_step_size(10, lr=lr, lambd=lambd, alpha=alpha, fmt=fmt)
    precise = enclosed_step_size(10, lr=lr, lambd=lambd, alpha=alpha, precision=4096)
    assert precise.rounded(fmt) == value
