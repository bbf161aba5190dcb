"""Which test runs which lines, and how long it takes: what `mutants.py` chooses the tests by.

A test that does not run a line cannot notice that it was changed. So each mutant is tried on those
tests alone that run its statement, and the quickest and sharpest go first.
"""

import difflib
import gc
import hashlib
import importlib
import importlib.util
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

import coverage
import hypothesis
import pytest

ROOT = Path(__file__).parents[3]
MUTATED = ("reference", "fast")
_FILE = ROOT / ".mutants" / "survey.json"
# What is drawn must be the same for each mutant, and a failure needs no smaller example.
_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
hypothesis.settings.register_profile(
    "mutants", derandomize=True, database=None, deadline=None, phases=_PHASES, print_blob=False
)


class _Changed(SourceFileLoader):
    """Loads a module from a changed source."""

    source = ""

    def get_code(self, _fullname: str) -> CodeType:
        """Code of the changed source."""
        return compile(self.source, self.path, "exec", dont_inherit=True)


class Checkout:
    """Finds `asgd` in the checkout itself, with one file changed."""

    def __init__(self, module: str = "", source: str = "") -> None:
        self.path, self.source = ROOT / module, source

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """Spec of a module of `asgd`."""
        first, *rest = name.split(".")
        if first != "asgd":
            return None
        if not rest:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        place = ROOT.joinpath(*rest)
        folder = [str(place)] if place.is_dir() else None
        file = place / "__init__.py" if folder else place.with_suffix(".py")
        if not file.is_file():
            return None
        loader = (_Changed if file == self.path else SourceFileLoader)(name, str(file))
        if isinstance(loader, _Changed):
            loader.source = self.source
        return importlib.util.spec_from_file_location(
            name, file, loader=loader, submodule_search_locations=folder
        )


def run_tests(files: Iterable[str], plugin: Any, module: str = "", source: str = "") -> int:
    """Run pytest in this process, on the checkout with one file changed; its exit code."""
    sys.meta_path.insert(0, Checkout(module, source))
    hypothesis.settings.load_profile("mutants")
    os.chdir(ROOT)
    # The plugins of other packages, and texts of asserts that fail, take longer than most tests.
    options = ["-x", "-q", "--no-header", "--tb=no", "--assert=plain", "-p", "no:cacheprovider"]
    options += ["--disable-plugin-autoload", "-p", "pytest_asgd"]
    gc.freeze()
    return int(pytest.main([*options, *files], plugins=[plugin]))


def in_fork(work: Callable[[], int]) -> int:
    """Start ``work`` in a forked process that is silent; its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        status = work()
    finally:
        os._exit(status)


@dataclass(frozen=True)
class Survey:
    """What each test runs.

    Attributes
    ----------
    seconds : dict of str to float
        How long each test takes.
    lines : dict of str to (dict of str to set of int)
        By file of the mutated packages and by test: the lines that the test runs.
    imported : dict of str to set of int
        By file: the lines that are run when it is imported.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[str, set[int]]]
    imported: dict[str, set[int]]

    @cached_property
    def breadth(self) -> Counter[str]:
        """Lines that each test runs in all: one that runs few is sharp."""
        out: Counter[str] = Counter()
        for ran in self.lines.values():
            out.update({test: len(there) for test, there in ran.items()})
        return out

    def tests(self, module: str, lines: range, *, once: bool) -> list[str]:
        """Tests that run one of the lines, the sharpest first.

        What is run at import, or ``once`` and then kept, need not be run by the test that sees it:
        then it is all tests of the files that have to do with the module.
        """
        ran = self.lines.get(module, {})
        chosen = {test for test, there in ran.items() if not there.isdisjoint(lines)}
        if once or not chosen or not self.imported[module].isdisjoint(lines):
            files = {test.partition("::")[0] for test in ran}
            chosen = {test for test in self.seconds if test.partition("::")[0] in files}
        return sorted(
            chosen, key=lambda test: self.seconds[test] * (self.breadth[test] or 999) ** 2
        )


def _coverage() -> coverage.Coverage:
    where = [str(ROOT / folder / "*.py") for folder in MUTATED]
    return coverage.Coverage(data_file=None, include=where, config_file=False)


