"""Step sizes ahead of time are those that one would have computed at the time."""

import pytest

from asgd.fast import schedule
from asgd.fast.double_double import LARGEST_STEP
from asgd.fast.schedule import Schedule
from asgd.fast.step_size import one_step_size

HYPER = (0.3, 0.01, 0.75)
SINGLE, DOUBLE = (*HYPER, True), (*HYPER, False)


@pytest.fixture
def asked(monkeypatch):
    """Steps for which blocks were computed, each with the first one and the number."""
    calls = []
    real = schedule.step_size

    def counted(t, **kwargs):
        calls.append((t[0], len(t)))
        return real(t, **kwargs)

    monkeypatch.setattr(schedule, "step_size", counted)
    return calls


@pytest.mark.parametrize("key", [SINGLE, DOUBLE])
def test_each_step_has_its_own_size(key, asked):
    """One by one at first, then in blocks that follow each other."""
    sizes = Schedule()
    sizes.set(*key)
    for t in range(1, 2300):
        assert sizes.at(t) == one_step_size(t, *key)
    patience, ahead = schedule._PATIENCE, schedule._AHEAD
    assert asked == [(patience + ahead * k, ahead) for k in range(len(asked))]
    assert len(asked) == 3


@pytest.mark.parametrize("other", [(0.1, 0.5, 1.5, True), DOUBLE, (0.3, 0.02, 0.75, True)])
def test_other_hyperparameters_are_seen_at_once(other, asked):
    """In the midst of a block too; what was computed ahead is forgotten."""
    sizes = Schedule()
    sizes.set(*SINGLE)
    for t in range(1, 101):
        sizes.at(t)
    assert len(asked) == 1
    sizes.set(*SINGLE)
    assert sizes.at(101) == one_step_size(101, *SINGLE)
    assert len(asked) == 1
    sizes.set(*other)
    for t in range(102, 102 + schedule._PATIENCE):
        assert len(asked) == 1
        assert sizes.at(t) == one_step_size(t, *other)
    assert len(asked) == 2


def test_steps_in_any_order(asked):
    """Back and forth, as after loading a state, within and beyond what is there."""
    sizes = Schedule()
    sizes.set(*DOUBLE)
    for t in [*range(1, 80), 5, 80, 4, 63, 64, 1086, 1087, 1088, 1089, 9000, 9001, 3, 0]:
        assert sizes.at(t) == one_step_size(t, *DOUBLE)
    assert asked[0] == (64, 1024)


def test_steps_beyond_what_blocks_can_do(asked):
    """Where t is no float any more, steps are taken one by one."""
    sizes = Schedule()
    sizes.set(*DOUBLE)
    ahead = schedule._AHEAD
    for t in [*range(1, 64), LARGEST_STEP - ahead + 1, LARGEST_STEP, LARGEST_STEP + 1]:
        assert sizes.at(t) == one_step_size(t, *DOUBLE)
    assert asked == []
    assert sizes.at(LARGEST_STEP - ahead) == one_step_size(LARGEST_STEP - ahead, *DOUBLE)
    assert asked == [(LARGEST_STEP - ahead, ahead)]
