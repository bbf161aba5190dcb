"""The command line as its users meet it: exit codes, one line of error, the JSON report."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

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
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def checked(path):
    """A report that fits its schema."""
    content = json.loads(Path(path).read_text())
    jsonschema.validate(content, json.loads(text("report.schema.json")))
    return content


def test_default_port_conforms(tmp_path):
    """`asgd verify` judges fast, and exits with 0."""
    done = run(tmp_path, "verify", "--json", "r.json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = checked(tmp_path / "r.json")
    assert report["verdict"] == "conforms"
    assert report["convention"] == "documented"
    assert report["deviations"] == []
    assert report["checks"]["run"] >= report["checks"]["floor"] > 0
    assert "conforms" in done.stdout


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


def test_what_is_not_shown_is_not_passed(ports):
    """A port without averages conforms as far as can be seen, and the report says what cannot."""
    done = run(ports, "verify", "ports:Silent", "--json", "s.json")
    assert done.returncode == 0
    report = checked(ports / "s.json")
    assert report["checks"]["skipped"] == 4
    assert not report["dtypes"]["float32"]["laws"]["average"]["passed"]
    assert "not observable: average" in done.stdout
    assert report["detectable"]["faults"] < report["detectable"]["of"]


def test_numpy_class(ports):
    """A class with the document's interface is driven; plain SGD is named."""
    done = run(ports, "verify", "ports:Sgd", "--dtype", "float32", "--json", "n.json")
    assert done.returncode == 1, done.stderr
    assert "sgd-by-lr" in {d["id"] for d in checked(ports / "n.json")["deviations"]}


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
        ("ports:Narrow", "theta must be float32 of shape"),
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


@pytest.mark.parametrize(
    "args",
    [
        ("verify", "--dtype", "float16"),
        ("verify", "--seed", "-1"),
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
def test_waivers(ports):
    """A waived fault is shown and forgiven; a waiver that waives nothing fails the run."""
    (ports / "w.toml").write_text('waive = ["eta-power-inside"]\n')
    done = run(ports, "verify", "ports:wrong", "--dtype", "float32", "--waive", "w.toml")
    assert done.returncode == 0
    assert "waived" in done.stdout
    done = run(ports, "verify", "ports:torch_like", "--waive", "w.toml")
    assert done.returncode == 1
    assert "waives nothing any more" in done.stdout
    (ports / "x.toml").write_text('waive = ["no-such-fault"]\n')
    assert run(ports, "verify", "ports:wrong", "--waive", "x.toml").returncode == 2


@pytest.mark.slow
def test_same_seed_same_report(ports):
    """A run repeats itself to the last bit, times aside."""
    reports = []
    for name in ("a.json", "b.json"):
        run(ports, "verify", "ports:wrong", "--dtype", "float32", "--seed", "7", "--json", name)
        content = checked(ports / name)
        content.pop("seconds")
        reports.append(content)
    assert reports[0] == reports[1]


def test_explain(tmp_path):
    """Every id has an entry; the list has them all."""
    listed = run(tmp_path, "explain").stdout
    for ident in ("E2", "torch", "eta-power-inside", "native"):
        assert ident in listed
    assert run(tmp_path, "explain", "eta-power-inside").returncode == 0
    assert "lr / (1 + lambd lr t)^alpha" in run(tmp_path, "explain", "E2").stdout


def test_without_the_extra(tmp_path):
    """Where click is missing, one line says what to install."""
    (tmp_path / "click.py").write_text("raise ImportError")
    done = run(tmp_path, "verify")
    assert done.returncode == 2
    assert done.stderr == 'the asgd command needs its extra: pip install "asgd[report]"\n'


def test_pytest_runs_the_same_laws(ports):
    """`pytest --pyargs asgd.tests --port PORT` fails in the law that is broken, and says why."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs"]
    command += ["asgd.tests", "--asgd-port", "ports:wrong"]
    done = subprocess.run(command, cwd=ports, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "test_step_size[float32]" in done.stdout
    assert "E2 step_size is broken (float32, convention torch" in done.stdout
    assert "test_gradient" not in done.stdout


def test_other_forms(ports):
    """JUnit counts the laws, the page and the badge say the verdict; without a verdict too."""
    files = ("--junit", "r.xml", "--html", "r.html", "--badge", "r.svg")
    assert run(ports, "verify", "ports:wrong", "--dtype", "float32", *files).returncode == 1
    suite = ET.parse(ports / "r.xml").getroot()  # noqa: S314 - our own file
    assert int(suite.get("failures")) == len(suite.findall("testcase/failure")) > 0
    assert "eta-power-inside" in (ports / "r.html").read_text()
    assert "deviates" in ET.parse(ports / "r.svg").getroot().get("aria-label")  # noqa: S314
    assert run(ports, "verify", "nowhere:Port", *files).returncode == 2
    assert ET.parse(ports / "r.xml").getroot().get("errors") == "1"  # noqa: S314
    assert "nowhere" in (ports / "r.html").read_text()
