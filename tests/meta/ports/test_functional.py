"""Functional optimizers are told apart from others, and judged as what they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from asgd.tests.ports.adapters import adapt
from asgd.tests.ports.layouts import LAYOUTS, as_shown
from asgd.tests.ports.protocol import PortError, RaisedError, asking
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

HYPER = {"lr": 0.5, "lambd": 0.25, "alpha": 0.75, "t0": 0.0, "weight_decay": 0.0}


def sgd(lr, **others):
    """SGD in the manner of optax; the hyperparameters stand in the state, behind a chain."""

    def init(params):
        held = {**others, "lr": lr}
        inner = SimpleNamespace(average=[p.copy() for p in params])
        return (SimpleNamespace(hyperparams=held), inner)

    def update(grads, state, params):
        eta = state[0].hyperparams["lr"]
        new = SimpleNamespace(average=[p - eta * g for p, g in zip(params, grads, strict=True)])
        return [-eta * g for g in grads], (state[0], new)

    return SimpleNamespace(init=init, update=update)


def test_what_a_functional_optimizer_can_do_is_found():
    """The average in a chain's state, and the hyperparameters that a state holds."""
    port = adapt(sgd, "test:sgd")
    said = port.hello()
    assert said["reads"] == ["average"]
    assert said["supports"] == ["save", "set", *LAYOUTS]
    assert said["dtypes"] == ["float32", "float64"]
    port.open("float32", [{**HYPER, "params": [np.ones(2, "float32")]}])
    state = port.save()
    for lr, theta in ((0.5, 0.5), (0.25, 0.25)):
        port.set(0, lr=lr)
        seen = port.step([np.ones(2, "float32")])
        assert seen["theta"][0].tolist() == seen["average"][0].tolist() == [theta] * 2
    port.load(state)
    assert port.step([np.ones(2, "float32")])["theta"][0][0] == 0.25 - 0.5


def test_what_is_no_optimizer_is_told_where_to_begin():
    """The message names a starter."""
    with pytest.raises(PortError, match="asgd init DIR --lang "):
        adapt(lambda lr: lr, "test:nothing")


@pytest.mark.nightly  # JAX compiles every operation.
@pytest.mark.parametrize(("name", "said"), [("asgd", set()), ("undecayed", {"decay-missing"})])
def test_jax_arrays_are_judged(name, said):
    """Beside what XLA does to subnormal numbers, which the policy allows."""
    jax_ports = pytest.importorskip("jax_ports", exc_type=ImportError)
    port = adapt(getattr(jax_ports, name), f"jax_ports:{name}")
    [found] = verify(port, name, Options(dtypes=("float64",), policy="native-ftz")).dtypes
    assert {deviation.id for deviation in found.deviations} == said


@pytest.mark.parametrize(
    ("body", "line"),
    [("raise ValueError('no')", 3), ("return int('x')", 3), ("return np.linalg.inv(1)", 3)],
)
def test_what_is_raised_is_told_with_its_line(body, line):
    """The innermost line of the port's own code, not of a library that it calls."""
    names = {"np": np}
    exec(compile(f"\ndef update():\n    {body}\n", "mine.py", "exec"), names)  # noqa: S102
    with pytest.raises(RaisedError, match=rf"\(mine\.py, line {line}\)$"), asking("step"):
        names["update"]()


def test_an_average_of_another_width_is_shown_in_the_dtype():
    """Kept in fewer bits, nothing more is lost; kept in more, it is rounded once."""
    for kept in ("float16", "float32", "float64", "longdouble", ">f4"):
        for dtype in ("float32", "float64"):
            assert as_shown(np.ones(2, kept), dtype).dtype == dtype
    assert as_shown(np.array([1 + 2.0**-24 + 2.0**-50]), "float32")[0] == np.float32(1 + 2.0**-23)
    assert as_shown(np.ones(2, "int32"), "float32").dtype == "int32"
