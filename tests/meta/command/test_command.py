"""The command line as its users meet it: exit codes, one line of error, the JSON report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from asgd.spec.data import text

PORTS = '''
import os, sys
from asgd.spec import CONVENTIONS
from asgd.tests.faults.catalogue import combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant

torch_like = VariantPort(Variant.of(CONVENTIONS["torch"]))
wrong = VariantPort(combine(Variant.of(CONVENTIONS["torch"]), "eta-power-inside"))

class Silent(VariantPort):
    def __init__(self): super().__init__(Variant.of(CONVENTIONS["documented"]), reads=())

class Dies(VariantPort):
    def __init__(self): super().__init__(Variant.of(CONVENTIONS["documented"]))
    def step(self, grads): raise MemoryError("out of beans")

class Narrow(VariantPort):
    def __init__(self): super().__init__(Variant.of(CONVENTIONS["documented"]))
    def step(self, grads):
        answer = super().step(grads)
        answer["theta"] = [t.astype("float16") for t in answer["theta"]]
        return answer

class Sgd:
    """The document's interface, the common way to get it wrong: plain SGD, no averages."""
    def __init__(self, params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0):
        groups = list(params)
        if not isinstance(groups[0], dict): groups = [{"params": groups}]
        self.param_groups = [{"lr": lr, **g} for g in groups]
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is not None: p.data -= g["lr"] * p.grad
'''


@pytest.fixture(scope="module")
def ports(tmp_path_factory):
    """A folder with a module of ports."""
    folder = tmp_path_factory.mktemp("ports")
    (folder / "ports.py").write_text(PORTS)
    return folder


def run(folder, *args):
    """`asgd` with arguments, as a user runs it."""
    command = [sys.executable, "-m", "asgd", *args]
    env = {k: v for k, v in os.environ.items() if not k.startswith("GITHUB_")}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def checked(path):
    """A report that fits its schema."""
    content = json.loads(Path(path).read_text())
    jsonschema.validate(content, json.loads(text("report.schema.json")))
    return content


@pytest.mark.slow
def test_default_port_conforms(tmp_path):
    """`asgd verify` judges fast, and exits with 0."""
    done = run(tmp_path, "verify", "--json", "r.json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = checked(tmp_path / "r.json")
    assert report["verdict"] == "conforms"
    assert report["convention"] == "documented"
    assert report["deviations"] == []
    assert report["checks"]["run"] >= report["checks"]["floor"] > 0
    assert done.stdout.splitlines()[-1] == report["headline"]
    assert report["headline"].startswith("conforms: 17 of 17 laws, ")


def test_wrong_port_deviates(ports):
    """Exit 1; the report names the fault and where it first shows."""
    done = run(ports, "verify", "ports:wrong", "--dtype", "float64", "--json", "r.json")
    assert done.returncode == 1
    report = checked(ports / "r.json")
    assert report["convention"] == "torch"
    assert [d["id"] for d in report["deviations"]] == ["eta-power-inside"]
    assert report["deviations"][0]["equation"] == "E2"
    first = report["first_divergence"]
    assert first["step"] == 2
    assert first["error_bounds"] > 1
    assert float.fromhex(first["expected"]["lo"]) < float.fromhex(first["expected"]["hi"])
    assert "eta-power-inside" in done.stdout
    assert report["reproduce"]["command"] in done.stdout.replace("\n", "")


@pytest.mark.slow
def test_named_convention(ports):
    """A port of one convention deviates from another one; --convention judges by that."""
    one = ("verify", "ports:torch_like", "--dtype", "float32")
    assert run(ports, *one, "--convention", "torch").returncode == 0
    done = run(ports, *one, "--convention", "bottou", "--json", "b.json")
    assert done.returncode == 1
    assert checked(ports / "b.json")["dtypes"]["float32"]["judged_against"] == "bottou"


@pytest.mark.slow
def test_what_is_not_shown_is_not_passed(ports):
    """A port without averages has no verdict, but where their absence is accepted."""
    one = ("verify", "ports:Silent", "--dtype", "float32", "--json", "s.json")
    done = run(ports, *one)
    assert done.returncode == 2
    report = checked(ports / "s.json")
    assert report["verdict"] == "error"
    assert report["error"].startswith("E4 and E5 were not observed")
    assert report["dtypes"]["float32"]["laws"]["average"]["status"] == "not observable"
    assert 'list "average" in reads of hello()' in report["error"]
    assert "--without average" in done.stderr.splitlines()[-1]
    done = run(ports, *one, "--without", "average")
    assert done.returncode == 0, done.stdout
    report = checked(ports / "s.json")
    assert report["headline"].startswith("conforms without average: 13 of 17 laws, ")
    assert report["convention"] is None
    assert report["coverage"]["without"] == ["average"]
    assert "average" in report["coverage"]["laws"]["not_observable"]
    missing = report["detectable"]["missing"]
    assert "average-sum" in missing
    assert len(missing) == report["detectable"]["of"] - report["detectable"]["faults"]


@pytest.mark.slow
def test_numpy_class(ports):
    """A class with the document's interface is driven; plain SGD is named."""
    done = run(ports, "verify", "ports:Sgd", "--dtype", "float32", "--json", "n.json")
    assert done.returncode == 1, done.stderr
    assert "sgd-by-lr" in {d["id"] for d in checked(ports / "n.json")["deviations"]}


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("port", "says"),
    [
        ("nowhere:Port", "No module named 'nowhere'"),
        ("ports:absent", "has no absent"),
        ("ports", "must be package.module:Object"),
        ("ports:PORTS", "has no PORTS"),
        ("ports:os", "must be a class or a callable"),
        ("ports:sys.exit", "could not be used as an optimizer"),
        ("ports:Dies", "MemoryError: out of beans"),
        ("ports:Narrow", "theta must be an array of float32 of shape"),
        ("missing.py:Port", "there is no such file"),
    ],
)
def test_no_verdict(ports, port, says):
    """Exit 2 and one line; the report says the same."""
    done = run(ports, "verify", port, "--json", "e.json")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert not done.stdout
    report = checked(ports / "e.json")
    assert report["verdict"] == "error"
    assert says in report["error"]


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "args",
    [
        ("verify", "--dtype", "float16"),
        ("verify", "--seed", "-1"),
        ("verify", "--without", "averages"),
        ("verify", "--waive", "none.toml"),
        ("compare", "none.json", "none.json"),
        ("verify", "--convention", "pytorch"),
        ("verify", "--json", "no/such/folder/r.json"),
        ("verify", "--no-such-option"),
        ("explain", "E99"),
    ],
)
def test_bad_usage(tmp_path, args):
    """Exit 2, and no traceback."""
    done = run(tmp_path, *args)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_same_seed_same_report(ports):
    """A run repeats itself to the last bit, times aside."""
    reports = []
    for name in ("a.json", "b.json"):
        run(ports, "verify", "ports:wrong", "--dtype", "float32", "--seed", "7", "--json", name)
        content = checked(ports / name)
        assert content.pop("seconds") > 0
        assert content.pop("date")
        content["reproduce"].pop("script")
        content["reproduce"].pop("play")
        reports.append(content)
    assert reports[0] == reports[1]


def test_without_the_extra(tmp_path):
    """Where click is missing, one line says what to install."""
    (tmp_path / "click.py").write_text("raise ImportError")
    done = run(tmp_path, "verify")
    assert done.returncode == 2
    assert done.stderr == 'the asgd command needs its extra: pip install "asgd[report]"\n'


def test_a_damaged_installation(tmp_path):
    """A failing import of our own is no verdict either, in one line."""
    (tmp_path / "numpy.py").write_text("raise ImportError('numpy is damaged')")
    done = run(tmp_path, "verify")
    assert done.returncode == 2
    assert done.stderr == ("asgd: asgd itself failed: numpy is damaged; is it fully installed?\n")
