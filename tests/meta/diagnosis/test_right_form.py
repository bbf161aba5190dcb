"""A right form is admitted where it gives every bit, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation_orders import ORDERS, OrderPort
from scaled_storage import ScaledPort

from asgd.reference import formats
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.dense_runs import dense_runs
from asgd.tests.diagnosis.fingerprint import fingerprint
from asgd.tests.diagnosis.right_form import right_form
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject, looser
from asgd.tests.ports.protocol import greet
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
    runs = [(scenario, drive(port, scenario, dtype)) for scenario in dense_runs()]
    found = fingerprint(runs, CONVENTIONS["documented"], dtype).form
    assert (found and found.name) == policy


def scaled(excess, dtype, policy):
    """Scaled storage under a policy."""
    port = ScaledPort(excess)
    return Subject(port, greet(port), dtype, CONVENTIONS["bottou"], POLICIES[policy])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize(("excess", "policy"), [(0, "scaled-storage"), (1, None)])
def test_scaled_storage_is_known_by_its_bits(excess, policy, dtype):
    """As in svmasgd, whose convention is `bottou`."""
    subject = scaled(excess, dtype, "native")
    runs = [(scenario, subject.trace(scenario)) for scenario in dense_runs()]
    found = right_form(subject, fingerprint(runs, CONVENTIONS["bottou"], dtype))
    assert (found and found.name) == policy


@pytest.mark.parametrize("dtype", formats)
def test_scaled_storage_conforms_to_its_policy(dtype):
    """Every law holds; under `native` a few roundings are too many where it divides much."""
    subject = scaled(0, dtype, "scaled-storage")
    for law in LAWS.values():
        assert hold(law, subject, examples=10, seed=0).failure is None


def test_a_right_form_has_no_looser_policy():
    """Its bound is its own: float32-eta would accuse it."""
    right = [policy for policy in POLICIES.values() if policy.is_right_form]
    assert [policy.name for policy in right] == ["log-step-size", "scaled-storage"]
    for policy in right:
        assert looser(policy) == [policy]
