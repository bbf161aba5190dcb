"""Which convention a port computes: laws judge runs alike where they depend on nothing else."""

import pytest
from fault_models import Model, forms

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, POLICIES, convention
from asgd.tests.diagnosis.convention import identify
from asgd.tests.faults.variant import Variant
from asgd.tests.laws.hold import run_designed
from asgd.tests.oracle.stepwise import Rule
from asgd.tests.ports.protocol import greet

FORMS = dict(forms())
WRONG = ("eta-one-step-late", "averaging-one-step-early")


def ports():
    """Right ports of two conventions, and wrong ones."""
    yield from (Model(Variant.of(convention(name))) for name in ("documented", "torch"))
    yield from (FORMS[form](convention("documented")) for form in WRONG)


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_laws_depend_on_what_they_say(dtype):
    """What a law says it depends on decides all that it says of a run."""
    arithmetic = Arithmetic(formats[dtype], POLICIES["native"])
    compared = 0
    for port in ports():
        for law, scenario, trace in run_designed(port, greet(port), dtype):
            said = {}
            for read in CONVENTIONS.values():
                judgements = law.check(scenario, trace, Rule(read, arithmetic))
                found = [(j.quantity, j.place, j.verdict, j.tolerance) for j in judgements]
                assert said.setdefault(law.depends(read), found) == found, (law.key, read.name)
            compared += len(said) < len(CONVENTIONS)
    assert compared


class _Told:
    """Judged runs of which only the outcome is known: the laws broken under each rule."""

    def __init__(self, broken):
        self._broken = broken

    def broken(self, convention, policy):
        yield from self._broken.get((convention.name, policy.name), ("step",))

    def contradictions(self, convention, _policy):
        return len(convention.name)


def test_strictest_policy_decides():
    """What fits under the policy that is asked first is not outdone by what fits under a looser."""
    policies = [POLICIES["native"], POLICIES["float32-eta"]]
    told = _Told({("documented", "float32-eta"): (), ("torch", "native"): ()})
    first, *rest = identify(told, list(CONVENTIONS.values()), policies)
    assert (first.convention.name, first.policy.name, first.fits) == ("torch", "native", True)
    assert not any(match.fits for match in rest)


def test_nearest_of_those_that_do_not_fit():
    """The fewest broken laws, under the policy that has them, and then the fewest numbers."""
    policies = [POLICIES["native"], POLICIES["float32-eta"]]
    all_laws = ("step", "descend")
    told = {(name, p.name): all_laws for name in CONVENTIONS for p in policies}
    told |= {("bottou", "float32-eta"): ("step",), ("same-step", "native"): ("step",)}
    first, second, *_ = identify(_Told(told), list(CONVENTIONS.values()), policies)
    assert (first.convention.name, first.policy.name) == ("bottou", "float32-eta")
    assert (second.convention.name, second.policy.name) == ("same-step", "native")
    assert not first.fits
