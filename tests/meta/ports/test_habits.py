"""What users do with an optimizer beside its formulas is tried, and what it changes is found."""

import copy
import sys

import numpy as np
import pytest
from numpy_faults import Right

from asgd.fast import ASGD
from asgd.spec.ports import template_numpy
from asgd.tests.ports.habits import HABITS
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.loading import load
from asgd.tests.report.explain import FINDINGS


class IntegerTable(Right):
    """Keeps a group's numbers in one array, of the type that the first one has."""

    def add_param_group(self, group):
        super().add_param_group(group)
        self.kind = np.array(self.param_groups[-1]["lr"]).dtype.type

    def eta(self, group, t):
        return super().eta({**group, "lr": self.kind(group["lr"])}, t)


class Demands(Right):
    """A group must have all its hyperparameters."""

    def add_param_group(self, group):
        if len(self.param_groups) > 0 and "lr" not in group:
            raise KeyError("lr")
        super().add_param_group(group)


class Documented(Right):
    """A group that has none takes the document's."""

    def __init__(self, params, **hyper):
        super().__init__(params, **hyper)
        if isinstance(params[0], dict) and "lr" not in params[0]:
            self.param_groups.clear()
            self.defaults = dict.fromkeys(self.defaults, 0.0)
            for group in params:
                self.add_param_group(group)


class StartsEarly(Right):
    """Takes theta_0 for the average where it is made."""

    def add_param_group(self, group):
        super().add_param_group(group)
        for p in group["params"]:
            self.state[p] = self.start(p)


class Master(Right):
    """Goes on from a copy of theta of its own."""

    def start(self, p):
        return {**super().start(p), "master": p.data.copy()}

    def read(self, p):
        return self.state[p]["master"]

    def write(self, p, theta):
        self.state[p]["master"] = theta.copy()
        super().write(p, theta)


class ByAddress(Right):
    """The state belongs to the array, not to the parameter."""

    def one(self, p, group):
        if self.state.get(p, {}).get("array", p.data) is not p.data:
            del self.state[p]
        super().one(p, group)
        self.state[p]["array"] = p.data

    def state_dict(self):
        return {
            i: {k: v for k, v in e.items() if k != "array"} for i, e in super().state_dict().items()
        }


class ClosureAfter(Right):
    """Calls the closure once the step has been taken."""

    def step(self, closure=None):
        super().step()
        return None if closure is None else closure()


class ClosureTwice(Right):
    """Calls the closure for its value, too."""

    def step(self, closure=None):
        if closure is not None:
            closure()
        super().step()
        return None if closure is None else closure()


class ClosureRight(Right):
    """As the document has it."""

    def step(self, closure=None):
        loss = None if closure is None else closure()
        super().step()
        return loss


class CountsFirst(ClosureRight):
    """Counts a call before its closure has returned."""

    def step(self, closure=None):
        for state in self.state.values() if closure else ():
            state["t"] += 1
        loss = None if closure is None else closure()
        for state in self.state.values() if closure else ():
            state["t"] -= 1
        super().step()
        return loss


class KnowsTheArray(Right):
    """Copies a gradient where its array is another one."""

    def gradient(self, p):
        state = self.state[p]
        if state.get("given") is not p.grad:
            state["given"], state["copy"] = p.grad, p.grad.copy()
        return state["copy"]


class OneScratch(Right):
    """The decay is added in a copy that is found by the gradient's array."""

    def step(self):
        self.scratch = {}
        super().step()

    def gradient(self, p):
        return self.scratch.setdefault(id(p.grad), p.grad.copy())

    def read(self, p):
        self.scratch[id(p.grad)] += 0.5 * p.data
        return p.data


class ClearsFirst(Right):
    """zero_grad() knows one group."""

    def zero_grad(self):
        for p in self.param_groups[0]["params"]:
            p.grad = None


class Unpicklable(Right):
    """The state holds a function."""

    def state_dict(self):
        state = copy.deepcopy(super().state_dict())
        for entry in state.values():
            entry["schedule"] = lambda t: t
        return state

    def load_state_dict(self, state):
        super().load_state_dict(state)
        for entry in self.state.values():
            entry.pop("schedule", None)


