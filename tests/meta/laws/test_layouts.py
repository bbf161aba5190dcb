"""Layouts of arrays and groups that join later: right ports pass, and faulty ones are named."""

import numpy as np
import pytest
from numpy_faults import LAYOUT_FAULTS, MemoryOrder, Right, SavedInMemoryOrder
from plausible_ports import LrTwice

from asgd.spec import POLICIES, convention
from asgd.tests.diagnosis.lifecycle import lifecycle_fault
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, hold_lifecycle
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.adapters import adapt
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.layouts import LAYOUTS, Layout, arranged, flat
from asgd.tests.ports.protocol import greet
from asgd.tests.verify.interface import verify


def broken(target, *laws, name="documented", policy="native"):
    """Laws that a port breaks, of those about layouts and groups."""
    port = import_port(target)
    for dtype in greet(port).dtypes:
        subject = Subject(port, greet(port), dtype, convention(name), POLICIES[policy])
        for law in laws:
            outcome = hold_lifecycle(LIFECYCLE_LAWS[law], subject, examples=0, seed=0)
            assert outcome.scenarios, outcome.not_observable
            if outcome.failure:
                yield law


@pytest.mark.parametrize("target", ["asgd.fast:ASGD", Right])
def test_right_ports_pass(target):
    """Whatever the layout, and whenever a group joins."""
    assert list(broken(target, "layouts", "added")) == []


@pytest.mark.slow
def test_torch_passes():
    """The port that most others are made after, which keeps eta in float32."""
    pytest.importorskip("torch")
    rule = {"name": "torch", "policy": "float32-eta"}
    assert list(broken("torch.optim:ASGD", "layouts", "added", **rule)) == []


@pytest.mark.parametrize(
    ("ident", "target"), [(k, v) for k, each in LAYOUT_FAULTS.items() for v in each]
)
def test_faulty_ports_are_rejected(ident, target):
    """Plain vectors, and groups that are there from the start, show nothing of it."""
    law = {"layout-dependent": "layouts", "added-group-wrong": "added"}[ident]
    assert next(broken(target, law)) == law
    port = import_port(target)
    subject = Subject(port, greet(port), "float64", convention("documented"), POLICIES["native"])
    assert hold(LAWS["step"], subject, examples=0, seed=0).failure is None


def test_a_saved_average_keeps_its_layout():
    """Save and load meet the layouts too."""
    assert "resume" in broken(SavedInMemoryOrder, "layouts", "resume")
    assert "layouts" not in broken(SavedInMemoryOrder, "layouts")


def test_what_is_wrong_anyway_is_not_their_fault():
    """The same run fails in plain arrays."""
    port = adapt(LrTwice, "lr twice")
    subject = Subject(port, greet(port), "float64", convention("documented"), POLICIES["native"])
    failure = hold_lifecycle(LIFECYCLE_LAWS["layouts"], subject, examples=0, seed=0).failure
    assert lifecycle_fault("layouts", failure, subject) == "unknown"


@pytest.mark.slow
def test_the_verdict_says_so():
    """By name, and with the layout that shows it."""
    result = verify(MemoryOrder, dtypes=("float32",), in_process=True)
    (deviation,) = result.deviations
    assert (result.verdict, deviation.id) == ("deviates", "layout-dependent")
    assert "transposed gradient" in deviation.does


@pytest.mark.parametrize("name", LAYOUTS)
def test_arrangement_keeps_the_values(name):
    """In C order; and the array lies in memory as it should."""
    layout = LAYOUTS[name]
    assert layout.needs >= {name}
    values = np.arange(layout.size, dtype=np.float32)
    memories = (layout.parameter, layout.gradient)
    for memory in memories:
        assert flat(arranged(values, layout.shape, memory), layout).tolist() == values.tolist()
    made = arranged(values, layout.shape, max(memories, key=lambda m: m != "plain"))
    assert made.flags.aligned == ("unaligned" not in name)
    assert made.flags.c_contiguous == (not {"transposed", "permuted", "strided"} & set(memories))


def test_a_layout_reads_well():
    """As a report says it."""
    assert str(Layout((2, 3), "strided")) == (
        "strided parameter of shape 2 x 3 with a plain gradient"
    )
