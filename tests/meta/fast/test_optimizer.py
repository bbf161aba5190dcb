"""`fast.ASGD`: every convention, every kind of array, and what it keeps and allocates."""

import copy
import json
import pickle
import tracemalloc
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from asgd import reference
from asgd.fast import ASGD, Parameter, blocks, threads
from asgd.fast import aliasing as overlap
from asgd.fast.kernels import BLOCK, elements
from asgd.spec import CONVENTIONS, policy
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.adapters import NumpyPort
from asgd.tests.ports.protocol import greet

DTYPES = ("float32", "float64")
STRONG = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 2, "weight_decay": 0.125}


def _run(arrays, grads, steps=6, **hyper):
    """Parameters and averages after some steps with the same gradients."""
    parameters = [Parameter(array) for array in arrays]
    optimizer = ASGD(parameters, **{**STRONG, **hyper})
    for _ in range(steps):
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = grad
        optimizer.step()
    return [p.data for p in parameters], optimizer.averages()


def _same(left, right):
    return all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(left, right, strict=True)
    )


# As printed, the sum's first terms are divided by something else than their number: no average,
# so that the law of E5, which looks for one, does not speak of `literal`; the law of E6 does.
_HELD = [(law, c) for law in LAWS for c in CONVENTIONS if (law, c) != ("average", "literal")]


