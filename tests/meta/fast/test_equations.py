"""Bad input to the bare functions: one line, with the parameter, its domain and value."""

import re
import sys
from fractions import Fraction

import numpy as np
import pytest

from asgd import reference
from asgd.fast import average, averaging_weight, descend, gradient, step, step_size

HUGE = 10**400
ONE = np.array([1.0])
RATES = {"lr": 0.1, "lambd": 0.1, "alpha": 0.75}
STEP = RATES | {"t0": 0.0, "weight_decay": 0.0}


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("weight_decay", lambda: gradient(ONE, ONE, weight_decay=HUGE)),
        ("eta", lambda: descend(ONE, ONE, eta=HUGE, lambd=0.1)),
        ("lambd", lambda: descend(ONE, ONE, eta=0.1, lambd=HUGE)),
        ("mu", lambda: average(ONE, ONE, mu=HUGE)),
        ("t", lambda: averaging_weight(HUGE, t0=0.0)),
        ("t", lambda: step_size(HUGE, **RATES)),
        ("t", lambda: step(ONE, ONE, HUGE, ONE, **STEP)),
        *((name, lambda name=name: step_size(1, **RATES | {name: HUGE})) for name in RATES),
        ("lr", lambda: step(ONE, ONE, 1, ONE, **STEP | {"lr": HUGE})),
    ],
)
def test_an_integer_beyond_all_floats_is_refused(name, call):
    """Not with an OverflowError, which names nothing."""
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got 1000") as caught:
        call()
    assert len(str(caught.value)) < 160


def test_a_window_that_begins_beyond_all_floats_never_opens():
    """t0 may be infinite; t - t0 is exact for any other."""
    assert averaging_weight(5, t0=HUGE) == averaging_weight(5, t0=np.inf) == 1
    assert averaging_weight(2**60 + 3, t0=2.0**60) == 1 / 3


@pytest.mark.parametrize("t", [2**60 + 2, 2**53 + 2])
def test_literal_divides_by_steps_that_floats_cannot_count(t):
    """Once a division by 0."""
    _, mean = step(0 * ONE, ONE, t, 0 * ONE, **STEP | {"t0": float(t - 2)}, convention="literal")
    assert mean[0] == 0.5


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("weight_decay", lambda: reference.gradient(1.0, 1.0, weight_decay=HUGE)),
        ("grad", lambda: reference.gradient(HUGE, 1.0, weight_decay=0.5)),
        ("eta", lambda: reference.descend(1.0, 1.0, eta=HUGE, lambd=0.1)),
        ("lambd", lambda: reference.descend(1.0, 1.0, eta=0.1, lambd=HUGE)),
        ("mu", lambda: reference.average(1.0, 1.0, mu=HUGE)),
        ("t", lambda: reference.averaging_weight(HUGE, t0=0.0)),
        ("theta", lambda: reference.descend(Fraction(HUGE), 1.0, eta=0.1, lambd=0.1)),
        ("t", lambda: reference.step_size(HUGE, **RATES)),
        ("t", lambda: reference.step(1.0, 1.0, HUGE, 1.0, **STEP)),
        *(
            (name, lambda name=name: reference.step_size(1, **RATES | {name: HUGE}))
            for name in RATES
        ),
        ("lr", lambda: reference.step(1.0, 1.0, 1, 1.0, **STEP | {"lr": HUGE})),
    ],
)
def test_the_reference_names_what_is_too_large_beside_floats(name, call):
    """Its numbers have no bound; those of a caller who gives it floats have one."""
    domain = re.escape("(-2**1024, 2**1024) beside floats")
    with pytest.raises(ValueError, match=rf"^{name} must be in {domain}, got .*real$") as caught:
        call()
    assert len(str(caught.value)) < 200


def test_floats_that_overflow_without_such_a_number_are_told():
    """There the equation is named."""
    with pytest.raises(ValueError, match=r"^step_size goes beyond the floats"):
        reference.step_size(3, lr=1e200, lambd=1.0, alpha=2.0)
    exact = {name: reference.real(value) for name, value in RATES.items()}
    assert reference.step_size(HUGE, **exact) > 0
    assert vars(sys.modules[reference.step.__module__])["step"] is reference.step
