"""The laws of life: a sound port keeps them all, and each fault breaks the law that is its own."""

import copy
import math
from typing import ClassVar

import numpy as np
import pytest

from asgd.spec import CONVENTIONS, POLICIES, check_hyperparameter
from asgd.spec.optimizer import check_group
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, hold_all, hold_lifecycle
from asgd.tests.laws.outcome import Subject
from asgd.tests.oracle.lifecycle import distinct_columns
from asgd.tests.ports.protocol import Observation, greet
from asgd.tests.scenarios import arrays


class Sound:
    """`documented` in plain NumPy, as a `Port`."""

    def __init__(self):
        self.params = []

    def hello(self):
        return {
            "name": "sound",
            "version": "1",
            "dtypes": ["float32", "float64"],
            "reads": ["average", "eta", "mu"],
            "supports": ["groups", "skip", "set", "save", "maximize", "add_group"],
        }

    def open(self, _dtype, groups):
        self.groups, self.params = [], []
        for group in groups:
            self.add_group(group)

    def add_group(self, group):
        check_group(group)
        self.groups.append({k: v for k, v in group.items() if k != "params"})
        self.params += [
            {"group": len(self.groups) - 1, "t": 0, "theta": p.copy(), "average": p.copy()}
            for p in group["params"]
        ]

    def step(self, grads):
        used = [
            None if g is None else self.one(p, g) for p, g in zip(self.params, grads, strict=True)
        ]
        return {
            "theta": [p["theta"].copy() for p in self.params],
            "average": [p["average"].copy() for p in self.params],
            "eta": [u and u[0] for u in used],
            "mu": [u and u[1] for u in used],
        }

    def one(self, p, grad):
        hyper = self.groups[p["group"]]
        p["t"] += 1
        t0 = hyper["t0"]
        t0 = t0 if math.isinf(t0) else math.ceil(t0)
        eta = hyper["lr"] / (1 + hyper["lambd"] * hyper["lr"] * p["t"]) ** hyper["alpha"]
        mu = 1 / max(1, p["t"] + 1 - t0)
        kind = p["theta"].dtype.type
        with np.errstate(all="ignore"):
            p["theta"] = self.descend(p["theta"], grad, hyper, kind, eta)
            p["average"] = self.average(p["average"], p["theta"], kind(mu))
        return eta, mu

    def descend(self, theta, grad, hyper, kind, eta):
        total = -grad if hyper["maximize"] else grad
        if hyper["weight_decay"]:
            total = total + kind(hyper["weight_decay"]) * theta
        if hyper["lambd"]:
            total = total + kind(hyper["lambd"]) * theta
        return theta - kind(eta) * total if eta else theta.copy()

    def average(self, average, theta, mu):
        return theta.copy() if mu == 1 else average + mu * (theta - average)

    def set(self, group, **hyper):
        for name, value in hyper.items():
            self.groups[group][name] = check_hyperparameter(name, value)

    def save(self):
        return copy.deepcopy((self.groups, self.params))

    def load(self, state):
        self.groups, self.params = copy.deepcopy(state)

    def close(self):
        self.params = []


class LostCount(Sound):
    def load(self, state):
        super().load(state)
        for p in self.params:
            p["t"] = 0


class LostAverage(Sound):
    def load(self, state):
        super().load(state)
        for p in self.params:
            p["average"] = p["theta"].copy()


class RoundedState(Sound):
    def save(self):
        groups, params = super().save()
        for p in params:
            p["average"] = np.round(p["average"], 6)
        return groups, params


class AliasedState(Sound):
    def save(self):
        return self.groups, self.params


class GrowsOld(Sound):
    opened = 0

    def open(self, dtype, groups):
        super().open(dtype, groups)
        self.opened += 1

    def one(self, p, grad):
        p["t"] += self.opened % 5 == 0
        return super().one(p, grad)


class SharedParams(Sound):
    shared: ClassVar[list] = []

    def open(self, dtype, groups):
        super().open(dtype, groups)
        self.shared[:] = self.params

    def step(self, grads):
        self.params = self.shared
        return super().step(grads)


class SpoiltGradients(Sound):
    def one(self, p, grad):
        grad += np.float32(0.25)
        grad -= np.float32(0.25)
        grad *= 2
        return super().one(p, grad / 2)


