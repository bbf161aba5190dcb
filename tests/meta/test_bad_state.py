"""States and hyperparameters that are refused: in both packages, and with nothing changed."""

import copy

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

import asgd.fast
import asgd.reference
from asgd.spec import CONVENTIONS

PACKAGES = [asgd.fast, asgd.reference]
BOTH = pytest.mark.parametrize("package", PACKAGES, ids=["fast", "reference"])
STRONG = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 2.0, "weight_decay": 0.125}
GRADS = np.random.default_rng(3).normal(size=(12, 4))


def _make(package):
    parameter = package.Parameter(np.linspace(-1.0, 2.0, 4))
    return parameter, package.ASGD([parameter], **STRONG)


def _walk(parameter, optimizer, grads):
    for grad in grads:
        parameter.grad = grad.copy()
        optimizer.step()


def _floats(array):
    return [float(x) for x in np.asarray(array).flat]


HUGE = 10**400, 10**5000


@BOTH
@pytest.mark.parametrize(
    "step",
    [-1, True, 2**53 + 1, *HUGE, 1.0, "1", None],
    ids=lambda s: f"{s!r:.9}" if not isinstance(s, int) or s < 10**18 else "huge",
)
def test_a_count_that_no_run_reaches(package, step):
    """A count outside its domain is refused when it is loaded, and nothing is changed."""
    parameter, optimizer = _make(package)
    _walk(parameter, optimizer, GRADS[:3])
    before = optimizer.state_dict()
    bad = copy.deepcopy(before)
    bad["state"][0]["step"] = step
    with pytest.raises(ValueError, match=r"step must be an integer in \[0, 2\^53\]") as caught:
        optimizer.load_state_dict(bad)
    assert len(str(caught.value)) < 200
    assert optimizer.state_dict() == before


PAST = pytest.mark.parametrize(
    ("t0", "steps", "changed"),
    [(100.0, 5, 0.0), (100.0, 5, 5.0), (np.inf, 5, 3.0), (2.0, 5, 4.5), (0.0, 5, 1.0), (5.0, 5, 4)],
)


@BOTH
@pytest.mark.parametrize("convention", CONVENTIONS)
@PAST
def test_a_t0_that_is_past(package, convention, t0, steps, changed):
    """Refused at the next step, when it is saved and when it is loaded; nothing is changed."""
    parameter = package.Parameter(np.linspace(-1.0, 2.0, 4))
    optimizer = package.ASGD([parameter], t0=t0, convention=convention)
    _walk(parameter, optimizer, GRADS[:steps])
    before, theta = optimizer.state_dict(), parameter.data.copy()
    bad = copy.deepcopy(before)
    bad["param_groups"][0]["t0"] = changed
    refused = pytest.raises(ValueError, match=r"t0 must stay .*, or be in \(5, inf\] after 5 steps")
    with refused:
        optimizer.load_state_dict(bad)
    optimizer.param_groups[0]["t0"] = changed
    for _ in range(2):
        with refused:
            optimizer.step()
        with refused:
            optimizer.state_dict()
    assert (parameter.data == theta).all()
    optimizer.param_groups[0]["t0"] = t0
    assert optimizer.state_dict() == before
    optimizer.step()


@BOTH
@pytest.mark.parametrize("convention", [c for c in CONVENTIONS if c != "literal"])
@pytest.mark.parametrize("t0", [0.0, 100.0, np.inf])
@pytest.mark.parametrize("saved", [False, True])
def test_a_t0_to_come(package, convention, t0, saved):
    """From then on the average is the mean of the iterates of Theorem 1, saved between or not."""
    parameter = package.Parameter(np.linspace(-1.0, 2.0, 4))
    optimizer = package.ASGD([parameter], t0=t0, convention=convention)
    _walk(parameter, optimizer, GRADS[:5])
    optimizer.param_groups[0]["t0"] = 6
    if saved:
        kept, optimizer = optimizer.state_dict(), package.ASGD([parameter], convention=convention)
        optimizer.load_state_dict(kept)
    first, seen = optimizer.convention.first_averaged(6), []
    for t, grad in enumerate(GRADS[5:], 6):
        _walk(parameter, optimizer, [grad])
        seen += [_floats(parameter.data)] if t >= first else []
    assert first in {6, 7, 8}
    assert _floats(optimizer.averages()[0]) == pytest.approx(np.mean(seen, axis=0), rel=1e-14)


@BOTH
def test_a_t0_that_is_past_for_one_parameter_of_a_group(package):
    """One that skips the step counts too; groups are separate; a new one has taken no step."""
    first, second, third = (package.Parameter(np.ones(4)) for _ in range(3))
    optimizer = package.ASGD([first, second], t0=100)
    _walk(first, optimizer, GRADS[:5])
    optimizer.add_param_group({"params": [third], "t0": 0})
    optimizer.param_groups[1]["t0"] = 2
    first.grad, second.grad, third.grad = None, GRADS[0], GRADS[0]
    optimizer.param_groups[0]["t0"] = 3
    with pytest.raises(ValueError, match="after 5 steps"):
        optimizer.step()
    assert second not in optimizer.state
    optimizer.param_groups[0]["t0"] = 6
    optimizer.step()
    assert optimizer.state[third].step == optimizer.state[second].step == 1


