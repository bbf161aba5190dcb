"""What the judge holds against a port, and what it does not."""

import math

import pytest

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, POLICIES, Hyperparameters
from asgd.tests.oracle.stepwise import Rule, judge
from asgd.tests.ports.protocol import Observation
from asgd.tests.ports.scenario import single
from asgd.tests.report.numbers import expected

PLAIN = Hyperparameters(1.0, 0.0, 0.0, 1e6, 0.0, maximize=False)


def verdicts(hyper, seen, *, theta=1.0, grad=1.0, dtype="float32", quantities=("eta", "mu")):
    """Verdicts on one observed step."""
    rule = Rule(CONVENTIONS["documented"], Arithmetic(formats[dtype], POLICIES["native"]))
    scenario = single(hyper, ((theta,),), (((grad,),),))
    shown = {"theta": ((0.0,),), "average": (None,), "eta": (None,), "mu": (None,)}
    observation = Observation(**(shown | seen))
    return [j.verdict for j in judge(scenario, [observation], rule, frozenset(quantities))]


@pytest.mark.parametrize("got", [math.nan, math.inf, 0.0])
def test_an_infinite_tolerance_judges_nothing(got):
    """Also not a nan: float32 cannot hold this lr, nor count from this t0."""
    assert verdicts(PLAIN._replace(lr=1e39), {"eta": (got,)}) == []
    assert verdicts(PLAIN._replace(lr=1.0), {"eta": (got,)}) == ["fail"]
    hidden = PLAIN._replace(lambd=1e39, alpha=1.0)
    assert verdicts(hidden, {"theta": ((got,),)}, quantities={"theta"}) == []


@pytest.mark.parametrize("name", ["lambd", "weight_decay"])
def test_a_decay_that_rounds_to_zero_is_judged(name):
    """In float32 1e-46 is 0, and takes nothing from theta; that is no licence."""
    hyper = PLAIN._replace(**{name: 1e-46})
    for got, verdict in [(0.0, "pass"), (2.0**-24, "pass"), (1e-6, "fail"), (math.nan, "fail")]:
        assert verdicts(hyper, {"theta": ((got,),)}, quantities={"theta"}) == [verdict]


@pytest.mark.parametrize("got", [math.nan, math.inf, -math.inf])
def test_an_average_keeps_what_is_not_finite(got):
    """A finding, no deviation (E5); a finite one must be theta."""
    rule = Rule(CONVENTIONS["documented"], Arithmetic(formats["float64"], POLICIES["native"]))
    scenario = single(PLAIN, ((1.0,),), (((0.0,),),))

    def shown(average):
        seen = Observation(theta=((1.0,),), average=((average,),), eta=(None,), mu=(None,))
        found = judge(scenario, [seen], rule, frozenset({"average"}), [(0, (math.inf,))])
        return [j.verdict for j in found]

    assert shown(got) == []
    assert shown(1.0) == ["pass"]
    assert shown(2.0) == ["fail"]


def test_what_is_wanted_is_shown_where_it_is_not_finite():
    """No placeholder: an infinity of the gradient makes theta infinite, and the average with it."""
    scenario = single(PLAIN, ((1.0, 1.0),), (((math.inf, -math.inf),),))
    seen = Observation(((1.0, math.inf),), ((1.0, 0.5),), (None,), (None,))
    rule = Rule(CONVENTIONS["documented"], Arithmetic(formats["float64"], POLICIES["native"]))
    both = frozenset({"theta", "average"})
    wrong = [j for j in judge(scenario, [seen], rule, both) if j.verdict == "fail"]
    assert [(j.quantity, j.element, j.wanted) for j in wrong] == [
        ("theta", 0, -math.inf),
        ("average", 1, math.inf),
    ]
    assert all(j.error == math.inf for j in wrong)
    shown = expected(wrong[0].exact, wrong[0].wanted)
    assert (shown.lo, shown.hi_decimal) == ("-inf", "-inf")
