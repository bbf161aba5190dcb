"""Bad input to the bare functions of `fast`: one line, with the parameter, its domain and value."""

import numpy as np
import pytest

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
