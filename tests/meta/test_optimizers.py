"""The optimizer's interface, in both packages: groups, state, averages, and bad input."""

import copy
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import asgd.fast
import asgd.reference
from asgd.spec import CONVENTIONS

PACKAGES = [asgd.fast, asgd.reference]
BOTH = pytest.mark.parametrize("package", PACKAGES, ids=["fast", "reference"])
STRONG = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 2.0, "weight_decay": 0.125}
GRADS = np.random.default_rng(3).normal(size=(12, 4))


def _make(package, *, size=4, convention="documented", **hyper):
    parameter = package.Parameter(np.linspace(-1.0, 2.0, size))
    optimizer = package.ASGD([parameter], **{**STRONG, **hyper}, convention=convention)
    return parameter, optimizer


def _walk(parameter, optimizer, grads):
    for grad in grads:
        parameter.grad = grad.copy()
        optimizer.step()


def _floats(array):
    return [float(x) for x in np.asarray(array).flat]


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_fast_meets_reference(convention):
    """The two answers agree to the roundings of a dozen steps."""
    ends = []
    for package in PACKAGES:
        parameter, optimizer = _make(package, convention=convention)
        _walk(parameter, optimizer, GRADS[:5])
        optimizer.param_groups[0].update(lr=0.125, t0=7.0)
        _walk(parameter, optimizer, GRADS[5:])
        ends.append(_floats(parameter.data) + _floats(optimizer.averages()[0]))
    # The one-step laws hold each step to its derived bound; this only looks for gross disagreement.
    np.testing.assert_array_max_ulp(np.array(ends[0]), np.array(ends[1]), maxulp=2**12)


@BOTH
@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("cut", [0, 1, 2, 3, 7])
def test_resume_is_exact(package, convention, cut):
    """A state that went through JSON continues bit for bit, in every convention."""
    one, straight = _make(package, convention=convention)
    _walk(one, straight, GRADS[:cut])
    saved = json.loads(json.dumps(straight.state_dict()))
    two, resumed = _make(package, convention=convention, lr=0.1)
    two.data[...] = one.data
    resumed.load_state_dict(saved)
    assert resumed.param_groups[0]["lr"] == STRONG["lr"]
    straight.param_groups[0]["lr"] = resumed.param_groups[0]["lr"] = 0.3
    _walk(one, straight, GRADS[cut:])
    _walk(two, resumed, GRADS[cut:])
    assert _floats(one.data) == _floats(two.data)
    assert _floats(straight.averages()[0]) == _floats(resumed.averages()[0])


@BOTH
def test_closure_and_zero_grad(package):
    """step() returns what the closure returns; zero_grad() drops or clears gradients."""
    parameter, optimizer = _make(package)

    def closure():
        parameter.grad = np.ones(4)
        return "loss"

    assert optimizer.step(closure) == "loss"
    assert optimizer.step() is None
    optimizer.zero_grad(set_to_none=False)
    assert _floats(parameter.grad) == [0.0] * 4
    optimizer.zero_grad()
    assert parameter.grad is None


@BOTH
def test_a_parameter_without_gradient_is_left_alone(package):
    """E6: theta, average and count keep their values."""
    still, moved = (package.Parameter(np.ones(2)) for _ in range(2))
    optimizer = package.ASGD([still, moved], **STRONG)
    moved.grad = np.ones(2)
    optimizer.step()
    assert _floats(still.data) == [1.0, 1.0]
    assert still not in optimizer.state
    assert optimizer.state[moved].step == 1


@BOTH
def test_averaged_restores_exactly(package):
    """Inside averaged() the parameters hold their averages; afterwards what they held before."""
    parameter, optimizer = _make(package)
    _walk(parameter, optimizer, GRADS)
    before = _floats(parameter.data)
    with optimizer.averaged():
        assert _floats(parameter.data) == _floats(optimizer.averages()[0]) != before
        parameter.data[...] = 7 * parameter.data
        with pytest.raises(RuntimeError, match="averaged"):
            optimizer.step()
        with pytest.raises(RuntimeError, match="averaged"), optimizer.averaged():
            pass
    assert _floats(parameter.data) == before
    with pytest.raises(ZeroDivisionError), optimizer.averaged():
        raise ZeroDivisionError
    assert _floats(parameter.data) == before
    optimizer.step()


