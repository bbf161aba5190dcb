"""Scripts that show a divergence: each runs alone, and shows what the report says."""

import subprocess
import sys

import pytest

from asgd.tests.ports import loading
from asgd.tests.ports.capabilities import capabilities
from asgd.tests.report.reproduce import script
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

PORT = """
import copy, math
import numpy as np

class ASGD:
    def __init__(self, params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0):
        groups = list(params)
        groups = groups if isinstance(groups[0], dict) else [{"params": groups}]
        hyper = dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay)
        self.param_groups = [{**hyper, **group} for group in groups]
        self.all = [p for group in self.param_groups for p in group["params"]]
        self.t, self.ax = [0] * len(self.all), [p.data.copy() for p in self.all]
    def total(self, p, h):
        return p.grad + h["weight_decay"] * p.data if h["weight_decay"] else p.grad
    def clock(self, t): return t + 1
    def size(self, data): return data.size
    def step(self):
        i = 0
        for h in self.param_groups:
            for p in h["params"]:
                if p.grad is not None:
                    self.one(i, p, h)
                i += 1
    def one(self, i, p, h):
        t = self.t[i] = self.clock(self.t[i])
        eta = h["lr"] / (1 + h["lambd"] * h["lr"] * t) ** h["alpha"]
        kind, n = p.data.dtype.type, self.size(p.data)
        g = self.total(p, h)
        data = p.data.copy()
        data[:n] = (p.data - kind(eta) * (g + kind(h["lambd"]) * p.data))[:n]
        p.data = data
        n = max(1, t + 1 - (h["t0"] if math.isinf(h["t0"]) else math.ceil(h["t0"])))
        self.ax[i] = data.copy() if n == 1 else self.ax[i] + (data - self.ax[i]) / kind(n)
    def averages(self): return self.ax
    def state_dict(self): return {"t": self.t, "ax": self.ax}
    def load_state_dict(self, state):
        state = copy.deepcopy(state)
        self.t, self.ax = state["t"], state["ax"]

class Doubled(ASGD):
    def total(self, p, h): return p.grad + kind(p)(2 * h["weight_decay"]) * p.data

class Modified(ASGD):
    def total(self, p, h):
        p.grad += h["weight_decay"] * p.data
        return p.grad

class Forgets(ASGD):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.t = [0] * len(self.t)

class Keeps(ASGD):
    def load_state_dict(self, state):
        if not any(self.t): super().load_state_dict(state)

class Shared(ASGD):
    NEWEST = []
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.NEWEST[:] = [self]
    def averages(self): return self.NEWEST[0].ax

class Swaps(ASGD):
    def averages(self):
        for p, average in zip(self.all, self.ax): p.data = average.copy()
        return self.ax

class Tail(ASGD):
    def size(self, data): return data.size // 1024 * 1024 or data.size

class Byte(ASGD):
    def clock(self, t): return (t + 1) % 256

def kind(p): return p.data.dtype.type
"""

# What is said of each port, and in which quantity it shows.
EXPECTED_DIAGNOSES = {
    "Doubled": ("weight-decay-doubled", "gradient"),
    "Modified": ("gradient-modified", "gradient"),
    "Forgets": ("count-lost", "theta"),
    "Keeps": ("state-not-replaced", "theta"),
    "Shared": ("state-shared", "average"),
    "Swaps": ("depends-on-reading", "theta"),
    "Tail": ("size-dependent", "theta"),
    "Byte": ("counter-wraps", "theta"),
}


@pytest.mark.slow
@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize("name", EXPECTED_DIAGNOSES)
def test_script(name, tmp_path):
    """The script imports nothing of ours, and shows the number that the report has."""
    path = tmp_path / f"odd_{name}.py"
    path.write_text(PORT)
    port = loading.load(f"{path}:{name}")
    [found] = verify(port, str(path), Options("documented", dtypes=("float64",))).dtypes
    first = found.deviations[0]
    judgement = first.failure.judgement
    assert (first.id, judgement.quantity) == EXPECTED_DIAGNOSES[name]
    kind = capabilities(port).kind
    text = script(first.failure, first.equation, "float64", f"{path}:{name}", kind, law=first.law)
    assert "asgd" not in text.replace(str(path), "")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    exact, got = done.stdout.splitlines()[:2]
    assert repr(judgement.got) in got
    assert float(exact.split()[1]) != judgement.got
