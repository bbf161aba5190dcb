"""How long a port may take: longer for the first step of each size, where libraries compile."""

import sys

import numpy as np
import pytest

from asgd.tests.ports.loading import load
from asgd.tests.ports.process import Limits
from asgd.tests.ports.program import ProgramPort
from asgd.tests.ports.protocol import PortError

PORT = """
import time
import numpy

class Compiles:
    '''Slow at its Nth step of a size.'''
    seen = {}

    def hello(self):
        return {"name": "x", "version": "1", "dtypes": ["float32", "float64"], "reads": [],
                "supports": []}

    def open(self, dtype, groups):
        self.theta = [numpy.array(p, dtype) for group in groups for p in group["params"]]

    def step(self, grads):
        size = len(self.theta[0])
        self.seen[size] = self.seen.get(size, 0) + 1
        if self.seen[size] == NTH:
            time.sleep(SECONDS)
        return {"theta": self.theta}

    def close(self):
        pass
"""
PROGRAM = """
import json
import sys

port = Compiles()
for line in sys.stdin:
    asked = json.loads(line)
    answer = {"ok": True}
    if asked["op"] == "hello":
        answer |= {"protocol": 1, **port.hello()}
    elif asked["op"] == "open":
        port.open("float64", [{"params": [[0.0] * len(p) for p in g["params"]]}
                              for g in asked["groups"]])
    elif asked["op"] == "step":
        answer |= {"theta": [["0x0p+0"] * len(p) for p in port.theta]}
        port.step(None)
    print(json.dumps(answer), flush=True)
"""


def steps(port):
    """Two steps of one size, and two of another."""
    port.hello()
    hyper = {"lr": 1.0, "lambd": 0.0, "alpha": 0.0, "t0": 0.0, "weight_decay": 0.0}
    for size in (1, 2):
        port.open("float64", [{"params": [np.zeros(size)], **hyper, "maximize": False}])
        for _ in range(2):
            port.step([np.zeros(size)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["python", "program"])
def test_the_first_step_of_a_size_may_take_longer(kind, tmp_path):
    """A library compiles for a size it has not seen; a step that it knows must not hang."""
    seconds, limits = 2.5, Limits(timeout=0.4)
    for nth in (1, 2):
        text = PORT.replace("NTH", str(nth)).replace("SECONDS", str(seconds))
        file = tmp_path / f"port_{nth}.py"
        file.write_text(text + (PROGRAM if kind == "program" else ""))
        if kind == "program":
            port = ProgramPort([sys.executable, str(file)], limits=limits)
        else:
            port = load(f"{file}:Compiles", limits=limits)
        if nth == 1:
            steps(port)
            port.close()
        else:
            with pytest.raises(PortError, match=r"no answer within 0\.4 s"):
                steps(port)
