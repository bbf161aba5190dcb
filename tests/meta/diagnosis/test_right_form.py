"""A right form is admitted where it gives every bit, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation_orders import (
    ORDERS,
    Order,
    OrderPort,
    anchored_mean,
    anchored_sum,
    kept_sum,
    summed_anew,
    weighted_steps,
)
from scaled_storage import ScaledPort

from asgd.reference import formats
from asgd.spec import CONVENTIONS, POLICIES, Hyperparameters
from asgd.tests.diagnosis.dense_runs import dense_runs
from asgd.tests.diagnosis.fingerprint import fingerprint
from asgd.tests.diagnosis.right_form import right_form
from asgd.tests.diagnosis.window_sums import sums_window
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Failure, Subject, looser
from asgd.tests.oracle.judgement import Place, failed
from asgd.tests.ports.protocol import greet
from asgd.tests.ports.scenario import drive, single
from asgd.tests.scenarios.lifecycle import long
from asgd.tests.scenarios.strong import STRONG
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


def scaled(excess, dtype, policy, mean="stored"):
    """Scaled storage under a policy."""
    port = ScaledPort(excess, mean)
    return Subject(port, greet(port), dtype, CONVENTIONS["bottou"], POLICIES[policy])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("mean", ["stored", "plain", "none"])
@pytest.mark.parametrize(("excess", "policy"), [(0, "scaled-storage"), (1, None)])
def test_scaled_storage_is_known_by_its_bits(excess, policy, mean, dtype):
    """As in svmasgd, whose convention is `bottou`; and with an average beside it, or none."""
    subject = scaled(excess, dtype, "native", mean)
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


def wrong_later(average, theta, mu, n):
    """A sum that is kept, and too large by far less than the policy grants, after 20 terms."""
    kept_sum(average, theta, mu, n)
    average.shown = average.shown * theta.dtype.type(1 + (n > 20) * 2.0**-18)


def averaged(mean, dtype):
    """A port of which only the average is shown."""
    port = OrderPort(Order(mean=mean, reads=("average",)), "documented")
    rule = CONVENTIONS["documented"]
    return Subject(port, greet(port), dtype, rule, POLICIES["native"])


def far_away():
    """A run whose first iterate is far from all others."""
    hyper = Hyperparameters(1.0, 0.0, 0.0, 1.0, 0.0, maximize=False)
    grads = [((0.3,),), ((1e4,),), *((((-1.0) ** t / 3,),) for t in range(30))]
    return single(hyper, ((1e4,),), tuple(grads))


@pytest.mark.sample(4)
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize(
    ("mean", "known"),
    [
        # Steps of a port that sums anew take as long as the run is.
        pytest.param(summed_anew, True, marks=pytest.mark.slow),
        *((mean, True) for mean in (anchored_sum, anchored_mean, weighted_steps)),
        (drifting, False),
        (wrong_later, False),
    ],
)
def test_an_average_made_anew_is_known_by_its_bits(mean, known, dtype):
    """Of the window's iterates, or of distances from one of them; for as long as a run lasts."""
    subject = averaged(mean, dtype)
    scenarios = [*dense_runs(), far_away(), *long(subject.hello.supports)]
    runs = [(scenario, subject.trace(scenario)) for scenario in scenarios]
    assert sums_window(runs, subject.convention, dtype) == known


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize(
    ("scenario", "quantity", "policy"),
    [
        (far_away(), "average", "window-sum"),
        (far_away(), "theta", None),
        (single(STRONG, ((1.0,),), (((0.5,),),)), "average", None),
    ],
)
def test_a_form_is_admitted_only_where_it_explains_a_failure(scenario, quantity, policy, dtype):
    """Where the plain policy holds, or something else is wrong, it explains nothing."""
    subject = averaged(anchored_mean, dtype)
    runs = [(one, subject.trace(one)) for one in dense_runs()]
    failure = Failure(failed(quantity, Place(1, 1, 0), 0.0), scenario)
    found = right_form(subject, fingerprint(runs, subject.convention, dtype), [failure])
    assert (found and found.name) == policy


@pytest.mark.slow
@pytest.mark.sample(1, rest="nightly")
@pytest.mark.parametrize("mean", [anchored_mean, anchored_sum, weighted_steps, drifting])
def test_an_anchored_average_conforms_to_its_policy(mean):
    """Under `native` it is accused: its errors go with the anchor."""
    made = verify(averaged(mean, "float64").port, seed=0)
    conforms = mean is not drifting
    policy = "window-sum" if conforms else "native"
    assert [one.policy for one in made.dtypes] == [policy] * 2
    assert (made.verdict == "conforms") == conforms


@pytest.mark.slow
def test_nothing_wrong_hides_behind_a_sum_that_is_kept():
    """Its first eight steps are those of the family, and the error is within the family's bound."""
    made = verify(averaged(wrong_later, "float32").port, seed=0, dtypes=("float32",))
    assert (made.verdict, made.dtypes[0].policy) == ("deviates", "native")


def test_a_right_form_has_no_looser_policy():
    """Its bound is its own: float32-eta would accuse it."""
    right = [policy for policy in POLICIES.values() if policy.is_right_form]
    assert [policy.name for policy in right] == ["log-step-size", "scaled-storage", "window-sum"]
    for policy in right:
        assert looser(policy) == [policy]