@BOTH
def test_groups(package):
    """A group has hyperparameters of its own, and may be added late."""
    first, second = (package.Parameter(np.ones(1)) for _ in range(2))
    optimizer = package.ASGD([{"params": [first], "lr": 0.5}], lr=0.25, lambd=0.0)
    optimizer.add_param_group({"params": second, "maximize": True})
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 0.25]
    assert optimizer.defaults["lr"] == 0.25
    first.grad = second.grad = np.ones(1)
    optimizer.step()
    assert _floats(first.data) == [0.5]
    assert _floats(second.data) == [1.25]


BAD = [
    ("lr", -1.0, r"lr must be in \[0, inf\), got -1\.0"),
    ("lr", math.inf, r"lr must be in \[0, inf\), got inf"),
    ("lambd", math.nan, r"lambd must be in \[0, inf\), got nan"),
    ("alpha", -1e-300, r"alpha must be in \[0, inf\), got -1e-300"),
    ("weight_decay", -0.5, r"weight_decay must be in \[0, inf\), got -0\.5"),
    ("t0", -1, r"t0 must be in \[0, inf\], got -1"),
    ("t0", math.nan, r"t0 must be in \[0, inf\], got nan"),
    ("t0", -(10**400), r"t0 must be in \[0, inf\], got -1000"),
    ("lr", 10**400, r"lr must be in \[0, inf\), got 1000"),
    ("lr", "0.1", r"lr must be a real number in \[0, inf\), got '0\.1' of type str"),
    ("alpha", True, r"alpha must be a real number in \[0, inf\), got True of type bool"),
    ("lr", None, r"lr must be a real number"),
    ("maximize", 1, r"maximize must be True or False, got 1"),
]


@BOTH
@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_bad_hyperparameter(package, name, value, message):
    """Refused at construction, in a group, in a state, and at a step after a change by hand."""
    with pytest.raises((TypeError, ValueError), match=message):
        _make(package, **{name: value})
    parameter, optimizer = _make(package)
    with pytest.raises((TypeError, ValueError), match=message):
        optimizer.add_param_group({"params": [package.Parameter(np.ones(1))], name: value})
    assert len(optimizer.param_groups) == 1
    state = optimizer.state_dict()
    state["param_groups"][0][name] = value
    with pytest.raises((TypeError, ValueError), match=message):
        optimizer.load_state_dict(state)
    optimizer.param_groups[0][name] = value
    parameter.grad = np.ones(4)
    before = _floats(parameter.data)
    with pytest.raises((TypeError, ValueError), match=message):
        optimizer.step()
    assert _floats(parameter.data) == before
    assert not optimizer.state


@BOTH
def test_infinite_t0_never_averages(package):
    """The domain of t0 holds infinity itself."""
    parameter, optimizer = _make(package, t0=math.inf)
    _walk(parameter, optimizer, GRADS)
    assert _floats(optimizer.averages()[0]) == _floats(parameter.data)


@BOTH
def test_bad_parameters(package):
    """An empty list, a parameter twice, an unknown key, a lone parameter, no params."""
    one = package.Parameter(np.ones(2))
    for params, error, message in [
        ([], ValueError, "at least one parameter"),
        ([{"params": []}], ValueError, "at least one parameter"),
        ([one, one], ValueError, "one group once"),
        ([{"params": [one]}, {"params": [one]}], ValueError, "one group once"),
        ([{"params": [one], "momentum": 0.9}], ValueError, "got 'momentum'"),
        ([{"lr": 0.1}], ValueError, "must have the key 'params'"),
        (one, TypeError, "params must be an iterable"),
        ([np.ones(2)], TypeError, "a parameter must"),
        ([one, 3], TypeError, "a parameter must"),
        ([{"params": [one]}, one], TypeError, "must be a dict"),
    ]:
        with pytest.raises(error, match=message):
            package.ASGD(params)
    with pytest.raises(ValueError, match="convention must be one of documented"):
        package.ASGD([one], convention="pytorch")