def _import_all(out: Path) -> int:
    """Import the packages, and write down the lines that were run."""
    cover = _coverage()
    cover.start()
    sys.meta_path.insert(0, Checkout())
    for module in _texts():
        importlib.import_module(f"asgd.{module.removesuffix('.py').replace('/', '.')}")
    cover.stop()
    data = cover.get_data()
    paths = {str(Path(path).relative_to(ROOT)): path for path in data.measured_files()}
    out.write_text(json.dumps({module: data.lines(path) for module, path in paths.items()}))
    return 0


class _Recorder:
    """Plugin that notes the lines and the time of each test."""

    def __init__(self) -> None:
        self.coverage = _coverage()
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """Record one test."""
        start = time.perf_counter()
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.coverage.switch_context("")
            self.seconds[item.nodeid] = time.perf_counter() - start

    def record(self, file: str, out: Path) -> int:
        """Run a file of tests, and write down what each of them ran."""
        self.coverage.start()
        status = run_tests([file], self)
        self.coverage.stop()
        data = self.coverage.get_data()
        tests: dict[str, Any] = {t: {"seconds": s, "lines": {}} for t, s in self.seconds.items()}
        for path in data.measured_files():
            module = str(Path(path).relative_to(ROOT))
            for line, contexts in data.contexts_by_lineno(path).items():
                for test in filter(None, contexts):
                    tests[test]["lines"].setdefault(module, []).append(line)
        out.write_text(json.dumps(tests))
        return 0 if status in (0, 5) else 1


def _moved(lines: list[int], before: str, after: str) -> list[int]:
    """Where lines of a file stand after a change of it; those that were changed have no place."""
    place = {}
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    for old, new, size in matcher.get_matching_blocks():
        place.update((old + i + 1, new + i + 1) for i in range(size))
    return [place[line] for line in lines if line in place]


def _texts() -> dict[str, str]:
    """Text of each file that is mutated."""
    return {
        f"{folder}/{path.name}": path.read_text(encoding="utf-8")
        for folder in MUTATED
        for path in sorted((ROOT / folder).glob("*.py"))
    }


def _kept() -> dict[str, Any]:
    """The last survey, for the packages as they are now."""
    texts = _texts()
    if not _FILE.is_file():
        return {"sources": texts, "files": {}}
    kept: dict[str, Any] = json.loads(_FILE.read_text())
    for module, before in kept["sources"].items():
        after = texts.get(module, "")
        if after == before:
            continue
        for file in kept["files"].values():
            for test in file["tests"].values():
                if module in test["lines"]:
                    test["lines"][module] = _moved(test["lines"][module], before, after)
    return {**kept, "sources": texts}


def survey() -> Survey:
    """Survey of the tests as they are: files of tests that did not change are not run again."""
    _FILE.parent.mkdir(exist_ok=True)
    kept = _kept()
    out = _FILE.with_name("part.json")
    for path in [*sorted(ROOT.glob("tests/test_*.py")), *sorted(ROOT.glob("tests/meta/test_*.py"))]:
        name, digest = str(path.relative_to(ROOT)), hashlib.sha256(path.read_bytes()).hexdigest()
        if kept["files"].get(name, {}).get("digest") == digest:
            continue
        print(f"survey: {name}", flush=True)
        recorder = _Recorder()
        pid = in_fork(lambda: recorder.record(name, out))  # noqa: B023 - waited for
        if os.waitpid(pid, 0)[1]:
            raise SystemExit(f"{name} fails without any change: python -m pytest -x {name}")
        kept["files"][name] = {"digest": digest, "tests": json.loads(out.read_text())}
        _FILE.write_text(json.dumps(kept))
    _FILE.write_text(json.dumps(kept))
    if os.waitpid(in_fork(lambda: _import_all(out)), 0)[1]:
        raise SystemExit("the packages cannot be imported")
    imported = {module: set(lines) for module, lines in json.loads(out.read_text()).items()}
    out.unlink()
    seconds: dict[str, float] = {}
    lines: dict[str, dict[str, set[int]]] = {}
    for file in kept["files"].values():
        for test, entry in file["tests"].items():
            seconds[test] = entry["seconds"]
            for module, ran in entry["lines"].items():
                lines.setdefault(module, {})[test] = set(ran)
    return Survey(seconds, lines, imported)


if __name__ == "__main__":
    survey()