class ById(Right):
    """The state belongs to the address of a parameter."""

    def one(self, p, group):
        if self.state.get(p, {}).get("id", id(p)) != id(p):
            del self.state[p]
        super().one(p, group)
        self.state[p]["id"] = id(p)

    def state_dict(self):
        state = super().state_dict()
        return {i: {k: v for k, v in e.items() if k != "id"} for i, e in state.items()}


class Handle:
    """What a library made, by its address; it is to be freed once."""

    def __del__(self):
        """It would be freed here."""


class HoldsHandles(ById):
    """A copy of it would free its handle a second time: no copy is made."""

    def start(self, p):
        self.tools = {"handles": [Handle()]}
        return super().start(p)


class KeepsWhatIsLoaded(Right):
    """Averages into the arrays of the state that it was given."""

    def load_state_dict(self, state):
        order = [p for g in self.param_groups for p in g["params"]]
        self.state = {order[i]: dict(entry) for i, entry in state.items()}

    def mix(self, p, state, mu):
        state["average"] += mu * (p.data - state["average"])


class PopsWhatIsLoaded(Right):
    """Takes the entries out of the state that it is given."""

    def load_state_dict(self, state):
        order = [p for g in self.param_groups for p in g["params"]]
        self.state = {order[i]: state.pop(i) for i in list(state)}


class TurnsOnce(Right):
    """Reads maximize in the constructor."""

    def add_param_group(self, group):
        super().add_param_group(group)
        self.turned = [g["maximize"] for g in self.param_groups]

    def one(self, p, group):
        turned = self.turned[[g is group for g in self.param_groups].index(True)]
        super().one(p, {**group, "maximize": turned})


class Aliased(Right):
    """The average is theta's own array while it has the weight 1."""

    def mix(self, p, state, mu):
        state["average"] = (
            p.data if mu == 1 else state["average"] + mu * (p.data - state["average"])
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("target", "says"),
    [
        *((right, []) for right in (Right, ClosureRight, ASGD, template_numpy.ASGD)),
        (IntegerTable, ["integers-differ"]),
        (Demands, ["group-defaults-ignored"]),
        (Documented, ["group-defaults-ignored"]),
        (StartsEarly, ["assigned-theta-ignored"]),
        (Master, ["assigned-theta-ignored"]),
        (ByAddress, ["assigned-theta-ignored"]),
        (ClosureAfter, ["closure-mishandled"]),
        (ClosureTwice, ["closure-mishandled"]),
        (CountsFirst, ["closure-mishandled"]),
        (KnowsTheArray, ["gradient-array-mistaken"]),
        (OneScratch, ["gradient-array-mistaken"]),
        (ClearsFirst, ["gradients-not-cleared"]),
        (Unpicklable, ["state-not-pickled"]),
        (ById, ["copy-differs"]),
        (HoldsHandles, []),
        (KeepsWhatIsLoaded, ["loaded-state-changes"]),
        (PopsWhatIsLoaded, ["loaded-state-changes"]),
        (TurnsOnce, ["maximize-not-changed"]),
        (Aliased, ["assigned-theta-ignored"]),
    ],
)
def test_what_a_habit_changes_is_found(target, says, dtype):
    """And nothing else."""
    assert import_port(target).habits(dtype) == says


def test_they_are_asked_of_a_port_in_its_own_process():
    """Which answers for itself; what it says is one of the names that are known."""
    port = load(f"{__file__}:Master")
    assert port.habits("float64") == ["assigned-theta-ignored"]
    port.close()


class Exits(ClosureRight):
    """Ends the program where it is given a closure."""

    def step(self, closure=None):
        if closure is not None:
            sys.exit("no closures")
        super().step()


def test_an_exit_is_no_end_of_the_judge():
    """A habit that a port has no answer to is one that it breaks."""
    assert import_port(Exits).habits("float32") == ["closure-mishandled"]


def test_every_habit_is_explained():
    """By `asgd explain`."""
    assert HABITS.keys() <= FINDINGS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_has_none(dtype):
    """Its own optimizer is what users know."""
    torch = pytest.importorskip("torch")
    assert import_port(torch.optim.ASGD).habits(dtype) == []
