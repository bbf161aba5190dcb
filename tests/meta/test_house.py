"""The rules of the house: who imports whom, and one hop from equation to code to test."""

import ast
import inspect
import re
import subprocess
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import asgd.fast
import asgd.reference
import asgd.spec
from asgd.spec import EQUATIONS, FAULTS, EquationName
from asgd.tests import test_laws
from asgd.tests.faults.catalogue import CHANGES, PRECISION
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.law import LawName
from asgd.tests.verify.coverage import LAW_NAMES

ROOT = Path(__file__).parents[2]
FLOORS = {
    "spec": set(),
    "reference": {"spec"},
    "fast": {"spec"},
    "tests": {"spec", "reference", "fast", "tests"},
}
FILES = [(floor, path) for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]

LAYERS = (
    {"ports"},
    {"scenarios", "oracle", "faults", "bench"},
    {"laws"},
    {"diagnosis"},
    {"verify", "soak"},
    {"report", "artifacts"},
    {"command", "kernels", "plugin", "test_laws", "test_lifecycle", "test_soak", "test_verdict"},
    {"door", "pytest_asgd"},
)
LAYER = {name: number for number, names in enumerate(LAYERS, 1) for name in names}
SHIPPED = [
    path
    for path in sorted((ROOT / "tests").rglob("*.py"))
    if path.relative_to(ROOT / "tests").parts[0] != "meta" and path.parent != ROOT / "tests"
]
SHIPPED += [path for path in sorted((ROOT / "tests").glob("*.py")) if path.stem != "__init__"]
# Loaded late: the extras, and in the two doors and the entry point all that they open to.
EXTRAS = {"click", "rich", "torch", "matplotlib", "distributed", "jinja2", "numba", "jax"}
DOORS = ("door/__init__.py", "pytest_asgd/__init__.py", "command/__init__.py")
# One place each, with the time that loading late saves.
LATE = {"hypothesis", "mpmath"}


def imports(text, package=()):
    """Absolute modules that a source text imports, and whether inside a function."""
    tree = ast.parse(text)
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in inner
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            whole = not node.module or node.module == "asgd"
            names = [f"{module}.{alias.name}" for alias in node.names] if whole else [module]
            for name in names:
                yield name, id(node) in inner


def package_of(path):
    """Package of a shipped file of ``tests/``, as it is installed."""
    inside = path.relative_to(ROOT / "tests").parts[:-1]
    if inside[:1] == ("door",):
        return ("asgd",)
    return ("pytest_asgd",) if inside[:1] == ("pytest_asgd",) else ("asgd", "tests", *inside)


def room(module):
    """Package of ``tests/`` that a module lives in, or None for what lives elsewhere."""
    parts = module.split(".")
    if parts[0] == "pytest_asgd":
        return "pytest_asgd"
    return parts[2] if parts[:2] == ["asgd", "tests"] and len(parts) > 2 else None


def upward(text, path):
    """Imports of a file that break the layers."""
    here = path.relative_to(ROOT / "tests").with_suffix("").parts[0]
    for module, _ in imports(text, package_of(path)):
        there = room(module)
        if there is None or there == here:
            continue
        if there == "pytest_asgd" and LAYER[here] == LAYER["plugin"]:
            continue  # The options, which import nothing of ours.
        if LAYER[there] >= LAYER[here]:
            yield module


def late(text, path):
    """Imports inside functions that have no reason to be there."""
    if path.relative_to(ROOT / "tests").as_posix() in DOORS:
        return
    extras = {"laws.search"}  # It imports Hypothesis.
    for module, inner in imports(text, package_of(path)):
        first = module.partition(".")[0]
        needs_extra = any(module == f"asgd.tests.{name}" for name in extras)
        if inner and first not in EXTRAS | LATE and not needs_extra:
            yield module


def circles(graph):
    """Modules that import themselves by way of others."""
    reach = {name: set(graph[name]) for name in graph}
    for middle in graph:
        for name in graph:
            if middle in reach[name]:
                reach[name] |= reach[middle]
    return sorted(name for name in graph if name in reach[name])


