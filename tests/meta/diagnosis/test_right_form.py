"""A right form is admitted where it gives every bit, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation_orders import ORDERS, WINDOW_SUMS, Order, OrderPort, anchored_mean
from scaled_storage import ScaledPort

from asgd.reference import formats
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.dense_runs import dense_runs
from asgd.tests.diagnosis.fingerprint import fingerprint
from asgd.tests.diagnosis.right_form import right_form
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Failure, Subject, looser
from asgd.tests.oracle.judgement import Place, failed
from asgd.tests.ports.protocol import greet
from asgd.tests.ports.scenario import drive
from asgd.tests.verify.interface import verify


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
    found = right_form(subject, fingerprint(runs, CONVENTIONS["bottou"], dtype), [])
    assert (found and found.name) == policy


@pytest.mark.parametrize("dtype", formats)
def test_scaled_storage_conforms_to_its_policy(dtype):
    """Every law holds; under `native` a few roundings are too many where it divides much."""
    subject = scaled(0, dtype, "scaled-storage")
    for law in LAWS.values():
        assert hold(law, subject, examples=10, seed=0).failure is None


def drifting(average, theta, mu, n):
    """Anchored, an ulp too large."""
    anchored_mean(average, theta, mu, n)
    average.shown = np.nextafter(average.shown, np.inf, dtype=theta.dtype)


@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize(
    ("mean", "policy"),
    [*((order.mean, "window-sum") for order in WINDOW_SUMS.values()), (drifting, None)],
)
def test_an_average_made_anew_is_known_by_its_bits(mean, policy, dtype):
    """Of the window's iterates, or of distances from one of them."""
    port = OrderPort(Order(mean=mean, reads=("average",)), "documented")
    rule = CONVENTIONS["documented"]
    subject = Subject(port, greet(port), dtype, rule, POLICIES["native"])
    runs = [(scenario, subject.trace(scenario)) for scenario in dense_runs()]
    # As in a long run of iterates that are far from their average.
    failure = Failure(failed("average", Place(1, 1, 0), 0.0), runs[0][0])
    found = right_form(subject, fingerprint(runs, rule, dtype), [failure])
    assert (found and found.name) == policy


@pytest.mark.slow
@pytest.mark.parametrize("mean", [anchored_mean, WINDOW_SUMS["anchored_sum"].mean, drifting])
def test_an_anchored_average_conforms_to_its_policy(mean):
    """Under `native` it is accused: its errors go with the anchor."""
    made = verify(OrderPort(Order(mean=mean, reads=("average",)), "documented"), seed=0)
    conforms = mean is not drifting
    policy = "window-sum" if conforms else "native"
    assert [one.policy for one in made.dtypes] == [policy] * 2
    assert (made.verdict == "conforms") == conforms


@pytest.mark.parametrize(("quantity", "policy"), [("average", "window-sum"), ("theta", None)])
def test_a_form_is_admitted_only_where_it_explains_a_failure(quantity, policy):
    """A sum that is kept is no other form than the plain one, whatever else is wrong."""
    port = OrderPort(ORDERS["rounded-first"], "documented")
    rule = CONVENTIONS["documented"]
    subject = Subject(port, greet(port), "float32", rule, POLICIES["native"])
    runs = [(scenario, subject.trace(scenario)) for scenario in dense_runs()]
    failure = Failure(failed(quantity, Place(1, 1, 0), 0.0), runs[0][0])
    found = right_form(subject, fingerprint(runs, rule, "float32"), [failure])
    assert (found and found.name) == policy


def test_a_right_form_has_no_looser_policy():
    """Its bound is its own: float32-eta would accuse it."""
    right = [policy for policy in POLICIES.values() if policy.is_right_form]
    assert [policy.name for policy in right] == ["log-step-size", "scaled-storage", "window-sum"]
    for policy in right:
        assert looser(policy) == [policy]