class LostTail(Sound):
    def descend(self, theta, grad, hyper, kind, eta):
        new = super().descend(theta, grad, hyper, kind, eta)
        whole = theta.size // 8 * 8
        return np.concatenate([new[:whole], theta[whole:]]) if whole else new


class SpreadingNan(Sound):
    def descend(self, theta, grad, hyper, kind, eta):
        new = super().descend(theta, grad, hyper, kind, eta)
        return new * 0 + np.nan if np.isnan(new).any() else new


class FiniteAverage(Sound):
    def average(self, average, theta, mu):
        return np.where(np.isfinite(theta), super().average(average, theta, mu), average)


class Retreat(Sound):
    """Right: it computes where others copy, and so makes nan of an infinity (E5)."""

    def average(self, average, theta, mu):
        return theta - (theta - average) * (1 - mu)


class Increment(Sound):
    """Right as well."""

    def descend(self, theta, grad, hyper, kind, eta):
        decay = kind(1 - eta * (hyper["lambd"] + hyper["weight_decay"]))
        return theta * decay - kind(eta) * (-grad if hyper["maximize"] else grad)

    def average(self, average, theta, mu):
        return average + mu * (theta - average)


class ShortWindow(Sound):
    def average(self, average, theta, mu):
        return super().average(average, theta, np.maximum(mu, mu.dtype.type(1 / 6)))


class ByteCount(Sound):
    def one(self, p, grad):
        p["t"] %= 255
        return super().one(p, grad)


class CountOfTheFirst(Sound):
    def add_group(self, group):
        super().add_group(group)
        self.params[-1]["t"] = self.params[0]["t"]


class AcceptsAnything(Sound):
    def open(self, dtype, groups):
        good = [{**g, "lambd": abs(g["lambd"])} for g in groups]
        super().open(dtype, good)
        self.groups = [{k: v for k, v in g.items() if k != "params"} for g in groups]


FAULTS = [
    (LostCount, "resume"),
    (LostAverage, "resume"),
    (RoundedState, "resume"),
    (AliasedState, "resume"),
    (GrowsOld, "repeat"),
    (SharedParams, "twins"),
    (SpoiltGradients, "gradients"),
    (LostTail, "sizes"),
    (SpreadingNan, "special"),
    (FiniteAverage, "special"),
    (ShortWindow, "window"),
    (ByteCount, "long"),
    (CountOfTheFirst, "added"),
    (AcceptsAnything, "refusal"),
]


def broken(port, dtype):
    """Names of the laws that a port breaks, or is told of."""
    subject = Subject(port, greet(port), dtype, CONVENTIONS["documented"], POLICIES["native"])
    outcomes = hold_all(subject, examples=10, seed=0)
    hidden = {o.law.key for o in outcomes if o.not_observable and not o.accepted}
    # A class of the protocol's methods has vectors alone.
    assert hidden == {"layouts"}
    assert not any(o.undecided for o in outcomes)
    return {o.law.key for o in outcomes if o.failure is not None or o.accepted}


@pytest.mark.slow
@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("port", [Sound, Retreat, Increment])
def test_sound_port_keeps_all(port, dtype):
    """No law accuses a right port."""
    assert broken(port(), dtype) == set()


@pytest.mark.sample(4)
@pytest.mark.parametrize(("port", "law"), FAULTS)
def test_fault_breaks_its_law(port, law):
    """Each fault breaks at least the law that names it."""
    made = port()
    subject = Subject(made, greet(made), "float32", CONVENTIONS["documented"], POLICIES["native"])
    outcome = hold_lifecycle(LIFECYCLE_LAWS[law], subject, examples=10, seed=0)
    assert outcome.failure is not None or outcome.accepted


def test_every_law_has_a_fault():
    """No law is there that no fault was seen to break; for layouts see test_layouts.py."""
    assert {law for _, law in FAULTS} == set(LIFECYCLE_LAWS) - {"layouts"}


def test_a_large_array_is_judged_by_its_few_different_elements():
    """Also where they are not numbers: of those, too, one stands for all."""
    scenario = next(s for s in arrays.sizes(frozenset()) if s.params[0][1000:])
    average = tuple(float("nan") for _ in scenario.params[0])
    seen = [Observation((scenario.params[0],), (average,), (None,), (None,))] * scenario.steps
    small, trace, places = distinct_columns(scenario, seen)
    assert len(small.params[0]) == len(places[0]) < 10
    assert all(len(s.average[0]) == len(places[0]) for s in trace)
