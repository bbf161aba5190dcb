"""`fast.ASGD(compensated=True)`: its bound, the decay it takes, and what it keeps (kernels.md)."""

import json
from fractions import Fraction

import numpy as np
import pytest

from asgd import reference
from asgd.fast import ASGD, Parameter
from asgd.fast.kernels import Scalars, update
from asgd.fast.window import open_window
from asgd.reference import formats

DTYPES = ("float32", "float64")


def _exact(array):
    return [Fraction(x) for x in np.asarray(array, np.float64).tolist()]


def _kept(optimizer, parameter):
    """Theta with its carry, exactly."""
    carry = optimizer.state[parameter].carry
    return [x + c for x, c in zip(_exact(parameter.data), _exact(carry), strict=True)]


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [None, 1e-9, 1e-3, 3.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_step_is_within_its_bound(dtype, decay, maximize):
    """Theta with its carry, after each of several steps, against exact fractions."""
    rng = np.random.default_rng(8)
    u, tiny = Fraction(formats[dtype].u), Fraction(formats[dtype].tiny)
    sign = -1 if maximize else 1
    number = np.dtype(dtype).type
    d = Fraction(decay or 0)
    largest = 0.0
    for eta in (1e-12, 1e-6, 1e-2, 1.0):
        scalars = Scalars.of(np.array(eta, dtype), decay or 0.0, maximize=maximize)
        step = Fraction(float(number(eta)))
        theta = (rng.standard_normal(60) * 4.0 ** rng.integers(-9, 9, 60)).astype(dtype)
        carry, room = np.zeros_like(theta), np.empty((2, 60), dtype)
        for _ in range(5):
            grad = (rng.standard_normal(60) * 4.0 ** rng.integers(-9, 9, 60)).astype(dtype)
            before = list(zip(_exact(theta), _exact(carry), _exact(grad), strict=True))
            update(theta, grad, scalars, room[0], carry, room[1])
            assert np.array_equal(theta + carry, theta)
            after = zip(_exact(theta), _exact(carry), before, strict=True)
            for x, c, (x0, c0, g) in after:
                exact = x0 + c0 - step * (sign * g + d * (x0 + c0))
                moved = 3 * step * abs(g) + 6 * step * d * abs(x0)
                bound = u * moved * (1 + 8 * u) + u**2 * abs(x0) + 4 * tiny
                error = abs(x + c - exact)
                assert error <= bound
                largest = max(largest, float(error / bound))
    assert largest > 0.3


@pytest.mark.parametrize("rate", [1e-6, 1e-7, 5e-8, 1e-8, 1e-9])
def test_decay_is_what_is_due(rate):
    """No decay is lost, also where eta d is below u / 2, by the bound of kernels.md."""
    rng = np.random.default_rng(9)
    theta = np.exp2(rng.random(200)).astype(np.float32)
    p = Parameter(theta.copy())
    steps, u = 2000, Fraction(formats["float32"].u)
    optimizer = ASGD([p], lr=2.0**-10, lambd=rate * 2.0**10, alpha=0.0, t0=1e9, compensated=True)
    for _ in range(steps):
        p.grad = np.zeros_like(theta)
        optimizer.step()
    d = Fraction(rate * 2.0**10) / 2**10
    due = 1 - (1 - d) ** steps
    slack = 8 * u + u * u / d
    for start, end in zip(_exact(theta), _kept(optimizer, p), strict=True):
        assert abs((start - end) / (start * due) - 1) <= slack


def test_decay_is_lost_without_it():
    """What float32 itself does: eta d below u / 2 moves nothing, ever."""
    p = Parameter(np.full(3, 1.5, np.float32))
    optimizer = ASGD([p], lr=2.0**-10, lambd=2.0**-16, alpha=0.0)
    for _ in range(100):
        p.grad = np.zeros(3, np.float32)
        optimizer.step()
    assert (p.data == 1.5).all()


@pytest.mark.parametrize("t0", [0, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_average_is_that_of_theta_with_its_carry(dtype, t0):
    """Within one rounding of the exact mean, where theta alone does not move."""
    p = Parameter(np.full(4, 1.5, dtype))
    optimizer = ASGD([p], lr=1.0, lambd=0.0, t0=t0, compensated=True)
    u = formats[dtype].u
    kept = [[Fraction(3, 2)] * 4]
    for _ in range(9):
        p.grad = np.full(4, u / 8, dtype)
        optimizer.step()
        kept.append(_kept(optimizer, p))
    window, state = kept[t0:], optimizer.state[p].average
    low = np.zeros(4) if state.low is None else state.low
    for j, got in enumerate(_exact(optimizer.averages()[0])):
        total = sum(row[j] for row in window)
        # Numbers as coarse as these add up without rounding.
        assert Fraction(state.high[j]) + Fraction(low[j]) == total
        assert abs(got - total / len(window)) <= Fraction(u) * total / len(window)
    assert kept[-1][0] < kept[0][0]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 0.3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_window_begins_with_the_carry(dtype, weight):
    """The sum is the weight times theta with its carry: exactly, or to twice float64's digits."""
    rng = np.random.default_rng(11)
    theta = rng.standard_normal(50).astype(dtype)
    carry = (theta * formats[dtype].u * rng.uniform(-0.5, 0.5, 50)).astype(dtype)
    window = open_window(None, weight, 0.0, theta, carry)
    low = np.zeros(50) if window.low is None else window.low
    for x, c, high, rest in zip(*map(_exact, (theta, carry, window.high, low)), strict=True):
        exact = Fraction(weight) * (x + c)
        digits = 53 if dtype == "float32" else 105
        assert abs(high + rest - exact) <= abs(exact) * Fraction(2) ** -digits * 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_moves_without_a_step_size(dtype):
    """Theta and its carry keep every bit where eta is 0."""
    rng = np.random.default_rng(10)
    p = Parameter(rng.standard_normal(100).astype(dtype))
    optimizer = ASGD([p], lr=0.1, lambd=0.3, compensated=True)
    for lr in (0.1, 0.1, 0.0):
        before = p.data.copy(), None if not optimizer.state else optimizer.state[p].carry.copy()
        optimizer.param_groups[0]["lr"] = lr
        p.grad = rng.standard_normal(100).astype(dtype)
        optimizer.step()
    assert np.array_equal(p.data, before[0])
    assert np.array_equal(optimizer.state[p].carry, before[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_not_finite_leaves_no_carry(dtype):
    """An infinite theta stays infinite; put right by hand, it goes on."""
    p = Parameter(np.ones(3, dtype))
    optimizer = ASGD([p], lr=0.1, lambd=0.0, compensated=True)
    for grad in ([np.inf, np.nan, 1.0], [1.0, 1.0, 1.0]):
        p.grad = np.array(grad, dtype)
        optimizer.step()
        assert p.data[0] == -np.inf
        assert np.isfinite(optimizer.state[p].carry).all()
    p.data[:2] = 1.0
    optimizer.step()
    assert np.isfinite(p.data).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_keeps_one_array_of_theta(dtype):
    """One more array of theta's size and dtype; none without it."""
    for compensated in (False, True):
        p = Parameter(np.ones((10, 7), dtype))
        optimizer = ASGD([p], compensated=compensated)
        p.grad = np.ones_like(p.data)
        optimizer.step()
        carry = optimizer.state[p].carry
        assert (0 if carry is None else carry.nbytes) == (p.data.nbytes if compensated else 0)


@pytest.mark.parametrize("package", ["fast", "reference"])
def test_states_belong_to_one_kind(package):
    """A state of the other kind is refused, and so is a carry that does not fit."""
    made = {}
    for compensated in (False, True):
        p = Parameter(np.ones(2)) if package == "fast" else reference.Parameter([1.0, 1.0])
        kind = ASGD if package == "fast" else reference.ASGD
        made[compensated] = kind([p], lr=0.1, compensated=compensated)
        p.grad = np.ones(2)
        made[compensated].step()
    for compensated, optimizer in made.items():
        state = json.loads(json.dumps(optimizer.state_dict()))
        assert state["compensated"] is compensated
        with pytest.raises(ValueError, match=f"compensated={not compensated}, got {compensated}"):
            made[not compensated].load_state_dict(state)
        optimizer.load_state_dict(state)
        state["state"][0]["carry"] = None if state["state"][0]["carry"] else "AAAA"
        with pytest.raises(ValueError, match="carry"):
            optimizer.load_state_dict(state)
    old = made[False].state_dict()
    del old["compensated"], old["state"][0]["carry"]
    made[False].load_state_dict(old)
    with pytest.raises(TypeError, match="compensated must be True or False, got 1"):
        type(made[True])(made[True].param_groups[0]["params"], compensated=1)


def test_a_carry_of_another_size_or_dtype_is_refused():
    """A parameter's array may be replaced, by one of the same size and dtype."""
    p = Parameter(np.ones(4))
    optimizer = ASGD([p], compensated=True)
    p.grad = np.ones(4)
    optimizer.step()
    for other in (np.ones(5), np.ones(4, np.float32)):
        p.data, p.grad = other, np.ones_like(other)
        with pytest.raises(ValueError, match="theta must keep the size 4 and dtype float64 of"):
            optimizer.step()
    p.data = p.grad = np.ones(4)
    optimizer.step()