@BOTH
def test_bad_gradient_changes_nothing(package):
    """A gradient of another shape is refused before any parameter has changed."""
    good, bad = package.Parameter(np.ones(2)), package.Parameter(np.ones(3))
    optimizer = package.ASGD([good, bad])
    good.grad = np.ones(2)
    for grad in (np.ones(2), np.ones((3, 1)), np.float64(1.0)):
        bad.grad = grad
        with pytest.raises((TypeError, ValueError), match="grad must"):
            optimizer.step()
        assert _floats(good.data) == [1.0, 1.0]
        assert not optimizer.state


def test_bad_dtypes():
    """fast: float32 and float64, and a gradient of the dtype of theta."""
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        asgd.fast.Parameter(np.ones(2, int))
    with pytest.raises(TypeError, match="float32 or float64, got float16"):
        asgd.fast.Parameter(np.ones(2, np.float16))
    parameter = asgd.fast.Parameter(np.ones(2, np.float32))
    optimizer = asgd.fast.ASGD([parameter])
    parameter.grad = np.ones(2)
    with pytest.raises(TypeError, match="dtype float32 of theta, got float64"):
        optimizer.step()
    parameter.grad = [1.0, 1.0]
    with pytest.raises(TypeError, match="NumPy array or None, got list"):
        optimizer.step()
    frozen = np.ones(2)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="writeable"):
        asgd.fast.Parameter(frozen)


@BOTH
def test_bad_state(package):
    """A state of another shape, convention or format changes nothing."""
    parameter, optimizer = _make(package)
    _walk(parameter, optimizer, GRADS)
    good = optimizer.state_dict()
    other = _make(package, size=3)[1]
    before = other.state_dict()

    def changed(path, value):
        state = copy.deepcopy(good)
        place = state
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return state

    for state in [
        good,
        3,
        {},
        changed(["convention"], "torch"),
        changed(["format"], "asgd-state/0"),
        changed(["state"], []),
        changed(["param_groups"], []),
        changed(["param_groups", 0, "params"], [0, 1]),
        changed(["param_groups", 0, "momentum"], 0.9),
        changed(["state", 0, "step"], -1),
        changed(["state", 0, "step"], 1.5),
        changed(["state", 0, "scheduled"], [0.1, 0.1, 0.1, 0.1]),
        changed(["state", 0], None),
    ]:
        with pytest.raises((TypeError, ValueError)):
            other.load_state_dict(state)
        assert other.state_dict() == before


@pytest.mark.parametrize(
    ("package", "key", "value", "match"),
    [
        (asgd.fast, "high", "AAAA", "average must be 32 bytes in base64, got 3"),
        (asgd.fast, "low", "AAAA", "average must be 32 bytes in base64, got 3"),
        (asgd.fast, "high", "!", "base64"),
        (asgd.fast, "high", "A" * 20 + "!" + "A" * 23 + "=", "base64"),
        (asgd.fast, "high", 3, "an array must be float64 in base64, got 3"),
        (asgd.fast, "low", None, "low does not fit an average of float64"),
        (asgd.fast, "t0", -1.0, "t0 must be in"),
        (asgd.fast, "more", 1, "must have the keys t0, high, low"),
        (asgd.reference, "shape", [2, 2], "average must have shape"),
        (asgd.reference, "mpf", [[0, 1, 0, 1]], "average must have shape"),
        (asgd.reference, "more", 1, "must have the keys shape, mpf"),
    ],
)
def test_damaged_average(package, key, value, match):
    """An average of another size, or that is not encoded as it should be, is refused."""
    parameter, optimizer = _make(package)
    _walk(parameter, optimizer, GRADS)
    state = optimizer.state_dict()
    state["state"][0]["average"][key] = value
    with pytest.raises((TypeError, ValueError), match=match):
        optimizer.load_state_dict(state)


