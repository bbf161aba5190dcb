"""Programs that are wrong in one place are refused, in the language that they are written in."""

import shutil
import subprocess

import pytest

from asgd.tests.ports.examples import FOLDER
from asgd.tests.ports.program import ProgramPort
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

pytestmark = pytest.mark.nightly

JAVASCRIPT = {
    "power-inside": ("(1 + lambd * lr * t) ** alpha", "(1 + lambd * lr * t ** alpha)"),
    "late-window": ("averagingWeight(p.t + 1, Math", "averagingWeight(p.t, 2 + Math"),
    "float32-eta": ("p.eta = stepSize(p.t, hyper)", "p.eta = Math.fround(stepSize(p.t, hyper))"),
    "counts-skipped": (
        "if (grads[i] === null) return;",
        "if (grads[i] === null) return void p.t++;",
    ),
    "state-without-count": ("params[i].t = t;", "params[i].t = 0;"),
    "accepts-nan": ("!(value >= 0)", "value < 0"),
    "frozen-hyperparameters": ("Object.assign(groups[request.group]", "Object.assign({}"),
    "first-group-for-all": ("groups[p.group]", "groups[0]"),
}
C = {
    "float-theta": ("p->theta[i] = updated", "p->theta[i] = (float)updated"),
    "penalty-sign": ("g + rounded(weight_decay", "g - rounded(weight_decay"),
    "lost-tail": (
        "p->theta[i] = updated",
        "if (i < p->size / 8 * 8 || p->size < 8) p->theta[i] = updated",
    ),
}


def judged(argv):
    port = ProgramPort(argv)
    try:
        return verify(port, "faulty", Options())
    finally:
        port.kill()


def compiled(folder, right, wrong):
    source, binary = folder / "faulty.c", folder / "faulty"
    source.write_text(mutate("asgd.c", right, wrong), encoding="utf-8")
    subprocess.run(["gcc", "-std=c99", "-O2", "-o", binary, source, "-lm"], check=True)
    return [str(binary)]


def mutate(name, right, wrong):
    source = (FOLDER / name).read_text(encoding="utf-8")
    assert right in source
    return source.replace(right, wrong)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.parametrize("fault", JAVASCRIPT)
def test_javascript(fault, tmp_path):
    """A wrong line in the example for Node is seen."""
    path = tmp_path / "faulty.mjs"
    path.write_text(mutate("asgd.mjs", *JAVASCRIPT[fault]), encoding="utf-8")
    assert judged(["node", str(path)]).verdict == "deviates"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("fault", C)
def test_c(fault, tmp_path):
    """A wrong line in the example in C is seen."""
    assert judged(compiled(tmp_path, *C[fault])).verdict == "deviates"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_a_passing_infinity_is_a_finding(tmp_path):
    """The form average + 1 (theta - average) makes nan of it: right (E5), and worth knowing."""
    change = ("p->average[i] = mu == 1 ? updated : moved", "p->average[i] = moved")
    result = judged(compiled(tmp_path, *change))
    assert result.verdict == "conforms"
    for found in result.dtypes:
        assert "average-infinity-to-nan" in {finding.id for finding in found.findings}
