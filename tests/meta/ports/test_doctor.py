"""The doctor: a sound environment and sound ports are so called, and each fault is named."""

import pytest

from asgd.tests.command import environment
from asgd.tests.ports import examples
from asgd.tests.ports.examples import EXAMPLES, FOLDER
from asgd.tests.ports.loading import load
from asgd.tests.ports.process import LimitError, Limits
from asgd.tests.ports.program import ProgramPort
from asgd.tests.ports.protocol import PortError
from asgd.tests.ports.smoke import check_operations


def command(name):
    """Command of an example; the test is skipped, aloud, where its toolchain is missing."""
    try:
        return examples.command(name)
    except PortError as error:
        pytest.skip(str(error))


def test_environment():
    """Nothing that is needed is missing where the tests run."""
    assert not [check for check in environment.environment() if check.status == "wrong"]


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_well(name):
    """Every operation of an example is found to be right."""
    assert {check.status for check in check_operations(ProgramPort(command(name)))} == {"ok"}


def test_default_port_is_well():
    """A port in Python is walked through in the same way."""
    assert "wrong" not in {check.status for check in check_operations(load("asgd.fast:ASGD"))}


FAULTS = [
    ("open and step", "updated = rounded(theta -", "updated = rounded(theta +"),
    ("open again", "self.params = dtype, [], []", "self.dtype = dtype, [], dtype"),
    ("decay", "if lambd:", "if False:"),
    ("eta", "p.eta.hex()", "(p.eta / 2).hex()"),
    ("mu", "p.mu.hex()", "(1.0).hex()"),
    ("average", "average[i] = updated if mu == 1", "average[i] = 3.0 if mu == 1"),
    (
        "inf and nan",
        "updated = rounded(theta",
        "updated = entry if entry - entry else rounded(theta",
    ),
    ("a parameter without elements", "if grad is not None:", "if grad[0] is not None:"),
    ("groups", "self.groups[parameter.group]", "self.groups[0]"),
    ("skip", "if grad is not None:", "if (grad := grad or ['0x1p+0']):"),
    ("set", "self.groups[group].update(", "dict.copy(self.groups[group]).update("),
    ("maximize", '-entry if hyper["maximize"] else entry', "entry"),
    ("save and load", 'parameter.t = entry["t"]', "parameter.t = 0"),
    ("refusal of bad hyperparameters", "not value >= 0", "value < 0"),
]


@pytest.mark.sample(6)
@pytest.mark.parametrize(("stage", "right", "wrong"), FAULTS)
def test_fault_is_named(stage, right, wrong, tmp_path):
    """A port wrong in one operation is told so at that operation."""
    source = (FOLDER / "asgd_port.py").read_text(encoding="utf-8")
    assert right in source
    path = tmp_path / "wrong.py"
    path.write_text(source.replace(right, wrong), encoding="utf-8")
    found = [*check_operations(ProgramPort([*command("asgd_port.py")[:1], str(path)]))]
    assert f"float32 {stage}" in {f.title for f in found if f.status == "wrong"}


def test_the_look_has_a_limit():
    """What is met once the limit is reached is said once, of a program too."""
    port = ProgramPort(["sleep", "100"], limits=Limits(seconds=0.2))
    with pytest.raises(LimitError, match=r"the run reached its limit of 0.2 s"):
        port.hello()

    def late(*_):
        raise LimitError

    hello = {"name": "late", "version": "1", "dtypes": ["float32", "float64"]}
    answers = {"hello": lambda _: {**hello, "reads": (), "supports": ()}}
    walked = type("Late", (), {**dict.fromkeys(("open", "step", "close"), late), **answers})()
    assert [check.status for check in check_operations(walked)] == ["ok", "wrong"]
