"""What an author reads whose port cannot be used: what is wrong, where, and what to write."""

import numpy as np
import pytest
import unusable_ports as ports

from asgd.tests.ports.adapters import adapt
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import PortError, greet, take_step


@pytest.mark.parametrize(
    ("port", "said"),
    [
        (ports.OtherNames, "lacks lr, lambd (it takes params, eta0, lam, alpha, t0, weight_decay)"),
        (ports.OtherNames, "return OtherNames(params, ...)"),
        (ports.ParametersLast, "the parameters must be its first argument"),
        (
            ports.AnotherArgument,
            "needs more than parameters and hyperparameters (it takes params, model",
        ),
        (ports.Stepless, "optimizer: it has no method step(); `asgd init"),
        (ports.TakesGradients, "step() is called without arguments, and takes grads"),
        (ports.Fails, "a step failed: KeyError: 'average' (unusable_ports.py, line "),
        (
            ports.Unmade,
            "its constructor failed: AttributeError: 'list' object has no attribute 'items'",
        ),
        (
            ports.pair,
            "must have init(params) and update(grads, state, params), as a NamedTuple of the",
        ),
        (
            ports.two_arguments,
            "update() is called with (grads, state, params), and takes grads, state",
        ),
        (ports.swapped, "update(grads, state, params) must return (updates, state)"),
        (1.0, "must be a class or a callable, got an object of"),
    ],
)
def test_an_optimizer_that_cannot_be_used(port, said):
    """One reason, without the names of adapters."""
    with pytest.raises(PortError) as raised:
        adapt(port, "mine")
    assert said in str(raised.value)
    assert "Port" not in str(raised.value)


class Told:
    """A port with fixed answers."""

    def __init__(self, hello, step=None):
        self.hello, self.step = lambda: hello, lambda _grads: step


HELLO = {"name": "a", "version": "1", "dtypes": ["float32"], "reads": [], "supports": ["save"]}


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        (None, "hello() must return a dict with name, version, dtypes, reads, supports, got None"),
        ({"name": "a", "version": "1", "dtypes": []}, "hello() lacks reads, supports"),
        ({**HELLO, "dtypes": "float32"}, "dtypes of hello() must be a list, got 'float32'"),
    ],
)
def test_a_greeting_that_cannot_be_read(hello, said):
    """Which part of it, and what it must be."""
    with pytest.raises(PortError) as raised:
        greet(Told(hello))
    assert said in str(raised.value)


def test_what_is_listed_needs_a_method():
    """Else it is not supported, and the report says why."""
    found = greet(Told(HELLO))
    assert "save" not in found.supports
    assert found.lacks["save"] == "hello() lists save, but there is no method save() or load()"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((1.0,), 'step() must return a dict with "theta", a list of arrays, got tuple'),
        ({"params": []}, 'step() returned no "theta"; its keys: params'),
        ({"theta": [[1.0]]}, "got list; return np.asarray(x, np.float32)"),
        ({"theta": [np.ones(1)]}, "must be an array of float32 of shape (1,), got float64"),
    ],
)
def test_a_step_that_cannot_be_read(answer, said):
    """What is there, and what must be."""
    with pytest.raises(PortError) as raised:
        take_step(Told(HELLO, answer), [np.ones(1, "float32")], "float32", [1])
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("mine.py", "name what is in it, as mine.py:ASGD"),
        ("./mine", "a program is judged by: asgd verify -- PROGRAM ARGS..."),
        (
            "mine.mjs:ASGD",
            "it is not a Python file; a program is judged by: asgd verify -- PROGRAM",
        ),
        ("mine.ipynb:ASGD", "save the notebook's code as a .py file"),
        ("mine.py::ASGD", "one colon stands before the object"),
        ("asgd.fast:Asgd", "did you mean ASGD?"),
        ("no_such_module:ASGD", "what a port imports must be installed where asgd is"),
    ],
)
def test_a_path_that_cannot_be_loaded(path, said):
    """What was probably meant."""
    with pytest.raises(PortError) as raised:
        import_port(path)
    assert said in str(raised.value)