@pytest.mark.sample(40)
@pytest.mark.parametrize(("law", "convention"), _HELD)
@pytest.mark.parametrize("compensated", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_convention_holds_every_law(law, dtype, compensated, convention):
    """Not only the default one: groups, skipped steps, changed hyperparameters, any t0."""
    kind = partial(ASGD, convention=convention, compensated=compensated)
    port = NumpyPort(kind, f"fast, {convention}", "0")
    subject = Subject(port, greet(port), dtype, CONVENTIONS[convention], policy("float64-eta"))
    outcome = hold(LAWS[law], subject, examples=15, seed=0)
    assert outcome.failure is None
    assert not outcome.not_observable
    assert outcome.judged


def _awkward(dtype):
    """Arrays of one shape and value that lie in memory in different ways."""
    rng = np.random.default_rng(0)
    plain = rng.standard_normal((6, 10)).astype(dtype)
    wide = np.zeros((12, 20), dtype)
    wide[::2, ::-2] = plain
    raw = np.zeros(plain.nbytes + 1, np.uint8)[1:].view(dtype).reshape(plain.shape)
    raw[...] = plain
    return plain, {
        "strided": wide[::2, ::-2],
        "transposed": np.asfortranarray(plain),
        "unaligned": raw,
    }


@pytest.mark.parametrize("kind", ["strided", "transposed", "unaligned"])
@pytest.mark.parametrize("compensated", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_that_are_not_contiguous_or_aligned(dtype, compensated, kind):
    """The same bits as a plain array, for theta and for the gradient."""
    plain, awkward = _awkward(dtype)
    grad = np.linspace(-1, 1, 60, dtype=dtype).reshape(plain.shape)
    odd_grad = {"strided": np.repeat(grad, 2, 1)[:, ::2], "transposed": np.asfortranarray(grad)}
    expected = _run([plain.copy()], [grad], compensated=compensated)
    theta, averages = _run([awkward[kind]], [odd_grad.get(kind, grad)], compensated=compensated)
    assert theta[0] is awkward[kind]
    assert _same(theta, expected[0])
    assert _same(averages, expected[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_without_dimensions_or_elements(dtype):
    """0-d and empty arrays take part; the empty one counts its steps."""
    scalar, vector = np.array(0.75, dtype), np.array([0.75], dtype)
    empty = np.empty((3, 0), dtype)
    grads = [np.array(0.5, dtype), np.empty((3, 0), dtype)]
    theta, averages = _run([scalar, empty], grads)
    expected = _run([vector], [np.array([0.5], dtype)])
    assert theta[0].shape == averages[0].shape == ()
    assert theta[0] == expected[0][0][0]
    assert averages[0] == expected[1][0][0]
    assert averages[1].shape == (3, 0)


@pytest.mark.parametrize("compensated", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_threads_and_gathering_do_not_change_the_bits(dtype, compensated, monkeypatch):
    """One array in many blocks, its pieces one by one, and small pieces gathered."""
    monkeypatch.setattr(blocks, "THREADED", 1)
    monkeypatch.setattr(blocks, "CORES", 3)
    monkeypatch.setattr(threads.POOL, "size", 2)
    rng = np.random.default_rng(1)
    block = elements(dtype)
    size = 2 * block + 77
    whole = rng.standard_normal(size).astype(dtype)
    grad = rng.standard_normal(size).astype(dtype)
    ends = [5, 6, 1000, 1000 + blocks.SMALL, 1001 + 2 * blocks.SMALL, block, block + 1]
    pieces = np.split(whole.copy(), ends)
    parts = np.split(grad, ends)
    run = partial(_run, steps=4, compensated=compensated)
    expected = run([whole], [grad])
    together = run([piece.copy() for piece in pieces], parts)
    alone = [run([piece], [part]) for piece, part in zip(pieces, parts, strict=True)]
    for k in range(2):
        assert np.concatenate(together[k]).tobytes() == expected[k][0].tobytes()
        assert np.concatenate([one[k][0] for one in alone]).tobytes() == expected[k][0].tobytes()


def test_gradient_that_is_theta_or_overlaps_it():
    """The gradient is what it was before the step."""
    memory = np.linspace(1, 2, 3 * elements(np.float64) + 10)
    for shift in (0, 1, 7):
        theta, grad = memory.copy(), memory[shift:].copy()
        base = theta.copy()
        expected = _run([theta[: grad.size]], [grad], steps=1)
        p = Parameter(base[: grad.size])
        p.grad = base[shift:]
        ASGD([p], **STRONG).step()
        assert _same([p.data], expected[0])


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("compensated", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_state_continues_bit_for_bit(dtype, compensated, convention):
    """Through JSON, at every step, with a hyperparameter changed and a step skipped."""
    rng = np.random.default_rng(2)
    grads = rng.standard_normal((12, 3, 4)).astype(dtype)

    def step(optimizer, parameters, t):
        for i, parameter in enumerate(parameters):
            parameter.grad = None if (t, i) == (5, 1) else grads[t, i].copy()
        if t == 7:
            optimizer.param_groups[0].update(t0=8.5, lr=0.25)
        optimizer.step()

    for cut in range(1, 12):
        outcomes = []
        for resume in (False, True):
            parameters = [Parameter(np.ones(4, dtype)) for _ in range(3)]
            kind = partial(ASGD, convention=convention, compensated=compensated)
            optimizer = kind(parameters, **STRONG)
            for t in range(12):
                if resume and t == cut:
                    state = json.loads(json.dumps(optimizer.state_dict(), allow_nan=False))
                    parameters = [Parameter(p.data.copy()) for p in parameters]
                    optimizer = kind(parameters)
                    optimizer.load_state_dict(state)
                step(optimizer, parameters, t)
            outcomes.append(([p.data for p in parameters], optimizer.averages()))
        assert _same(outcomes[0][0], outcomes[1][0])
        assert _same(outcomes[0][1], outcomes[1][1])
        last = json.dumps(optimizer.state_dict())
    assert '"step": 11' in last


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_kept_is_nothing_and_then_two_arrays(dtype):
    """Before the window opens the average is theta; then a sum, twice theta's bytes."""
    p = Parameter(np.ones(1000, dtype))
    optimizer = ASGD([p], lr=0.1, t0=3)
    kept = []
    for _ in range(5):
        p.grad = np.ones(1000, dtype)
        optimizer.step()
        window = optimizer.state[p].average
        arrays = [] if window is None else [a for a in (window.high, window.low) if a is not None]
        kept.append(sum(a.nbytes for a in arrays) / p.data.nbytes)
    assert kept == [0, 0, 0, 2, 2]


@pytest.mark.parametrize("t0", [0, 1e6])
@pytest.mark.parametrize("compensated", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_allocate_no_arrays(dtype, compensated, t0, monkeypatch):
    """After the first step, nothing of a block's size, for large and small parameters.

    On one thread: another one may take its first block, and allocate its scratch, at any step.
    """
    monkeypatch.setattr(threads.POOL, "size", 0)
    parameters = [Parameter(np.ones(n, dtype)) for n in (3 * elements(dtype), 100, 200)]
    optimizer = ASGD(parameters, t0=t0, compensated=compensated)
    for p in parameters:
        p.grad = np.ones_like(p.data)
    for _ in range(3):
        optimizer.step()
    tracemalloc.start()
    try:
        optimizer.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < parameters[1].data.nbytes * 50
    assert peak < BLOCK / 8


def test_parameters_that_share_memory_are_refused():
    """Whole or in part, at construction and later; parameters that interleave are not."""
    memory = np.zeros((8, 8))
    with pytest.raises(ValueError, match="must not share memory"):
        ASGD([Parameter(memory), Parameter(memory[2])])
    with pytest.raises(ValueError, match="must not share memory"):
        ASGD([Parameter(memory.reshape(-1)[:10]), Parameter(memory.reshape(-1)[9:])])
    optimizer = ASGD([Parameter(memory[:, 0])])
    optimizer.add_param_group({"params": [Parameter(memory[:, 1])]})
    with pytest.raises(ValueError, match="must not share memory"):
        optimizer.add_param_group({"params": [Parameter(memory[3:5])]})
    assert len(optimizer.param_groups) == 2
    window = np.lib.stride_tricks.as_strided(np.zeros(10), (8, 3), (8, 8))
    with pytest.raises(ValueError, match="elements must not share memory"):
        ASGD([Parameter(window)])


def _views():
    """Views of one buffer, each with the places of its elements."""
    places = np.arange(24).reshape(4, 6)
    buffer = np.zeros((4, 6), np.float32)
    cuts = [np.s_[:, :2], np.s_[:, 2:4], np.s_[:, ::2], np.s_[:, 1::2], np.s_[::-1, 5], np.s_[1]]
    cuts += [np.s_[2, ::3], np.s_[2, 1::3], np.s_[3, 4:], np.s_[0, :0], np.s_[0, 0:1]]
    for cut in cuts:
        yield buffer[cut], set(places[cut].ravel().tolist())


def _refuses(*arrays):
    try:
        overlap.refuse_overlap(arrays)
    except ValueError:
        return True
    return False


def test_views_are_refused_where_they_share_an_element_and_only_there():
    """Rows, columns that interleave, reversed and empty ones; two and three at a time."""
    views = list(_views())
    for (a, places), (b, others) in combinations(views, 2):
        assert _refuses(a, b) is _refuses(b, a) is bool(places & others)
    for three in combinations(views, 3):
        shared = any(x[1] & y[1] for x, y in combinations(three, 2))
        assert _refuses(*(view for view, _ in three)) is shared
    assert not any(_refuses(view) for view, _ in views)


@pytest.mark.parametrize(
    ("shape", "strides", "refused"),
    [
        ((3,), (4,), True),
        ((3,), (8,), False),
        ((3,), (9,), False),
        ((3,), (-8,), False),
        ((3,), (0,), True),
        ((1,), (0,), False),
        ((2, 3), (8, 8), True),
        ((2, 3), (24, 8), False),
        ((2, 3), (23, 8), True),
        ((3, 2), (8, 24), False),
        ((2, 2, 2), (32, 16, 8), False),
        ((2, 2, 2), (24, 16, 8), True),
        ((2, 1), (24, 0), False),
    ],
)
def test_strides_that_meet_are_refused(shape, strides, refused):
    """Elements of float64 that lie apart, or not."""
    memory = np.zeros(200, np.uint8)[100:]
    array = np.lib.stride_tricks.as_strided(memory.view()[:8].view(np.float64), shape, strides)
    assert _refuses(array) is refused


def test_what_is_too_hard_to_tell_is_refused(monkeypatch):
    """The exact question has a limit, beyond which the answer is the safe one."""
    memory = np.zeros((6, 6))
    assert not _refuses(memory[:, ::2], memory[:, 1::2])
    monkeypatch.setattr(overlap.np, "shares_memory", _too_hard)
    assert _refuses(memory[:, ::2], memory[:, 1::2])


def _too_hard(*_, **__):
    raise np.exceptions.TooHardError


def test_arrays_that_come_to_share_memory_are_refused_before_a_step():
    """A parameter's array may be replaced; then it is looked at again."""
    a, b = Parameter(np.ones(4)), Parameter(np.ones(4))
    optimizer = ASGD([a, b], **STRONG)
    b.data = a.data[1:]
    a.grad, b.grad = np.ones(4), np.ones(3)
    with pytest.raises(ValueError, match="must not share memory"):
        optimizer.step()
    assert (a.data == 1).all()
    b.data = np.ones(3)
    optimizer.step()
    b.data, b.grad = np.ones(5), np.ones(5)
    optimizer.step()
    optimizer.step()
    b.data, b.grad = np.ones(6), np.ones(6)
    with pytest.raises(ValueError, match="theta must keep the size 5 of its average"):
        optimizer.step()


def test_schedules_do_not_change_the_bits():
    """Step sizes computed ahead are those computed one by one."""
    results = []
    for ahead in (True, False):
        p = Parameter(np.array([1.0, -2.0, 3.0]))
        optimizer = ASGD([p], lr=0.5, lambd=0.1)
        for t in range(200):
            p.grad = np.array([0.5, -0.25, 1.0])
            optimizer.param_groups[0]["lr"] = 0.5 if t < 150 else 0.25
            if not ahead:
                optimizer._plan = None
            optimizer.step()
        results.append(p.data.tobytes())
    assert results[0] == results[1]


def test_averages_inside_averaged_and_after():
    """Inside, theta holds the averages; afterwards it is what it was, and so is the next step."""
    p = Parameter(np.ones(5))
    optimizer = ASGD([p], **STRONG)
    for _ in range(4):
        p.grad = np.ones(5)
        optimizer.step()
    before, average = p.data.copy(), optimizer.averages()[0]
    with optimizer.averaged():
        assert np.array_equal(p.data, average)
        p.data[...] = 7
    assert np.array_equal(p.data, before)
    assert not np.array_equal(before, average)


@pytest.mark.parametrize("compensated", [False, True])
def test_a_copy_goes_on_by_itself(compensated):
    """A deep copy, pickled or not, updates its own parameters, with the same bits."""
    p = Parameter(np.linspace(-1, 1, 5))
    first = ASGD([p], **STRONG, compensated=compensated)
    for t in range(8):
        if t == 4:
            second = copy.deepcopy(first)
            third = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own
        for optimizer in (first,) if t < 4 else (first, second, third):
            optimizer.param_groups[0]["params"][0].grad = np.full(5, 0.5)
            optimizer.step()
    for other in (second, third):
        assert other.param_groups[0]["params"][0] is not p
        assert _same([other.param_groups[0]["params"][0].data], [p.data])
        assert _same(other.averages(), first.averages())


def test_the_reference_takes_the_same_steps():
    """Both optimizers share an interface; their averages agree to float64's last bits."""
    exact = reference.Parameter([1.0, -2.0])
    p = Parameter(np.array([1.0, -2.0]))
    optimizers = [reference.ASGD([exact], **STRONG), ASGD([p], **STRONG)]
    for t in range(6):
        for optimizer in optimizers:
            optimizer.param_groups[0]["params"][0].grad = np.array([0.5, 0.25 * t])
            optimizer.step()
    left, right = (optimizer.averages()[0] for optimizer in optimizers)
    for x, y in zip(left, right, strict=True):
        # Six steps of six roundings each, of numbers up to 4.
        assert abs(float(x) - float(y)) <= 36 * 4 * 2.0**-53
