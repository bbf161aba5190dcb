"""No correct port is refused, whatever its order of evaluation."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from evaluation_orders import COARSE, FLUSHED, ORDERS, WINDOW_SUMS, Order, OrderPort
from soak_orders import Tally, soak

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.convention import find_identity
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, hold_lifecycle
from asgd.tests.laws.outcome import Outcome, Subject
from asgd.tests.ports.protocol import DTYPES, greet

_PARTS = [name for name in LAWS if name != "step"]


def held(order: Order, policy: str, *, examples: int) -> list[tuple[str, str, Outcome]]:
    """Outcomes of an order in every convention and dtype: of E6's law, and of another in turn."""
    outcomes = []
    for turn, (dtype, convention) in enumerate(product(DTYPES, CONVENTIONS)):
        port = OrderPort(order, convention)
        subject = Subject(port, greet(port), dtype, CONVENTIONS[convention], POLICIES[policy])
        # E6's designed scenarios are the longest of all: it has them in every other turn.
        for name in ("step", _PARTS[turn % len(_PARTS)]):
            law = LAWS[name]
            if name == "step" and examples and turn % 2:
                law = replace(law, designed=lambda _supports: [])
            drawn = examples if name == "step" else 0
            outcome = hold(law, subject, examples=drawn, seed=turn)
            outcomes.append((convention, dtype, outcome))
    return outcomes


def refused(outcomes: list[tuple[str, str, Outcome]]) -> list[tuple[str, str, str, object]]:
    """What did not pass, with the number that failed."""
    return [
        (convention, dtype, o.law.equation, o.failure and o.failure.judgement)
        for convention, dtype, o in outcomes
        if o.failure is not None or o.undecided
    ]


@pytest.mark.sample(5)
@pytest.mark.parametrize("name", ORDERS)
def test_orders_conform(name: str) -> None:
    """Every order, in every convention and dtype, passes designed and drawn scenarios."""
    assert refused(held(ORDERS[name], "native", examples=1)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", ORDERS)
def test_orders_conform_in_all_covering_scenarios(name: str, convention: str, dtype: str) -> None:
    """No pair of features, no length and no size accuses a right port."""
    port = OrderPort(ORDERS[name], convention)
    subject = Subject(port, greet(port), dtype, CONVENTIONS[convention], POLICIES["native"])
    laws = [LIFECYCLE_LAWS[law] for law in ("window", "long", "sizes", "special")]
    outcomes = [hold_lifecycle(law, subject, examples=0, seed=0) for law in laws]
    assert refused([(convention, dtype, outcome) for outcome in outcomes]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FLUSHED)
def test_flushed_orders_conform_to_their_policy(name: str) -> None:
    """Ports without subnormal numbers are admitted by the policy that says so."""
    assert refused(held(FLUSHED[name], "native-ftz", examples=0)) == []


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", COARSE)
def test_coarse_orders_conform_to_their_policy(name: str) -> None:
    """So are ports with eta and mu in float32."""
    assert refused(held(COARSE[name], "float32-eta", examples=0)) == []


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("name", WINDOW_SUMS)
def test_averages_made_anew_conform_to_their_policy(name: str) -> None:
    """So are averages that do not follow from the ones before."""
    assert refused(held(WINDOW_SUMS[name], "window-sum", examples=3)) == []


def test_a_policy_is_not_granted_unasked() -> None:
    """A float64 port with eta in float32 fails without its policy."""
    assert refused(held(COARSE["printed"], "native", examples=0))


@pytest.mark.sample(4)
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("before", ["none", "late"])
def test_the_convention_is_found(convention: str, before: str) -> None:
    """Also where averages are shown only once the window opens, or holds more than one iterate."""
    port = OrderPort(replace(ORDERS["rounded-first"], before=before, supports=()), convention)
    identity = find_identity(port, greet(port), "float32", "auto", POLICIES["native"])
    assert identity.fits
    assert convention in (identity.convention.name, *identity.also)
    assert before == "late" or identity.also == ()


def flushed_products(theta, grad, eta, lambd, decay):
    """As printed, where subnormal products are lost and theta itself is not."""
    push = eta * ((grad + decay * theta) + lambd * theta)
    return theta - np.where(abs(push) < np.finfo(theta.dtype).smallest_normal, 0, push)


@pytest.mark.sample(1)
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_port_that_flushes_some_numbers_has_a_convention(dtype: str) -> None:
    """XLA keeps subnormal numbers that it only copies."""
    port = OrderPort(Order(update=flushed_products), "bottou")
    identity = find_identity(port, greet(port), dtype, "auto", POLICIES["native"])
    assert (identity.fits, identity.convention.name) == (True, "bottou")


@pytest.mark.slow
def test_drawn_scenarios_raise_no_alarm() -> None:
    """Some seeds of ``soak_orders.py``, beyond those that spec/tolerance.md tells of."""
    tally = Tally()
    for seed in (10**6, 10**6 + 1):
        soak(seed, tally)
    assert tally.alarms == []
    assert tally.undecided == 0
    # Six laws, of which two need averages, that one order does not show.
    assert tally.scenarios == 2 * 10 * (6 * len(ORDERS) - 2)
