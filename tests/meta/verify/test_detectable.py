"""What a run is said to find, it finds: faults put into ports that show and support less."""

from functools import cache
from typing import Any

import pytest
from fault_models import LIVES, Model, forms

from asgd.spec import FAULTS, convention
from asgd.tests.faults.variant import Variant
from asgd.tests.laws import outcome
from asgd.tests.ports.protocol import PortError
from asgd.tests.verify import run
from asgd.tests.verify.detectable import detectable_in
from asgd.tests.verify.result import Options

ALL = ("groups", "skip", "set", "save", "maximize")
FORMS = dict(forms())

# What a port shows and supports, its convention, and how it is judged.
CASES: dict[str, dict[str, Any]] = {
    "all": {},
    "theta alone": {"reads": (), "without": ("average",)},
    "eta and average": {"reads": ("average", "eta")},
    "nothing supported": {"supports": ()},
    "one group": {"supports": ("set", "skip")},
    "no save": {"supports": ("groups", "set", "skip", "maximize")},
    "float32-eta": {"policy": "float32-eta"},
    "flushes": {"policy": "native-ftz"},
    "float32": {"dtype": "float32"},
    "float32, flushes": {"dtype": "float32", "policy": "float32-eta-ftz"},
    "literal": {"name": "literal"},
    "same-step": {"name": "same-step"},
    "bottou": {"name": "bottou"},
    "torch": {"name": "torch"},
    "torch, theta alone": {"name": "torch", "reads": (), "supports": (), "without": ("average",)},
    "bottou, as said": {"name": "bottou", "convention": "bottou", "supports": ()},
    "same-step, theta alone": {"name": "same-step", "reads": (), "without": ("average",)},
    "dies in the average's law": {"dies": 180},
    "dies late": {"dies": 420},
    "averages hidden before the window": {"hides": True},
}


def limited(port, case):
    """The port with what the case leaves of it."""
    reads, supports = case.get("reads", ("average",)), case.get("supports", ALL)
    said = {**port.hello(), "reads": list(reads), "supports": list(supports)}
    if "eta" in reads and "eta" not in port._reads:
        port._reads = reads
    port.hello = lambda: said
    step, begin, count = port.step, port.open, [0]

    def opened(dtype, groups):
        count[0] += 1
        if count[0] == case.get("dies"):
            raise PortError("gone")
        begin(dtype, groups)

    def stepped(grads):
        answer = {key: value for key, value in step(grads).items() if key in {"theta", *reads}}
        if case.get("hides") and "average" in answer:
            pairs = zip(answer["average"], answer["theta"], strict=True)
            answer["average"] = [None if (a == p).all() else a for a, p in pairs]
        return answer

    port.open, port.step = opened, stepped
    return port


def judged(port, case):
    """Result in one dtype, without drawn scenarios."""
    options = Options(
        dtypes=(case.get("dtype", "float64"),),
        convention=case.get("convention", "auto"),
        policy=case.get("policy", "auto"),
        without=case.get("without", ()),
    )
    result = run.verify(limited(port, case), "port", options)
    return result, result.dtypes[0]


@pytest.fixture(autouse=True)
def _designed_alone(monkeypatch):
    monkeypatch.setattr(run, "LEVELS", {**outcome.LEVELS, "quick": 0})


@cache
def claimed(name):
    """Faults that are said to be detectable in the case."""
    case = CASES[name]
    result, found = judged(Model(Variant.of(convention(case.get("name", "documented")))), case)
    assert not result.deviations
    said = detectable_in(found, result.hello, auto=result.options.convention == "auto")
    known = {i for i, f in FAULTS.items() if f.dtype in {"", found.dtype}}
    assert set(said.missing) == set(said.reasons) <= known
    return known - set(said.missing)


# Each form in three of the cases.
PAIRS = [
    (list(CASES)[(i + 7 * k) % len(CASES)], form)
    for k in range(3)
    for i, form in enumerate((*FORMS, *LIVES))
]


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "form"), PAIRS)
def test_what_is_claimed_is_found(name, form):
    """A fault that a run is said to detect breaks a law of a port that is limited alike."""
    ident = form.partition("/")[0]
    if ident not in claimed(name):
        return
    case = CASES[name]
    own = convention(case.get("name", "documented"))
    port = FORMS[form](own) if form in FORMS else LIVES[form](Variant.of(own))
    result, found = judged(port, case)
    assert any(o.failure is not None for o in found.outcomes), (result.error, result.verdict)


ALIKE = ("eta-one-step-late", "eta-one-step-early", "averaging-one-step-late", "t0-as-is")


@pytest.mark.nightly
@pytest.mark.parametrize("form", [*ALIKE, "hyperparameters-shifted", "theta-never-moves"])
@pytest.mark.parametrize("name", ["same-step", "same-step, theta alone", "torch, theta alone"])
def test_what_makes_another_convention_is_not_claimed(name, form):
    """A fault is claimed where it breaks a law, and nowhere else."""
    case = CASES[name]
    _, found = judged(FORMS[form](convention(case["name"])), case)
    assert any(o.failure is not None for o in found.outcomes) == (form in claimed(name))
