"""Errors that all point one way are found, within the tolerance; roundings are not."""

import numpy as np
import pytest
from evaluation_orders import ORDERS, OrderPort
from numpy_faults import AverageSticks, EtaShifted, Right, Truncates

from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.diagnosis.signs import _CHANCE, _MOST, _fewest, inexact, one_sided
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import DTYPES, greet


def subject(target, dtype, convention="documented"):
    """A port, judged under the strictest policy."""
    port = target if isinstance(target, OrderPort) else import_port(target)
    return Subject(port, greet(port), dtype, CONVENTIONS[convention], POLICIES["native"])


def said(found):
    """Quantities and sides of findings."""
    return {finding.text.partition(" in ")[0] for finding in found}


@pytest.mark.sample(3)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Truncates, "eta is too small"),
        (EtaShifted, "eta is too large"),
        (AverageSticks, "average's step is too short"),
    ],
)
def test_one_sided_errors_are_found(target, text, dtype):
    """What no law objects to."""
    port = subject(target, dtype)
    assert text in said(one_sided(port))
    assert hold(LAWS["step"], port, examples=0, seed=0).failure is None


class Alternates(Right):
    """Theta is the right number, and an ulp more or less in turn."""

    def write(self, p, theta):
        moves = np.isfinite(theta) & (theta != p.data)
        side = theta.dtype.type((-1) ** self.state[p]["t"] * np.inf)
        super().write(p, np.where(moves, np.nextafter(theta, side), theta))


class EtaAlternates(EtaShifted):
    """Eta is an ulp or two too large or too small in turn."""

    def eta(self, group, t):
        return Right.eta(self, group, t) * (1 + (-1) ** t * self.ulp)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [Alternates, EtaAlternates])
def test_noise_in_turn_is_found(target, dtype):
    """No sign shows it, and no law."""
    port = subject(target, dtype)
    assert one_sided(port) == []
    assert hold(LAWS["step"], port, examples=0, seed=0).failure is None
    (finding,) = inexact(port)
    assert finding.text.startswith("theta is off")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_right_port_errs_either_way(dtype):
    """Nothing is said of it."""
    assert one_sided(subject(Right, dtype)) == inexact(subject(Right, dtype)) == []


@pytest.mark.sample(6)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", ORDERS)
def test_every_order_is_exact_where_nothing_rounds(name, convention, dtype):
    """In each convention."""
    assert inexact(subject(OrderPort(ORDERS[name], convention), dtype, convention)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("name", ORDERS)
def test_no_order_is_one_sided(name, convention, dtype):
    """Whatever a right port rounds, and how often."""
    assert one_sided(subject(OrderPort(ORDERS[name], convention), dtype, convention)) == []


def test_the_chance_is_what_is_said():
    """The tail of the binomial; with few trials, nothing is found."""
    assert _MOST**81 <= _CHANCE < _MOST**80
    assert _fewest(80) == 81
    assert _fewest(81) == 81
    assert 0.75 * 112 < _fewest(112) < 112
