"""The rules of the house: who imports whom, and one hop from equation to code to test."""

import ast
import inspect
import re
import subprocess
from pathlib import Path

import pytest

import asgd.fast
import asgd.reference
import asgd.spec
from asgd.spec import EQUATIONS, FAULTS
from asgd.tests import test_laws
from asgd.tests.faults import CHANGES
from asgd.tests.laws import LAWS
from asgd.tests.life import LIFE, REFUSAL

ROOT = Path(__file__).parents[2]
FLOORS = {
    "spec": set(),
    "reference": {"spec"},
    "fast": {"spec"},
    "tests": {"spec", "reference", "fast", "tests"},
}
FILES = [(floor, path) for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]


def _imports(path):
    """Absolute modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [alias.name for alias in node.names]
            yield from (
                (f"{node.module}.{n}" for n in names) if node.module == "asgd" else [node.module]
            )


def test_the_checkout_is_complete():
    """The house test looks at the checkout; these are its folders."""
    assert [floor for floor in FLOORS if (ROOT / floor).is_dir()] == list(FLOORS)


@pytest.mark.parametrize(("floor", "path"), FILES, ids=lambda x: getattr(x, "name", x))
def test_imports(floor, path):
    """A floor imports only what stands below it, and never by its bare folder name."""
    for module in _imports(path):
        first, _, rest = module.partition(".")
        assert first not in FLOORS, f"{path.name} imports {module} by its folder name"
        if first == "asgd":
            other = rest.partition(".")[0]
            assert other in FLOORS[floor] | {floor}, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", [p for _, p in FILES], ids=lambda p: p.name)
def test_files_stay_small(path):
    """A file that outgrows five hundred lines is two files."""
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("name", EQUATIONS)
def test_equation_has_function_kernel_and_law(name):
    """Every equation has all three, and its id stands in each summary line."""
    equation = EQUATIONS[name]
    for owner in (asgd.reference, asgd.fast):
        summary = inspect.getdoc(getattr(owner, name)).splitlines()[0]
        assert f"({equation.id})" in summary
    law = getattr(test_laws, f"test_{name}")
    assert inspect.getdoc(law).startswith(f"{equation.id}:")
    assert LAWS[name].equation == name


@pytest.mark.parametrize("name", EQUATIONS)
def test_parameters_agree(name):
    """Function and kernel have the same parameters in the same order; a kernel may add dtype."""
    truth = list(inspect.signature(getattr(asgd.reference, name)).parameters)
    kernel = list(inspect.signature(getattr(asgd.fast, name)).parameters)
    assert [p for p in kernel if p != "dtype"] == truth


@pytest.mark.parametrize("package", [asgd.spec, asgd.reference, asgd.fast])
def test_public_names_exist(package):
    """What a package announces is there."""
    assert all(hasattr(package, name) for name in package.__all__)


def test_kernels_are_what_the_spec_states():
    """`fast` shows the equations, the optimizer and its parameter, and nothing else."""
    assert set(asgd.fast.__all__) == {*EQUATIONS, "ASGD", "Parameter"}


def test_faults_are_data_and_code():
    """Every catalogued fault is a rule, but those that are found in another way."""
    others = {
        *(
            f"{name}-float32-stored"
            for name in ("eta", "mu", "theta", "average", "hyperparameters")
        ),
        *(f"{name}-half-stored" for name in ("eta", "mu", "theta", "average")),
        *("subnormals-flushed", "nonfinite-hidden", "not-linear", "counter-wraps"),
        *("count-lost", "average-lost", "state-lost", "state-rounded", "state-aliased"),
        *("not-repeatable", "state-shared", "gradient-modified", "size-dependent"),
        *("bad-input-accepted", "eta-misreported"),
    }
    assert set(FAULTS) == set(CHANGES) | others
    assert {fault.law for fault in FAULTS.values()} <= {"", *EQUATIONS, *LIFE, REFUSAL.name}
    assert {fault.equation for fault in FAULTS.values()} <= set(EQUATIONS)


def test_every_equation_has_a_fault():
    """No equation is without a known way to get it wrong."""
    assert {fault.equation for fault in FAULTS.values()} == set(EQUATIONS)


def test_no_stray_words():
    """No machine's path and no registry's host stands in a tracked file."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: nothing is tracked")
    # Written so that this file does not contain what it looks for.
    words = ("/ro" + "ot/", "/wo" + "rk/", "pypi" + r"\.org", "pythonhos" + "ted")
    stray = re.compile("|".join(words))
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix not in {".png", ".svg"} and path.is_file():
            assert not stray.search(path.read_text(encoding="utf-8")), name