def test_an_average_of_another_kind_is_refused():
    """fast: what float32 has no use for; and what is no average at all."""
    states = []
    for dtype in (np.float32, np.float64):
        parameter = asgd.fast.Parameter(np.ones(4, dtype))
        optimizer = asgd.fast.ASGD([parameter], **STRONG)
        _walk(parameter, optimizer, GRADS.astype(dtype))
        states.append((optimizer, optimizer.state_dict()["state"][0]["average"]))
    (single, of_single), (double, of_double) = states
    for optimizer, average in ((single, of_double), (double, of_single)):
        state = optimizer.state_dict()
        state["state"][0]["average"] = average
        with pytest.raises(ValueError, match="low does not fit an average of"):
            optimizer.load_state_dict(state)
    state = single.state_dict()
    state["state"][0]["average"] = 3
    with pytest.raises(ValueError, match="must have the keys"):
        single.load_state_dict(state)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_stays_in_its_element(dtype):
    """Inf and nan spoil their own element, and no warning is raised."""
    parameter = asgd.fast.Parameter(np.ones(4, dtype))
    optimizer = asgd.fast.ASGD([parameter], **STRONG)
    for _ in range(4):
        parameter.grad = np.array([np.nan, np.inf, -np.inf, 1.0], dtype)
        optimizer.step()
    average = optimizer.averages()[0]
    assert np.isnan(parameter.data[0])
    assert not np.isfinite(parameter.data[:3]).any()
    assert not np.isfinite(average[:3]).any()
    assert np.isfinite([parameter.data[3], average[3]]).all()


@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 0, 2)])
def test_shapes(shape):
    """Arrays of any shape, the 0-d and the empty ones included; gradients stay as they are."""
    parameter = asgd.fast.Parameter(np.ones(shape))
    optimizer = asgd.fast.ASGD([parameter], **STRONG)
    for _ in range(4):
        parameter.grad = np.full(shape, 0.5)
        optimizer.step()
    assert parameter.grad.tolist() == np.full(shape, 0.5).tolist()
    assert optimizer.averages()[0].shape == shape == parameter.data.shape
    resumed = asgd.fast.ASGD([asgd.fast.Parameter(np.ones(shape))], **STRONG)
    resumed.load_state_dict(json.loads(json.dumps(optimizer.state_dict())))


def test_non_contiguous():
    """A strided view is updated in place."""
    base = np.ones((4, 4))
    parameter = asgd.fast.Parameter(base[::2, 1::2])
    optimizer = asgd.fast.ASGD([parameter], lr=0.5, lambd=0.0)
    parameter.grad = np.ones((2, 2))
    optimizer.step()
    assert base.sum() == 16 - 4 * 0.5


@BOTH
@pytest.mark.parametrize("size", [0, 1])
def test_short_averages_are_loaded(package, size):
    """Of one element, and of none."""
    parameter, optimizer = _make(package, size=size)
    _walk(parameter, optimizer, GRADS[:, :size])
    saved = json.loads(json.dumps(optimizer.state_dict()))
    other, resumed = _make(package, size=size)
    other.data[...] = parameter.data
    resumed.load_state_dict(saved)
    assert _floats(resumed.averages()[0]) == _floats(optimizer.averages()[0])


