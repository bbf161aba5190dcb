"""`step` of both packages, and the equations, by hand: the words of each convention as sums."""

import math
from fractions import Fraction

import numpy as np
import pytest

import asgd.fast
import asgd.reference
from asgd.spec import CONVENTIONS

BOTH = pytest.mark.parametrize("package", [asgd.fast, asgd.reference], ids=["fast", "reference"])

# Where the window of each convention begins, as conventions.toml says it in words.
_FIRST = {"documented": 0, "same-step": 1, "bottou": 1, "torch": 2}
_HALF, _QUARTER = Fraction(1, 2), Fraction(1, 4)


def _by_hand(name, t0, t, thetas):
    """The average after step t, from all the iterates; None where it is undefined."""
    if name == "literal":
        window = [x for k, x in enumerate(thetas) if k >= t0]
        if t == t0:
            return None
        return sum(window) / (t - t0) if t > t0 else thetas[t]
    window = thetas[math.ceil(t0) + _FIRST[name] : t + 1]
    return sum(window) / len(window) if window else thetas[t]


def _steps_by_hand(rule, t0, maximize):
    """Theta and the average after each of some steps; alpha is 1."""
    thetas = [Fraction(3)]
    for t in range(1, 9):
        eta = _HALF / (1 + _QUARTER * _HALF * (t - rule.eta_lag))
        grad = -Fraction(t, 4) if maximize else Fraction(t, 4)
        x = thetas[-1]
        thetas.append(x - eta * (grad + Fraction(1, 8) * x + _QUARTER * x))
        yield t, thetas[-1], _by_hand(rule.name, t0, t, thetas)


@BOTH
@pytest.mark.parametrize("name", CONVENTIONS)
def test_step_is_what_the_words_say(package, name):
    """E1 to E6: the sum over the window, divided as stated, for every t0 up to beyond the end."""
    exact = package is asgd.reference
    number = Fraction if exact else float
    rates = {"lr": _HALF, "lambd": _QUARTER, "alpha": 1, "weight_decay": Fraction(1, 8)}
    given = {key: number(value) for key, value in rates.items()}
    between = [Fraction(5, 2), Fraction(1, 3)] if name in {"documented", "literal"} else []
    for t0 in [*range(10), *between]:
        theta = mean = Fraction(3) if exact else np.array([3.0])
        for t, expected, average in _steps_by_hand(CONVENTIONS[name], t0, maximize := t0 % 2 == 0):
            grad = Fraction(t, 4) if exact else np.array([t / 4])
            read = number(CONVENTIONS[name].read_t0(t0))
            how = (
                {"maximize": maximize, "convention": name}
                if t % 2
                else {"maximize": maximize, "convention": CONVENTIONS[name]}
            )
            theta, mean = package.step(theta, mean, t, grad, t0=read, **given, **how)
            _agree(theta, expected)
            _agree(mean, average)


def _agree(got, expected):
    if expected is None:
        assert got is None or np.isnan(got).all()
    elif isinstance(got, Fraction):
        assert got == expected
    else:
        np.testing.assert_array_max_ulp(got, np.array([float(expected)]), maxulp=2**12)


@BOTH
def test_defaults_of_step(package):
    """`documented`, and downhill; what is scheduled is read by eta and mu alone."""
    exact = package is asgd.reference
    number = Fraction if exact else float
    one = Fraction(1) if exact else np.array([1.0])
    given = {
        "lr": number(1),
        "lambd": number(_QUARTER),
        "alpha": number(1),
        "weight_decay": number(0),
    }
    theta, mean = package.step(one, 3 * one, 4, one, t0=number(2), **given)
    # eta = 1/2, theta = 1 - 1/2 (1 + 1/4), and the weight of the third of three terms.
    _agree(theta, Fraction(3, 8))
    _agree(mean, 3 + (Fraction(3, 8) - 3) / 3)
    stored = tuple(map(number, (_HALF, 2, 2, 3)))
    theta, mean = package.step(one, 3 * one, 4, one, t0=number(2), scheduled=stored, **given)
    eta = _HALF / (1 + 2 * _HALF * 4) ** 2
    _agree(theta, moved := 1 - eta * Fraction(5, 4))
    _agree(mean, 3 + (moved - 3) / 2)
    assert package.gradient(one, one, weight_decay=number(0)) == 1
    for t, t0 in ((5, 4), (3, 4), (5, Fraction(9, 2))):
        assert package.averaging_weight(t, t0=number(t0)) == 1


def test_terms_that_are_zero_do_not_meet_infinity():
    """fast: without decay theta has no part in the gradient; a weight of 1 is theta itself."""
    one, huge = np.array([1.0]), np.array([np.inf])
    assert asgd.fast.gradient(one, huge, weight_decay=0.0) is one
    assert asgd.fast.gradient(one, 3 * one, weight_decay=1.0) == 4
    assert asgd.fast.descend(huge, one, eta=0.5, lambd=0.0) == np.inf
    assert asgd.fast.descend(3 * one, one, eta=0.5, lambd=1.0) == 1
    assert asgd.fast.average(huge, one, mu=1.0) is one
    assert asgd.fast.average(3 * one, one, mu=0.0) == 3


def test_step_takes_the_step_size_of_its_dtype():
    """fast: rounded once, where rounding to float64 first would go the other way."""
    zero = np.zeros(1, np.float32)
    given = {
        "lr": 1 + 3 * 2.0**-24,
        "lambd": 2.0**-70,
        "alpha": 0.5,
        "t0": 9.0,
        "weight_decay": 0.0,
    }
    theta, _ = asgd.fast.step(zero, zero, 1, zero - 1, **given)
    assert theta == 1 + 2.0**-23
