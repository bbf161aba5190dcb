"""What a shrunk run combines, in words."""

from asgd.spec import Hyperparameters
from asgd.tests.diagnosis.circumstances import combined
from asgd.tests.laws.outcome import Failure
from asgd.tests.oracle.judgement import Place, failed
from asgd.tests.ports.scenario import Group, Scenario, Set, Step

PLAIN = Hyperparameters(lr=1.0, lambd=1.0, alpha=1.0, t0=0.0, weight_decay=0.0, maximize=False)


def said(groups, events, place):
    return combined(Failure(failed("theta", Place(*place), 0.0), Scenario(groups, events)))


def test_groups_that_differ():
    """The group, and the hyperparameters in which groups differ."""
    groups = (Group(PLAIN, ((1.0,),)), Group(PLAIN._replace(lambd=2.0), ((1.0,),)))
    events = (Step(((0.0,), (0.0,))),)
    assert said(groups, events, (1, 1, 1)) == "in group 1, where groups differ in lambd"


def test_changes_and_skipped_steps():
    """What comes before the first wrong number, and nothing of what comes after it."""
    groups = (Group(PLAIN, ((1.0,),)),)
    change, skip, step = Set(0, {"lambd": 2.0}), Step((None,)), Step(((1.0,),))
    text = said(groups, (step, change, skip, step, skip, change), (3, 2, 0))
    assert text == "after a change of lambd before step 2; after no gradient at step 2"


def test_two_decays_at_once():
    """Hyperparameters that matter together."""
    groups = (Group(PLAIN._replace(weight_decay=0.5, maximize=True), ((1.0,),)),)
    text = said(groups, (Step(((1.0,),)),), (1, 1, 0))
    assert text == "with lambd and weight_decay at once; with maximize"


def test_zeros():
    """A gradient of zeros is named where there is nothing else."""
    groups = (Group(PLAIN, ((1.0,),)),)
    assert said(groups, (Step(((0.0,),)),), (1, 1, 0)) == "at a gradient of zeros"
    assert said(groups, (Step(((1.0,),)),), (1, 1, 0)) == "in a plain run"