@pytest.mark.parametrize(
    ("parameter", "match"),
    [
        (SimpleNamespace(data=[1.0], grad=None), "must have .data, a NumPy array"),
        (SimpleNamespace(data=np.ones(2)), "and .grad"),
        (SimpleNamespace(data=np.ones(2, int), grad=None), "float32 or float64, got int64"),
        (SimpleNamespace(data=np.broadcast_to(1.0, 1), grad=None), "must be writeable"),
    ],
)
def test_parameters_of_other_classes_are_looked_at(parameter, match):
    """fast: they need .data and .grad, and an array that can be updated."""
    with pytest.raises((TypeError, ValueError), match=match):
        asgd.fast.ASGD([parameter])


def test_the_reference_keeps_its_precision_and_takes_numbers():
    """Each number of a parameter is one of its precision; a truth value is no gradient."""
    parameter = asgd.reference.Parameter([0.1, 2.0], precision=40)
    assert {x.context.prec for x in parameter.data} == {40}
    parameter.grad = np.array([True, False])
    with pytest.raises(TypeError, match="grad must be of real numbers, got dtype bool"):
        asgd.reference.ASGD([parameter]).step()


@pytest.mark.parametrize("name", ["documented", "same-step", "bottou", "torch"])
@pytest.mark.parametrize("t0", [0.0, 2.0, 2.5])
def test_repr_says_when_averaging_begins(name, t0):
    """At the step that it names the average is theta; one step later it is a mean of two."""
    w = asgd.fast.Parameter(np.array([1.0]))
    optimizer = asgd.fast.ASGD([w], lr=0.5, lambd=0.0, t0=t0, convention=name)
    begins = int(repr(optimizer).split("averages from step ")[1].split(" on")[0])
    values = [w.data.copy()]
    for _ in range(begins + 1):
        w.grad = w.data.copy()
        optimizer.step()
        values.append(w.data.copy())
        seen = optimizer.averages()[0]
        assert (seen == w.data).all() == (len(values) - 1 <= begins)
    assert values[-1] < seen < values[-2]


def test_repr_shows_the_groups():
    """Every group stands on a line, with its hyperparameters and what becomes of its average."""
    groups = [{"params": [asgd.fast.Parameter(np.ones(2))], "t0": math.inf, "maximize": True}]
    groups.append({"params": [asgd.fast.Parameter(np.ones(3)), asgd.fast.Parameter(np.ones(1))]})
    lines = repr(asgd.fast.ASGD(groups, lr=0.1, t0=100)).splitlines()
    assert lines[0] == "ASGD(convention=documented"
    assert lines[1].startswith("  group 0: 1 parameter, lr=0.1, lambd=0.0001")
    assert lines[1].endswith("maximize; never averages")
    assert lines[2].startswith("  group 1: 2 parameters")
    assert lines[2].endswith("averages from step 100 on)")


def test_errors_name_the_cure():
    """What a newcomer gets wrong first is refused with what to write instead."""
    w = asgd.fast.Parameter(np.ones(2, np.float32))
    optimizer = asgd.fast.ASGD([w])
    masked = np.ma.masked_array(np.ones(2, np.float32), [True, False])
    with pytest.raises(TypeError, match=r"wrap each array: ASGD\(\[Parameter\(array\)\]\)"):
        asgd.fast.ASGD([np.ones(2)])
    with pytest.raises(TypeError, match=r"use Parameter\(np\.asarray\(data, np\.float64\)\)"):
        asgd.fast.Parameter([1, 2])
    with pytest.raises(TypeError, match=r"data must not be masked.*data\.filled\(0\)"):
        asgd.fast.Parameter(masked)
    with pytest.raises(TypeError, match=r"there is no argument 'momentum'; .*lr, lambd, alpha"):
        asgd.fast.ASGD([w], momentum=0.9)
    for grad, cure in (
        ([1.0, 2.0], r"use np\.asarray\(grad, np\.float32\)"),
        (np.ones(2), r"use grad\.astype\(np\.float32\)"),
        (masked, r"grad must not be masked.*grad\.filled\(0\)"),
    ):
        w.grad = grad
        with pytest.raises(TypeError, match=cure):
            optimizer.step()
    assert (w.data == 1).all()