@BOTH
def test_a_state_without_a_t0(package):
    """States were saved without it once: the group's is taken, and holds from then on."""
    parameter, optimizer = _make(package)
    _walk(parameter, optimizer, GRADS[:5])
    old = optimizer.state_dict()
    del old["state"][0]["t0"]
    optimizer.load_state_dict(old)
    _walk(parameter, optimizer, GRADS[5:6])
    optimizer.param_groups[0]["t0"] = 3
    with pytest.raises(ValueError, match="t0 must stay 2"):
        optimizer.step()


@pytest.mark.parametrize(
    "number",
    [
        [0, 2, 0, 2],
        [0, 3, 0, 1],
        [2, 1, 0, 1],
        [0, 1, 2**70, 1],
        [0, -1, 0, 1],
        [0, 0, 1, 0],
        [0, 1, 0],
        [0, 1.0, 0, 1],
        [True, 1, 0, 1],
        "0101",
        None,
        [0, "1", 0, 1],
    ],
    ids=str,
)
def test_a_number_that_mpmath_does_not_make(number):
    """A quadruple that is not normal is refused when it is loaded, and nothing is changed."""
    parameter, optimizer = _make(asgd.reference)
    _walk(parameter, optimizer, GRADS[:4])
    before = optimizer.state_dict()
    bad = copy.deepcopy(before)
    bad["state"][0]["average"]["mpf"][-1] = number
    with pytest.raises(ValueError, match="average must hold numbers as"):
        optimizer.load_state_dict(bad)
    assert optimizer.state_dict() == before


def test_a_step_that_fails_has_changed_nothing(monkeypatch):
    """Where the second parameter cannot be updated, the first one is what it was."""
    parameters = [asgd.reference.Parameter(np.ones(2)) for _ in range(2)]
    optimizer = asgd.reference.ASGD(parameters, **STRONG)
    for parameter in parameters:
        parameter.grad = np.ones(2)
    before, theta = optimizer.state_dict(), _floats(parameters[0].data)
    update = type(optimizer)._update

    def fail(self, parameter, state, hyper):
        if parameter is parameters[1]:
            raise MemoryError
        return update(self, parameter, state, hyper)

    monkeypatch.setattr(type(optimizer), "_update", fail)
    with pytest.raises(MemoryError):
        optimizer.step()
    assert (optimizer.state_dict(), _floats(parameters[0].data)) == (before, theta)


@pytest.mark.parametrize("huge", HUGE, ids=["400 digits", "5000 digits"])
def test_a_huge_integer_gets_the_usual_message(huge):
    """No message repeats hundreds of digits, and none speaks of conversions."""
    hyper = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75}
    for name in hyper:
        with pytest.raises(ValueError, match=rf"{name} must be in") as caught:
            asgd.fast.step_size(3, **{**hyper, name: huge})
        assert len(str(caught.value)) < 200
        for package in PACKAGES:
            with pytest.raises(ValueError, match=rf"{name} must be in") as caught:
                package.ASGD([package.Parameter(np.ones(2))], **{name: huge})
            assert len(str(caught.value)) < 200
    with pytest.raises(ValueError, match="t must be integers") as caught:
        asgd.fast.step_size(huge, **hyper)
    assert len(str(caught.value)) < 200
    for package in PACKAGES:
        assert "never averages" in repr(package.ASGD([package.Parameter(np.ones(2))], t0=huge))


JUNK = [None, True, -1, 0, 2.5, 10**400, "x", "0x1p0", [], {}, [[1.0]], float("nan"), object()]


def _damaged(content, steps, junk):
    """A copy of which one part, found by numbers, is another thing or is gone."""
    here = out = copy.deepcopy(content)
    for step in steps:
        keys = list(here) if isinstance(here, dict) else range(len(here))
        if not keys:
            break
        key = keys[step % len(keys)]
        if step is not steps[-1] and isinstance(here[key], dict | list):
            here = here[key]
            continue
        if junk == "remove":
            del here[key]
        else:
            here[key] = junk
        break
    return out


@BOTH
@examples(60)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=5), st.sampled_from([*JUNK, "remove"]))
def test_any_damage_is_refused_or_harmless(package, steps, junk):
    """A damaged state is refused and changes nothing, or is loaded and can be stepped."""
    parameter, optimizer = _make(package)
    _walk(parameter, optimizer, GRADS[:4])
    before, said = optimizer.state_dict(), ""
    try:
        optimizer.load_state_dict(_damaged(before, steps, junk))
        _walk(parameter, optimizer, GRADS[4:6])
    except (ValueError, TypeError) as error:
        said = str(error)
    assert len(said) < 500
    assert not said or optimizer.state_dict() == before
