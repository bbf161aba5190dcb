"""Certified trajectories: closed forms, laws, ties, what is undecided, and bad input."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from asgd.reference import formats, trajectory
from asgd.reference.equations import literal_average
from asgd.reference.rounding import round_fraction
from asgd.spec import Hyperparameters

ENGINES = ("sliced", "integers")


def hyperparameters(lr=0.5, lambd=0.25, alpha=0.75, t0=2.0, weight_decay=0.0, maximize=False):
    """Hyperparameters, with defaults that are strong."""
    return Hyperparameters(lr, lambd, alpha, t0, weight_decay, maximize)


def certify(theta, grads, hyper, rule="documented", **how):
    """Moments of a trajectory."""
    return list(trajectory(theta, grads, **hyper._asdict(), convention=rule, **how))


def test_long_and_tiny_decay():
    """With theta0 = g = lr = 1, lambd = 2**-300 leaves -2**-300, which no fixed precision sees."""
    hyper = hyperparameters(lr=1.0, lambd=2.0**-300, alpha=0.0)
    (end,) = certify([1.0], [[1.0]], hyper)
    assert end.theta.rounded[0] == -(2.0**-300)


def test_mean_of_three_that_is_a_tie():
    """An average half way between two float32 numbers: only fractions decide it."""
    hyper = hyperparameters(lr=1.0, lambd=0.0, alpha=0.0, t0=0.0)
    tie = 1 + 2.0**-24
    (_, end) = certify([3 * tie], [[3 * tie], [0.0]], hyper, dtype="float32")
    assert end.average.rounded[0] == 1.0
    assert not end.average.undecided[0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_theta_that_is_a_tie_behind_thirds(engine):
    """With eta = 1/6 no interval is a point; fractions decide theta too."""
    hyper = hyperparameters(lr=0.5, lambd=4.0, alpha=1.0)
    (end,) = certify([0.0], [[6 * (1 + 2.0**-24)]], hyper, dtype="float32", engine=engine)
    assert end.theta.rounded[0] == -1.0
    assert end.theta.enclosure(0).bounds() == (-1 - Fraction(1, 2**24),) * 2


@pytest.mark.parametrize("engine", ENGINES)
def test_undecided_is_said(engine):
    """A tie behind irrational step sizes is proved by no engine; it is nan, never a value."""
    lambd, tie = 0.5, 1 + 2.0**-24
    hyper = hyperparameters(lr=0.5, lambd=lambd)
    (end,) = certify([tie, 1.0], [[-lambd * tie, 0.5]], hyper, dtype="float32", engine=engine)
    assert end.theta.undecided.tolist() == [True, False]
    assert np.isnan(end.theta.rounded[0])
    assert end.theta.candidates(0) == (1.0, float(np.nextafter(np.float32(1), np.float32(2))))


def test_undecided_for_want_of_bits():
    """What 256 bits leave open is undecided under that cap, and decided under a higher one."""
    hyper = hyperparameters(lr=1.0, lambd=2.0**-400, alpha=0.75)
    problem = ([1 + 2.0**-24, 0.5], [[0.0, 0.0]], hyper)
    (low,) = certify(*problem, dtype="float32", highest=256)
    (high,) = certify(*problem, dtype="float32", highest=512)
    assert low.theta.undecided.tolist() == [True, False]
    assert low.theta.candidates(0) == (1.0, 1 + 2.0**-23)
    assert high.theta.undecided.tolist() == [False, False]
    assert high.theta.rounded[0] == 1.0


def test_what_is_undefined_stays_so():
    """A t0 that changes while the average of `literal` is undefined does not make it up."""
    hyper = hyperparameters(alpha=0.0, t0=3.0)
    changes = {4: {"t0": 1.0}}
    for engine in ENGINES:
        moments = certify([1.0], np.ones((6, 1)), hyper, "literal", changes=changes, engine=engine)
        assert [m.average is None for m in moments] == [False, False, True, True, True, True]
    assert literal_average(Fraction(1), None, Fraction(1), 6, Fraction(1)) is None


def test_a_step_size_next_to_a_tie():
    """What is decided at more than 200 bits of the step size is decided so."""
    hyper = hyperparameters(lr=1 + 3 * 2.0**-24, lambd=2.0**-200, alpha=0.75)
    (end,) = certify([0.0], [[-1.0]], hyper, dtype="float32")
    assert end.theta.rounded[0] == 1 + 2.0**-23


def test_a_t0_next_to_a_step():
    """What the first precision cannot tell from t0 = 0 is told by a higher one."""
    hyper = hyperparameters(lambd=0.0, t0=2.0**-1074)
    first, second = certify([1.0], [[1.0], [1.0]], hyper, "same-step")
    assert first.average.rounded[0] == first.theta.rounded[0] == 0.5
    # The weight is a little more than 1/2, and the exact average a little less than 1/4.
    assert second.average.rounded[0] == 0.25
    assert second.average.enclosure(0).bounds()[0] < Fraction(1, 4)


def test_a_window_that_never_opens():
    """With t0 infinite the average is theta, for ever."""
    end = certify([1.0], np.ones((170, 1)), hyperparameters(t0=float("inf")), calls={170})[0]
    assert end.average.rounded[0] == end.theta.rounded[0] != 1


def test_engines_agree():
    """Both engines give the same values, and enclosures that meet."""
    rng = np.random.default_rng(4)
    theta, grads = rng.standard_normal(50), rng.standard_normal((60, 50))
    hyper = hyperparameters(lr=0.1, lambd=0.01, t0=11.0)
    first, second = (certify(theta, grads, hyper, calls={7, 60}, engine=e) for e in ENGINES)
    for a, b in zip(first, second, strict=True):
        for x, y in ((a.theta, b.theta), (a.average, b.average)):
            assert np.array_equal(x.rounded, y.rounded)
            for j in range(50):
                assert max(x.enclosure(j).bounds()[0], y.enclosure(j).bounds()[0]) <= min(
                    x.enclosure(j).bounds()[1], y.enclosure(j).bounds()[1]
                )


def test_no_decay_is_a_sum():
    """With lambd = 0, theta is theta0 minus lr times the sum of the gradients."""
    rng = np.random.default_rng(5)
    theta, grads = rng.standard_normal(9), rng.standard_normal((700, 9))
    end = certify(theta, grads, hyperparameters(lr=0.01, lambd=0.0), calls={700})[0]
    sums = [sum(map(Fraction, grads[:, j].tolist())) for j in range(9)]
    exact = [Fraction(x) - Fraction(0.01) * s for x, s in zip(theta.tolist(), sums, strict=True)]
    assert end.theta.rounded.tolist() == [round_fraction(x, formats["float64"]) for x in exact]


def test_no_gradient_is_a_product():
    """With g = 0, theta is theta0 times the product of the 1 - eta lambd (alpha = 1: rational)."""
    hyper = hyperparameters(lr=0.5, lambd=0.25, alpha=1.0)
    end = certify([3.0], np.zeros((40, 1)), hyper, calls={40})[0]
    exact = Fraction(3)
    for t in range(1, 41):
        exact *= 1 - Fraction(1, 8) / (1 + Fraction(1, 8) * t)
    assert end.theta.rounded[0] == round_fraction(exact, formats["float64"])


def test_constant_theta_is_its_average():
    """Without gradient and decay theta stays, and so does the average, to the bit."""
    theta = np.random.default_rng(6).standard_normal(20)
    for moment in certify(theta, np.zeros((30, 20)), hyperparameters(lambd=0.0, t0=3.0)):
        assert np.array_equal(moment.theta.rounded, theta)
        assert np.array_equal(moment.average.rounded, theta)


def test_permutation_and_scaling():
    """Elements do not know of each other; a power of two passes through."""
    rng = np.random.default_rng(7)
    theta, grads = rng.standard_normal(33), rng.standard_normal((20, 33))
    order, hyper = rng.permutation(33), hyperparameters()
    plain = certify(theta, grads, hyper)[-1]
    moved = certify(theta[order], grads[:, order], hyper)[-1]
    scaled = certify(theta * 2.0**-70, grads * 2.0**-70, hyper)[-1]
    for quantity in ("theta", "average"):
        values = getattr(plain, quantity).rounded
        assert np.array_equal(getattr(moved, quantity).rounded, values[order])
        assert np.array_equal(getattr(scaled, quantity).rounded, values * 2.0**-70)


class _Rows:
    """Gradients that are made anew whenever they are asked for."""

    def __init__(self, calls, size):
        self.calls, self.size = calls, size

    def __iter__(self):
        for call in range(self.calls):
            skipped = call % 7 == 3
            yield None if skipped else np.random.default_rng(call).standard_normal(self.size)


def test_blocks_and_rows_made_anew():
    """Some thousand steps over many blocks, from rows that are never held together."""
    rows = _Rows(2500, 3)
    seen = []
    hyper = hyperparameters(lr=0.1, lambd=0.01, alpha=1.0, t0=100.0)
    moments = certify(np.ones(3), rows, hyper, calls={1, 600, 2500}, progress=seen.append)
    assert [m.call for m in moments] == [1, 600, 2500]
    assert seen == sorted(seen)
    assert seen[-1] == 2500
    simple = certify(np.ones(3), rows, hyper, calls={600}, engine="integers")
    assert np.array_equal(simple[0].theta.rounded, moments[1].theta.rounded)
    assert moments[1].t == sum(row is not None for row in list(rows)[:600])


@pytest.mark.parametrize(
    ("theta", "grads", "match"),
    [
        ([1.0], [[float("nan")]], "grads must be finite, got nan at call 1"),
        ([1.0] * 3, [[1.0, float("-inf"), float("nan")]], "grads must be finite, got -inf"),
        ([1.0], [[1.0, 2.0]], "grads must be of the shape"),
        ([float("inf")], [[1.0]], "theta0 must be finite"),
    ],
)
def test_bad_input_is_named(theta, grads, match):
    """Errors name the parameter, its domain and the value."""
    with pytest.raises(ValueError, match=match):
        certify(theta, grads, hyperparameters())


def test_bad_names_are_refused():
    """Of a dtype, an engine, a convention; and the default one is `documented`."""
    problem = ([1.0], [[1.0], [2.0]], hyperparameters(t0=1.0))
    for name, value in (("dtype", "float16"), ("engine", "abacus"), ("convention", "mine")):
        given = {"theta0": problem[0], "grads": problem[1], **problem[2]._asdict(), name: value}
        with pytest.raises(ValueError, match=f"{name} must be one of"):
            list(trajectory(**given))
    default = list(trajectory(*problem[:2], **problem[2]._asdict()))
    for got, expected in zip(default, certify(*problem, "documented"), strict=True):
        assert got.average.rounded == expected.average.rounded
        assert (got.call, got.t) == (expected.call, expected.t)
    with pytest.raises(ValueError, match="theta0 must be finite"):
        certify([1.0, float("nan")], [[1.0, 1.0]], problem[2])


@pytest.mark.parametrize("engine", ENGINES)
def test_coefficients_beyond_the_floats(engine):
    """Where 1 - eta lambd is -10^600, integers say what becomes of 0, of 1 and of what cancels."""
    hyper = hyperparameters(lr=1e300, lambd=1e300, alpha=0.0, t0=0.0)
    theta, grads = [0.0, 1.0, 2.0**-600], [[0.0, 0.0, -1e300 * 2.0**-600]] * 2
    for moment in certify(theta, grads, hyper, engine=engine):
        decay = 1 - Fraction(1e300) ** 2
        if moment.call == 1:
            exact = [Fraction(0), decay, decay / 2**600 - Fraction(1e300) * Fraction(grads[0][2])]
            expected = [round_fraction(x, formats["float64"]) for x in exact]
            assert moment.theta.rounded.tolist() == expected
            assert np.isfinite(expected).tolist() == [True, False, True]
        for quantity in (moment.theta, moment.average):
            assert quantity.undecided.tolist() == [False] * 3


def test_no_call_is_reported_and_maximize_may_change():
    """An empty set of calls gives nothing; a change of sign is one of the hyperparameters."""
    hyper = hyperparameters(lr=0.5, lambd=0.0, alpha=0.0)
    assert certify([1.0], [[1.0], [1.0]], hyper, calls=set()) == []
    assert certify([1.0], [], hyper) == []
    moments = certify([1.0], [[1.0], None, [1.0]], hyper, changes={3: {"maximize": True}})
    assert [m.theta.rounded[0] for m in moments] == [0.5, 0.5, 1.0]
    assert [(m.call, m.t) for m in moments] == [(1, 1), (2, 1), (3, 2)]
    (only,) = certify([1.0], [None], hyper)
    assert (only.t, only.theta.rounded[0], only.average.rounded[0]) == (0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "value"), [("lr", -1.0), ("alpha", float("inf")), ("t0", float("nan"))]
)
def test_hyperparameters_are_checked(name, value):
    """At the start, and where they change."""
    with pytest.raises(ValueError, match=f"{name} must be in .*, got {value}"):
        certify([1.0], [[1.0]], hyperparameters()._replace(**{name: value}))
    with pytest.raises(ValueError, match=f"{name} must be in .*, got {value}"):
        certify([1.0], [[1.0]], hyperparameters(), changes={1: {name: value}})


def test_an_iterator_is_refused():
    """Gradients are gone through again where a value is undecided at first."""
    with pytest.raises(TypeError, match="more than once"):
        certify([1.0], iter([[1.0]]), hyperparameters())


_DIGEST = """
import hashlib, numpy, mpmath
from asgd.reference import trajectory
g = numpy.random.default_rng(0).standard_normal((30, 20))
h = hashlib.sha256()
for m in trajectory(g[0], g, lr=0.1, lambd=0.1, alpha=0.3, t0=3.0, weight_decay=0.1):
    h.update(m.theta.rounded.tobytes() + m.average.rounded.tobytes())
print(mpmath.libmp.BACKEND, h.hexdigest())
"""


def test_gmpy2_changes_nothing(monkeypatch):
    """With gmpy2 and without, mpmath behind it or not, values are the same."""
    pytest.importorskip("gmpy2")
    run = [sys.executable, "-c", _DIGEST]
    first = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    monkeypatch.setenv("MPMATH_NOGMPY", "1")
    second = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert (first[0], second[0]) == ("gmpy", "python")
    assert first[1] == second[1]