def test_the_checkout_is_complete():
    """The house test looks at the checkout; these are its folders."""
    assert [floor for floor in FLOORS if (ROOT / floor).is_dir()] == list(FLOORS)


@pytest.mark.parametrize(("floor", "path"), FILES, ids=lambda x: getattr(x, "name", x))
def test_imports(floor, path):
    """A floor imports only what stands below it, and never by its bare folder name."""
    package = package_of(path) if floor == "tests" and "meta" not in path.parts else ("asgd", floor)
    if floor != "tests":
        package = ("asgd", *path.relative_to(ROOT).parts[:-1])
    for module, _ in imports(path.read_text(), package):
        first, _, rest = module.partition(".")
        assert first not in FLOORS, f"{path.name} imports {module} by its folder name"
        if first == "asgd" and package[:1] == ("asgd",) and package != ("asgd",):
            other = rest.partition(".")[0]
            public = floor == "tests" and other not in FLOORS
            assert public or other in FLOORS[floor] | {floor}, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.relative_to(ROOT / "tests").as_posix())
def test_layers(path):
    """A package of `tests/` imports only packages of lower layers, and nothing late."""
    assert not list(upward(path.read_text(), path))
    assert not list(late(path.read_text(), path))


def test_no_circles():
    """No module of the house imports itself by way of others."""
    names = {}
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            if "meta" in path.parts or path.parts[-2] in {"door", "pytest_asgd", "ports_examples"}:
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            names[".".join(("asgd", *parts))] = path
    graph = {}
    for name, path in names.items():
        package = tuple(name.split("."))
        package = package if path.name == "__init__.py" else package[:-1]
        wanted = set()
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                module = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    inside = f"{module}.{alias.name}"
                    wanted.add(inside if inside in names else module)
        graph[name] = {other for other in wanted if other in names and other != name}
    assert circles(graph) == []


def test_the_layers_can_fail():
    """Each rule of the layers rejects a file that breaks it."""
    port = ROOT / "tests" / "ports" / "wire.py"
    law = ROOT / "tests" / "laws" / "hold.py"
    assert list(upward("from ..verify.run import verify", port))
    assert list(upward("from asgd.tests.diagnosis import bias", law))
    assert list(upward("from ..oracle import stepwise", ROOT / "tests" / "scenarios" / "x.py"))
    assert not list(upward("from ..ports.wire import number", law))
    assert list(late("def f():\n    from ..ports.wire import number", law))
    assert list(late("def f():\n    import json", law))
    assert not list(late("def f():\n    import torch", law))
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]


def test_packages_are_the_folders():
    """pyproject.toml lists exactly the packages that there are."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    places = {"asgd": "tests/door", "pytest_asgd": "tests/pytest_asgd"}
    found = set(places)
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("__init__.py"):
            folder = path.parent.relative_to(ROOT)
            if folder.as_posix() not in places.values() and "meta" not in folder.parts:
                found.add(".".join(("asgd", *folder.parts)))
    assert set(declared["packages"]) == found


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


def test_names_are_types():
    """The types that name equations and laws name what there is."""
    headings = re.findall(r"^## E\d+ `(\w+)`$", (ROOT / "spec/asgd.md").read_text(), re.MULTILINE)
    assert list(get_args(EquationName)) == headings
    equations, lifecycle = get_args(LawName)
    assert (*get_args(equations), *get_args(lifecycle)) == LAW_NAMES


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
        *PRECISION,
        *("subnormals-flushed", "nonfinite-hidden", "not-linear", "counter-wraps"),
        *("count-lost", "average-lost", "state-lost", "state-rounded", "state-aliased"),
        "state-not-replaced",
        *(
            "not-repeatable",
            "depends-on-reading",
            "state-shared",
            "gradient-modified",
            "size-dependent",
        ),
        *("bad-input-accepted", "eta-misreported", "momentum", "raises"),
        *("layout-dependent", "shape-dependent", "added-group-wrong", "averaging-count-lost"),
        *("eta-narrowed-at-load", "eta-widened-at-load", "parameters-detached"),
    }
    assert set(FAULTS) == set(CHANGES) | others
    assert {fault.law for fault in FAULTS.values()} <= {"", *LAW_NAMES}
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
