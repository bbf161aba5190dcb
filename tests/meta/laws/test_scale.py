"""Long trajectories and large tensors: right ports pass, and each wrong number is found."""

from fractions import Fraction

import numpy as np
import pytest

from asgd.fast import ASGD, Parameter
from asgd.reference import formats, trajectory
from asgd.reference.certified.coefficients import Tick, transition
from asgd.reference.tolerance import Arithmetic, descend_tolerance, step_size_error
from asgd.spec import POLICIES, Hyperparameters, convention, policy
from asgd.tests.laws.outcome import Subject
from asgd.tests.laws.scale import endure
from asgd.tests.ports.adapters import adapt
from asgd.tests.ports.protocol import greet

SHAPES = ((300, 4), (5, 3000))


class LastLeftOut(ASGD):
    """Leaves the last element of large tensors out."""

    def step(self, closure=None):
        """Put the last element back."""
        data = self.param_groups[0]["params"][0].data
        last = data[-1:].copy()
        super().step(closure)
        if data.size > 1000:
            data[-1:] = last


class LateDrift(ASGD):
    """Is a few ulp off in one step."""

    def step(self, closure=None):
        """Turn theta a little at step 250."""
        super().step(closure)
        parameter = self.param_groups[0]["params"][0]
        if self.state[parameter].step == 250:
            parameter.data *= parameter.data.dtype.type(1 + 40 * np.finfo(parameter.data.dtype).eps)


def subject(port, dtype):
    """Subject that is judged as `documented`."""
    adapted = adapt(port, port.__name__)
    return Subject(adapted, greet(adapted), dtype, convention("documented"), policy("native"))


@pytest.mark.sample(2)
@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("seed", range(3))
def test_the_kernels_endure(dtype, seed):
    """Every number is judged, and none is undecided."""
    outcome = endure(subject(ASGD, dtype), seed=seed, shapes=SHAPES)
    assert outcome.failure is None
    assert not outcome.undecided
    assert outcome.judged == 2 * sum(steps * elements for steps, elements in SHAPES)
    assert 0 < outcome.largest < 1


@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize(
    ("port", "call", "element", "alone"), [(LastLeftOut, 1, 2999, False), (LateDrift, 250, 0, True)]
)
def test_one_wrong_number_is_found(port, call, element, alone, dtype):
    """The step, the element, and the simplest scenario that shows them."""
    failure = endure(subject(port, dtype), seed=1, shapes=SHAPES).failure
    assert failure is not None
    assert (failure.judgement.call, failure.judgement.element) == (call, element)
    assert (len(failure.scenario.params[0]) == 1) is alone
    assert failure.scenario.steps == call


@pytest.mark.parametrize("name", formats)
def test_end_to_end_errors_stay_below_the_sum_of_one_step_bounds(name):
    """E <- |decay| E + the tolerance of a step bounds the distance from the exact trajectory."""
    rng = np.random.default_rng(1)
    theta = rng.standard_normal(50).astype(name)
    grads = rng.standard_normal((200, 50)).astype(name)
    hyper = Hyperparameters(0.05, 0.1, 0.75, 20.0, 0.0, maximize=False)
    arithmetic = Arithmetic(formats[name], POLICIES["native"])
    parameter = Parameter(theta.copy())
    optimizer = ASGD([parameter], **{k: v for k, v in hyper._asdict().items() if k != "maximize"})
    bound = np.zeros(50)
    rule = convention("documented")
    for moment in trajectory(theta, grads, **hyper._asdict(), dtype=name):
        before, grad = parameter.data.astype(float), grads[moment.call - 1]
        parameter.grad = grad
        optimizer.step()
        step = transition(Tick(moment.t, hyper, hyper), rule, 128)
        local = descend_tolerance(
            before,
            grad.astype(float),
            np.abs(before) * 2 + np.abs(grad),
            lr=hyper.lr,
            eta=step.gain.magnitude(),
            eta_error=step_size_error(
                moment.t, lr=0.05, lambd=0.1, alpha=0.75, arithmetic=arithmetic
            ),
            lambd=hyper.lambd,
            weight_decay=0.0,
            arithmetic=arithmetic,
        )
        bound = step.decay.magnitude() * bound + local
        for j in range(50):
            low, high = moment.theta.enclosure(j).bounds()
            got = Fraction(float(parameter.data[j]))
            assert low - Fraction(bound[j]) <= got <= high + Fraction(bound[j])
