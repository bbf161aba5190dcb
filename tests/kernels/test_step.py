"""E6: whole steps of `fast` against mpmath, in all conventions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asgd.fast import step
from asgd.spec import CONVENTIONS, Hyperparameters

from ..oracle.stepwise import Rule, judge
from ..ports.protocol import Observation
from ..ports.scenario import single
from .domain import DTYPES, arithmetic, array, numbers, rates, steps

_SHOWN = frozenset({"theta", "average"})


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@settings(deadline=None, max_examples=15)
@given(data=st.data(), t=steps(), maximize=st.booleans())
def test_step(dtype: str, convention: str, data: st.DataObject, t: int, maximize: bool) -> None:
    """Theta and the average after any one step, by mpmath alone."""
    theta, average, grad = (data.draw(numbers(dtype)) for _ in range(3))
    lr, lambd, alpha, weight_decay = (data.draw(rates()) for _ in range(4))
    near = st.integers(-2, 3).map(lambda k: float(max(0, t - k)))
    t0 = data.draw(rates() | near | near.map(lambda x: x + 0.5))
    hyper = Hyperparameters(lr, lambd, alpha, t0, weight_decay, maximize)
    with np.errstate(all="ignore"):
        updated, mean = step(
            array(theta, dtype),
            array(average, dtype),
            t + 1,
            array(grad, dtype),
            **hyper._asdict(),
            convention=convention,
        )
    shown = Observation(((float(updated[0]),),), ((float(mean[0]),),), (None,), (None,))
    scenario = single(hyper, ((theta,),), (((grad,),),))
    rule = Rule(CONVENTIONS[convention], arithmetic(dtype), "mpmath")
    for judgement in judge(scenario, [shown], rule, _SHOWN, [(t, (average,))]):
        assert judgement.verdict == "pass", judgement
