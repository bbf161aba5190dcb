"""E2 in float64 and float32: correctly rounded, whichever way it is computed."""

import decimal
import math
import os
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from asgd.fast import certificate, double_double, step_size
from asgd.fast.certificate import rounded
from asgd.fast.step_size import one_step_size
from asgd.reference import formats
from asgd.reference import step_size as exact_step_size
from asgd.reference.certified.enclosure import Enclosure, decide
from asgd.reference.numbers import context, real
from asgd.reference.rounding import round_fraction

DTYPES = ("float32", "float64")


def _draw(rng: np.random.Generator) -> tuple[int, float, float, float]:
    """Steps and hyperparameters, from tiny to huge lambd lr t, and alpha up to 20."""
    lr = math.ldexp(rng.random() + 0.5, int(rng.choice([0, -7, rng.integers(-60, 60)])))
    lambd = math.ldexp(rng.random() + 0.5, int(rng.choice([0, -13, rng.integers(-100, 60)])))
    alpha = float(rng.choice([0.75, 0.5, 1.0, 2 / 3, 2 * rng.random(), 20 * rng.random()]))
    return int(2 ** (40 * rng.random())), lr, lambd, alpha


def _truth(t, lr, lambd, alpha, dtype):
    """Correctly rounded step size by the reference, which shares nothing with `fast`."""

    def enclose(precision):
        return exact_step_size(
            t,
            lr=Enclosure.of(lr, precision),
            lambd=Enclosure.of(lambd, precision),
            alpha=Enclosure.of(alpha, precision),
        )

    return decide(enclose, formats[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_step_sizes_are_correctly_rounded(dtype):
    """One by one and in arrays, against the reference's certificate."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        t, lr, lambd, alpha = _draw(rng)
        expected = _truth(t, lr, lambd, alpha, dtype)
        hyper = {"lr": lr, "lambd": lambd, "alpha": alpha, "dtype": dtype}
        assert float(step_size(t, **hyper)) == expected, (t, lr, lambd, alpha)
        assert float(step_size(np.array([t]), **hyper)[0]) == expected, (t, lr, lambd, alpha)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_block_has_the_bits_of_its_steps(dtype):
    """Arrays, whatever their length and order, hold what single steps give."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        _, lr, lambd, alpha = _draw(rng)
        t = rng.integers(0, 10**6, (3, 17))
        block = step_size(t, lr=lr, lambd=lambd, alpha=alpha, dtype=dtype)
        assert block.dtype == dtype
        for index in np.ndindex(t.shape):
            one = rounded(int(t[index]), lr, lambd, alpha, dtype == "float32")
            assert float(block[index]) == one, (t[index], lr, lambd, alpha)


def test_error_bound_of_the_sum_of_two_floats():
    """The proven bound (kernels.md, "Step size") holds, and is not slack beyond reason."""
    mp = context(300)
    rng = np.random.default_rng(2)
    largest = 0.0
    for _ in range(1000):
        t, lr, lambd, alpha = _draw(rng)
        power = alpha * math.log1p(lambd * lr * t)
        if power > double_double.LARGEST_LOGARITHM:
            continue
        high, low, exponent, error = double_double.step_size(
            float(t), lr=lr, lambd=lambd, alpha=alpha, arithmetic=double_double.scalar()
        )
        got = mp.ldexp(real(high, 300) + real(low, 300), int(exponent))
        arguments = (real(x, 300) for x in (lr, lambd, alpha))
        exact = exact_step_size(t, **dict(zip(("lr", "lambd", "alpha"), arguments, strict=True)))
        distance = abs(float(got / exact - 1))
        assert error == alpha * 2.0**-73 + 2.0**-78
        assert distance <= error, (t, lr, lambd, alpha, distance / error)
        largest = max(largest, distance / error)
    assert largest > 2.0**-10


def _both(work, *columns):
    """What Python floats and arrays give; they must be the same numbers."""
    floats = [work(*map(float, row), double_double.scalar()) for row in zip(*columns, strict=True)]
    arrays = np.stack(work(*map(np.array, columns), double_double.vector()), axis=1)
    assert arrays.tolist() == [list(map(float, row)) for row in floats]
    return floats


def test_the_logarithm_is_within_its_bound():
    """kernels.md, "Step size", 3: at the ends and in the middle of each interval of the table."""
    mp = context(200)
    parts = [1 + (i + s) / 256 for i in range(256) for s in (0, 0.5, 1 - 2.0**-44)]
    high = [math.ldexp(part, k) for k in (0, 1, 1000) for part in parts]
    low = [x * 2.0**-54 * (-1) ** i for i, x in enumerate(high)]
    low[0] = 2.0**-54  # The logarithm is of numbers that are at least 1.
    for x, y, got in zip(high, low, _both(double_double._log, high, low), strict=True):
        exact = mp.log(real(x, 200) + real(y, 200))
        error = abs(real(got[0], 200) + real(got[1], 200) - exact)
        assert error <= 2.0**-75 + 2.0**-93 * exact
        assert got[0] + got[1] == got[0]


def test_the_exponential_is_within_its_bound():
    """kernels.md, "Step size", 5: at the ends and in the middle of each interval of the table."""
    mp = context(200)
    unit = math.log(2) / 256
    high = [-(n + s) * unit for n in [*range(1, 258), 256 * 999] for s in (-0.499, 0, 0.499)]
    high += [0.0, -(2.0**-60), -700.0]
    low = [y * 2.0**-54 * (-1) ** i for i, y in enumerate(high)]
    for y, z, got in zip(high, low, _both(double_double._exp, high, low), strict=True):
        exact = mp.exp(real(y, 200) + real(z, 200))
        value = mp.ldexp(real(got[0], 200) + real(got[1], 200), int(got[2]))
        assert abs(value / exact - 1) <= 2.0**-80
        assert 0.5 <= got[0] < 2.5


def test_the_parts_of_ln_2_multiply_exactly():
    """Each part times any count that occurs is a float64 number, and all of ln 2 is there."""
    mp = context(200)
    ln2, unit = mp.log(2), mp.log(2) / 256
    assert [len(table) for table in double_double.tables()] == [256] * 5
    for part, bits in ((double_double._LN2_HIGH, 11), (double_double._UNIT_HIGH, 19)):
        assert Fraction(part) * (2**bits - 1) == Fraction(part * (2**bits - 1))
    middle = double_double._UNIT_MIDDLE
    assert Fraction(middle) * (2**19 - 1) == Fraction(middle * (2**19 - 1))
    parts = [real(x, 200) for x in (double_double._LN2_HIGH, double_double._LN2_LOW)]
    assert abs(sum(parts) / ln2 - 1) <= 2.0 ** -(42 + 53)
    units = (double_double._UNIT_HIGH, middle, double_double._UNIT_LOW)
    assert abs(sum(real(x, 200) for x in units) / unit - 1) <= 2.0 ** -(34 + 34 + 53)


def test_sums_and_products_of_two_floats_lose_nothing():
    """Whatever their signs, sizes and order."""
    rng = np.random.default_rng(8)
    a, b = rng.standard_normal((2, 500)) * 2.0 ** rng.integers(-90, 90, (2, 500))
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        assert sum(map(Fraction, double_double.two_sum(x, y))) == Fraction(x) + Fraction(y)
        assert sum(map(Fraction, double_double.two_product(x, y))) == Fraction(x) * Fraction(y)


@pytest.mark.parametrize(
    ("t", "lr", "lambd", "alpha"),
    [
        (15, 1.0, 1.0, 0.75),  # exactly 1/8
        (3, 1.0 + 2.0**-52, 1.0, 0.5),  # the square root of a number near 4
        (2**60 + 1, 0.5, 0.5, 0.75),  # t is no float64 number
        (7, 5e-324, 1.0, 0.75),  # subnormal
        (7, 1e308, 1e308, 3.0),  # lambd lr t is beyond the floats
        (10**6, 1e-300, 1e-300, 20.0),  # lr, to the last bit
        (9, 1.7e308, 1e-320, 1e5),
        (100, 3e38, 1e-45, 1e-3),
        (1, 1e-40, 1.0, 1e-9),  # subnormal in float32
        (1, 1.0, 1.0, 1e300),  # 2 to a power that no decimal number holds
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_awkward_step_sizes(dtype, t, lr, lambd, alpha):
    """Ties, exact results, and both ends of the range."""
    hyper = {"lr": lr, "lambd": lambd, "alpha": alpha, "dtype": dtype}
    with np.errstate(all="raise"):
        one = step_size(t, **hyper)
        block = step_size(np.array([t]), **hyper)
    assert float(one) == float(block[0]) == rounded(t, lr, lambd, alpha, dtype == "float32")


_MODULE = sys.modules[one_step_size.__module__]
_CERTIFIED = 7.0


def _both_ways(monkeypatch, single, high, low, exponent=0, error=2.0**-60):
    """Results where the sum of two floats is what is given, and the certificate says 7."""
    monkeypatch.setattr(_MODULE, "rounded", lambda *_: _CERTIFIED)

    def given(t, **_):
        if isinstance(t, float):
            return high, low, exponent, error
        return np.full(1, high), np.full(1, low), np.full(1, exponent), error

    monkeypatch.setattr(double_double, "step_size", given)
    one = one_step_size.__wrapped__(3, 0.5, 0.5, 0.5, single)
    (many,) = _MODULE._block(np.array([3]), 0.5, 0.5, 0.5, single).tolist()
    assert one == many
    return one


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_what_the_error_leaves_open_is_certified(monkeypatch, single, last, scale):
    """The midpoint after an even and after an odd number: only beyond the error is it trusted."""
    error, bits = 2.0**-60, 23 if single else 52
    below = (1 + last * 2.0**-bits) * scale
    half = 2.0 ** -(bits + 1) * scale
    for offset in (-3, -1.25, -0.75, 0, 0.75, 1.25, 3):
        high, low = double_double.two_sum(below, half)
        got = _both_ways(monkeypatch, single, high, low + offset * error * high, 0, error)
        if abs(offset) < 1 or (single and abs(offset) < 2.0**7):
            # The ends are float64 numbers, and here the midpoint itself.
            assert got == _CERTIFIED
        else:
            assert got == below + (offset > 0) * 2 * half
    if single:
        for sign in (-1, 1):
            got = _both_ways(
                monkeypatch, single, below + half, sign * 2.0**-53 * scale, 0, 2.0**-56
            )
            assert got == _CERTIFIED
            got = _both_ways(
                monkeypatch, single, below + half + sign * 2.0**-50 * scale, 0.0, 0, 2.0**-56
            )
            assert got == below + (sign > 0) * 2 * half


@pytest.mark.parametrize("single", [False, True])
def test_the_certificate_has_what_is_not_normal(monkeypatch, single):
    """Results that may be subnormal, or overflow, and bounds too wide for a midpoint a side."""
    lowest, highest = (-126, 128) if single else (-1022, 1024)
    for exponent in range(-1100, 1021):
        if _both_ways(monkeypatch, single, 1.0, 0.0, exponent) != _CERTIFIED:
            # high is in [1/4, 4], and its low part must be normal too.
            assert lowest <= exponent - 2
            assert exponent + 2 <= highest
            assert exponent - 60 > -1074
        else:
            assert not lowest + 70 < exponent < highest - 9
    assert _both_ways(monkeypatch, single, 1.25, 0.0, error=2.0**-56) == 1.25
    assert _both_ways(monkeypatch, single, 1.25, 0.0, error=2.0**-55) == _CERTIFIED


def test_what_is_regular():
    """Where the sums of two floats are proven: the domain that their docstring states."""
    for irregular in (
        (2**53 + 1, 0.5, 0.5, 0.5),
        (3, 0.0, 0.5, 0.5),
        (3, 0.5, 0.0, 0.5),
        (3, 0.5, 0.5, 0.0),
        (3, 2.0**-20, 2.0**-20, 2.0**16 + 1),
        (3, 2.0**500, 2.0**500, 0.5),
        (3, 1.0, 1.0, 504.95),  # 4^504.95 = exp(700.01)
    ):
        assert not _MODULE._is_regular(*irregular)
    assert _MODULE._is_regular(2**53, 0.5, 0.5, 0.5)
    assert _MODULE._is_regular(3, 2.0**-20, 2.0**-20, 2.0**16)
    assert _MODULE._is_regular(3, 2.0**499, 2.0**499, 0.5)
    assert _MODULE._is_regular(3, 1.0, 1.0, 504.94)  # exp(699.995)


def test_a_midpoint_of_float32_is_decided_by_the_certificate():
    """A tie of float32 rounds to even, a little less than it rounds down."""
    lr = 1 + 3 * 2.0**-24
    assert float(step_size(0, lr=lr, lambd=0.5, alpha=0.5, dtype="float32")) == 1 + 2.0**-22
    below = step_size(1, lr=lr, lambd=2.0**-70, alpha=0.5, dtype="float32")
    assert float(below) == 1 + 2.0**-23
    assert float(
        step_size(np.array([1]), lr=lr, lambd=2.0**-70, alpha=0.5, dtype="float32")[0]
    ) == (1 + 2.0**-23)


# x = 1 + (2^25 + 1) (2^25 - 1) = 2^50, so that eta is 25 ones times a power of two.
_ONES, _TWIN = 2.0**25 - 1, 2.0**25 + 1


@pytest.mark.parametrize(
    ("lr", "lambd", "alpha", "dtype", "expected"),
    [
        (_ONES, _TWIN, 2.5, "float32", 2.0**-100),
        (_ONES * 2.0**128, _TWIN * 2.0**-128, 0.5, "float32", math.inf),
        (3.0, 1.0, 75.0, "float32", 2.0**-148),  # three halves of the smallest number
        (7.0, 9.0, 25.0, "float32", 2.0**-147),
        (3.0, 1.0, 537.5, "float64", 2.0**-1073),
    ],
)
def test_ties_go_to_the_even_neighbour(lr, lambd, alpha, dtype, expected):
    """Of any size: of subnormal numbers, and beyond the largest one, to infinity."""
    given = {"lr": lr, "lambd": lambd, "alpha": alpha, "dtype": dtype}
    assert _truth(1, lr, lambd, alpha, dtype) == expected
    assert float(step_size(1, **given)) == expected
    with np.errstate(over="ignore"):
        assert float(step_size(np.array([1]), **given)[0]) == expected


def test_the_decimal_enclosure_contains_the_step_size():
    """From few digits to many; its width is the stated one, and no more."""
    rng = np.random.default_rng(9)
    for _ in range(40):
        t, lr, lambd, alpha = _draw(rng)
        numbers = {"lr": lr, "lambd": lambd, "alpha": alpha}
        truth = exact_step_size(t, **{k: Enclosure.of(v, 400) for k, v in numbers.items()})
        below, above = truth.bounds()
        for digits in (6, 17, 40):
            low, high = map(Fraction, certificate.enclose(t, **numbers, digits=digits))
            assert low <= below <= above <= high
            # The error on both sides; and the ends, and what the error is made of, are rounded.
            unit = Fraction(10) ** (1 - digits)
            error = (4 * Fraction(alpha) + 4) * unit
            assert high - low <= above * (1 + error) * 2 * (error * (1 + unit) ** 4 + unit)


@pytest.mark.parametrize("single", [False, True])
def test_decimals_are_rounded_once(single):
    """At midpoints, and as little beside them as a float64 number cannot show."""
    fmt = formats["float32" if single else "float64"]
    ones = 2**fmt.digits - 1
    exponents = (fmt.lowest - fmt.digits, fmt.lowest - 1, fmt.lowest, 0, fmt.highest - fmt.digits)
    with decimal.localcontext(decimal.Context(prec=2000)):
        for exponent, odd in product(exponents, (1, 3, ones - 2, ones, ones + 2, 2 * ones + 1)):
            middle = Decimal(odd) * Decimal(2) ** (exponent - 1)
            for beside in (0, 1, -1):
                value = middle * (1 + beside * Decimal(10) ** -60)
                expected = round_fraction(Fraction(value), fmt)
                assert certificate.round_once(value, single) == expected


def test_equality_is_exact():
    """A rational step size is itself, and nothing beside it."""
    for t, lr, lambd, alpha, eta in [
        (15, 1.0, 1.0, 0.75, Fraction(1, 8)),
        (3, 0.5, 2.0, 0.5, Fraction(1, 4)),
        (5, 0.25, 1.0, 1.5, Fraction(2, 27)),
        (2, 3.0, 0.5, 2.0, Fraction(3, 16)),
    ]:
        assert certificate.equals(eta, t, lr, lambd, alpha)
        assert not certificate.equals(eta + Fraction(1, 2**200), t, lr, lambd, alpha)
    # The root of an odd number is irrational; a power of so many bits is never formed.
    assert not certificate.equals(Fraction(1, 3), 1, 1.0, 2.0, 2.0**-52)
    assert not certificate.equals(Fraction(1, 3), 1, 1.0, 2.0, 2.0**200)


def test_the_caller_s_decimal_context_is_not_used():
    """Whatever digits, traps and rounding it has, when `fast` is imported and afterwards."""
    program = (
        "import decimal; decimal.setcontext(decimal.Context(prec=5, rounding='ROUND_UP',"
        " traps=[decimal.Inexact])); from asgd.fast import step_size;"
        "print(float(step_size(7, lr=0.1, lambd=0.3, alpha=0.75)).hex(),"
        " float(step_size(1, lr=2.0**25 - 1, lambd=2.0**25 + 1, alpha=2.5, dtype='float32')))"
    )
    run = [sys.executable, "-c", program]
    words = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    expected = _truth(7, 0.1, 0.3, 0.75, "float64"), _truth(1, _ONES, _TWIN, 2.5, "float32")
    assert (float.fromhex(words[0]), float(words[1])) == expected


def test_bits_do_not_depend_on_simd():
    """The same values with NumPy's SIMD kernels switched off."""
    program = (
        "import numpy as np; from asgd.fast import step_size;"
        "print(step_size(np.arange(2000), lr=0.01, lambd=1e-4, alpha=0.75).tobytes().hex())"
    )
    features = np._core._multiarray_umath.__cpu_dispatch__
    outputs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program],
            env={**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for disabled in ("", " ".join(features))
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) == 2 * 8 * 2000 + 1


@pytest.mark.parametrize("name", ["lr", "lambd", "alpha"])
@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_bad_hyperparameters_are_refused(name, value):
    """The message names the parameter, its domain and the value."""
    given = {"lr": 0.1, "lambd": 0.1, "alpha": 1.0}
    with pytest.raises(ValueError, match=rf"{name} must be in \[0, inf\), got {value}"):
        step_size(1, **given | {name: value})


def test_bad_input_is_refused():
    """Steps that are none, and other dtypes."""
    given = {"lr": 0.1, "lambd": 0.1, "alpha": 1.0}
    for t in (np.array([1, -1]), 1.5, np.array([1.0])):
        with pytest.raises(ValueError, match=r"t must be integers in \[0, inf\)"):
            step_size(t, **given)
    for dtype in ("float16", "int64"):
        with pytest.raises(ValueError, match="dtype must be float32 or float64"):
            step_size(1, **given, dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_results_have_the_shape_of_t_and_the_dtype(dtype):
    """Scalars, empty arrays, several blocks; and zeros are in the domain."""
    given = {"lr": 0.1, "lambd": 0.1, "alpha": 1.0, "dtype": dtype}
    one, none = step_size(3, **given), step_size(np.empty((2, 0), int), **given)
    assert (one.dtype, one.shape, none.dtype, none.shape) == (dtype, (), dtype, (2, 0))
    many = step_size(np.arange(2200).reshape(2, -1), **given)
    assert (many.dtype, many.shape) == (dtype, (2, 1100))
    assert many[1, 1099] == step_size(2199, **given)
    lr = np.dtype(dtype).type(0.1)
    for zero, expected in (("lr", 0), ("lambd", lr), ("alpha", lr)):
        assert step_size(3, **given | {zero: 0.0}) == expected


def test_a_block_is_regular_to_its_last_step():
    """One step beyond the float64 integers, among others, is not rounded to one."""
    rng = np.random.default_rng(10)
    for lr in rng.uniform(0.5, 1, 8).tolist():
        t = np.array([3, 2**53 + 1, 5])
        got = step_size(t, lr=lr, lambd=1.0, alpha=1.0)
        assert got.tolist() == [_truth(int(s), lr, 1.0, 1.0, "float64") for s in t]


def test_one_step_size_is_cached():
    """An optimizer of many parameters asks for the same step size for each of them."""
    one_step_size.cache_clear()
    for _ in range(3):
        step_size(5, lr=0.1, lambd=0.1, alpha=0.75)
    assert one_step_size.cache_info().misses == 1
