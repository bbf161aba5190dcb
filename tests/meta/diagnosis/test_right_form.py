"""A right form is admitted where it gives every bit, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation_orders import ORDERS, OrderPort

from asgd.reference import formats
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.fingerprint import fingerprint, lives
from asgd.tests.laws.outcome import looser
from asgd.tests.ports.scenario import drive


def logarithm_of_lr(t, lr, lambd, alpha):
    """A right form, in the type of its numbers."""
    z = lambd * lr * np.array(t, lr.dtype)[()]
    return np.exp(np.log(lr) - alpha * np.log1p(z))


def a_little_more(t, lr, lambd, alpha):
    """The same, an ulp too large."""
    return np.nextafter(logarithm_of_lr(t, lr, lambd, alpha), lr.dtype.type(np.inf))


@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize(
    ("size", "policy"),
    [(logarithm_of_lr, "log-step-size"), (a_little_more, None), (ORDERS["printed"].size, None)],
)
def test_a_right_form_is_known_by_its_bits(size, policy, dtype):
    """One ulp more, and it is none."""
    port = OrderPort(replace(ORDERS["printed"], size=size), "documented")
    runs = [(scenario, drive(port, scenario, dtype)) for scenario in lives()]
    found = fingerprint(runs, CONVENTIONS["documented"], dtype).form
    assert (found and found.name) == policy


def test_a_right_form_has_no_looser_policy():
    """Its bound is its own: float32-eta would accuse it."""
    policy = POLICIES["log-step-size"]
    assert policy.is_right_form
    assert looser(policy) == [policy]
    assert not any(p.is_right_form for name, p in POLICIES.items() if name != policy.name)
