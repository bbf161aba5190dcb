"""Mutation testing of `reference` and `fast`: which small changes of the code no test notices.

    nice python tests/meta/mutation/mutants.py reference/rounding.py fast/window.py
    nice python tests/meta/mutation/mutants.py                 # all of both folders

Each mutant is tried in a forked process by the tests that run its statement. One that survives must
be argued in ``mutants.toml``: one that is not is printed, and the exit code is 1, as it is for an
entry there that no longer survives. ``tests/meta/evidence/mutants.md`` is renewed.
"""

import argparse
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# One process a mutant, and no threads of a library's beside it: set before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import mutants_page
import pytest
from coverage_map import MUTATED, ROOT, Survey, in_fork, run_tests, survey
from mutations import Mutant, mutants

# What the tests import from elsewhere is imported once, here, and not in every forked process.
for _name in ("click.testing", "flint", "gmpy2", "jsonschema", "mpmath", "numpy", "rich.console"):
    importlib.import_module(_name)

_MEMORY = 4 << 30
# A test may take this many times the processor's time that it took in the survey, and some seconds
# more; one that waits for something, minutes.
_PATIENCE, _GRACE, _WAIT = 10, 5, 180
_TIMED_OUT = {-signal.SIGPROF, -signal.SIGALRM}


@dataclass(frozen=True)
class Result:
    """What became of a mutant: ``killed``, ``survived`` or ``timed out``, and by which test."""

    mutant: Mutant
    status: str
    test: str


class _Picker:
    """Plugin that runs the chosen tests in their order, and notes which one fails."""

    def __init__(self, chosen: Sequence[str], seconds: dict[str, float], out: Path) -> None:
        self.place = {test: i for i, test in enumerate(chosen)}
        self.seconds, self.out = seconds, out

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the other tests out."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self.place),
            key=lambda item: self.place[item.nodeid],
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Give the test its time; what overruns it is ended by the alarm."""
        _limit(self.seconds[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down the first failure."""
        if report.failed:
            self.out.write_text(report.nodeid)


def _limit(seconds: float) -> None:
    """End this process where it takes far more than so many seconds from now on."""
    signal.setitimer(signal.ITIMER_PROF, _GRACE + _PATIENCE * seconds)
    signal.setitimer(signal.ITIMER_REAL, _WAIT + _PATIENCE * seconds)


@dataclass
class Trials:
    """Trials of mutants, some at a time.

    Attributes
    ----------
    survey : Survey
        What the tests run.
    budget : float
        Seconds of tests a mutant is tried by at most, as the survey has them.
    folder : Path
        For notes of the forked processes.
    kills : Counter
        By function and test: a test that killed a neighbour goes first.
    """

    survey: Survey
    budget: float
    folder: Path
    kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    running: dict[int, Mutant] = field(default_factory=dict)

    def run(self, found: Sequence[Mutant], workers: int) -> Iterator[Result]:
        """Result of each mutant, as they come in."""
        for mutant in found:
            if len(self.running) >= workers:
                yield self._next()
            self._start(mutant)
        while self.running:
            yield self._next()

    def _tests(self, mutant: Mutant) -> list[str]:
        tests = self.survey.tests(mutant.module, mutant.lines, once=mutant.once)
        tests.sort(key=lambda test: -self.kills[mutant.function, test])
        left, chosen = self.budget, []
        for test in tests:
            left -= self.survey.seconds[test]
            if left >= 0 or not chosen:
                chosen.append(test)
        return chosen

    def _start(self, mutant: Mutant) -> None:
        tests = self._tests(mutant)
        plugin = _Picker(tests, self.survey.seconds, self.folder / "pending")

        def work() -> int:
            plugin.out = self.folder / str(os.getpid())
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            _limit(0)
            files = dict.fromkeys(test.partition("::")[0] for test in tests)
            return run_tests(files, plugin, mutant.module, mutant.source)

        self.running[in_fork(work)] = mutant

    def _next(self) -> Result:
        pid, waited = os.wait()
        mutant = self.running.pop(pid)
        note = self.folder / str(pid)
        test = note.read_text() if note.is_file() else ""
        note.unlink(missing_ok=True)
        code = os.waitstatus_to_exitcode(waited)
        if code == 0:
            return Result(mutant, "survived", "")
        self.kills[mutant.function, test] += 1
        return Result(mutant, "killed" if test or code not in _TIMED_OUT else "timed out", test)


Log = dict[tuple[str, str, str, str], tuple[str, str]]
"""Status of each mutant, and the test that killed it."""


def _try(module: str, trials: Trials, given: Any) -> Log:
    """Try a module's mutants, or those of which it is not known what becomes of them."""
    file = ROOT / ".mutants" / f"{module.replace('/', '-')}.json"
    found = mutants(ROOT, module)
    log: Log = {}
    if given.again and file.is_file():
        log = {(module, *n[:3]): (n[3], n[4]) for n in json.loads(file.read_text())}
        log = {m.key: log[m.key] for m in found if m.key in log}
        argued = mutants_page.argued()[1]
        found = [m for m in found if log.get(m.key, ("survived",))[0] == "survived"]
        found = [m for m in found if m.key not in log or m.key not in argued]
    start = time.monotonic()
    for done, result in enumerate(trials.run(found, given.workers), 1):
        log[result.mutant.key] = result.status, result.test
        if sys.stderr.isatty() or done % 50 == 0:
            print(f"{module}: {done} of {len(found)}", file=sys.stderr, flush=True)
    counts = dict(Counter(status for status, _ in log.values()))
    print(f"{module}: {counts} in {time.monotonic() - start:.0f} s", flush=True)
    file.write_text(json.dumps([[*key[1:], *value] for key, value in log.items()], indent=0))
    return log


def _modules(names: Sequence[str]) -> list[str]:
    if names:
        return list(names)
    files = [path for folder in MUTATED for path in sorted((ROOT / folder).glob("*.py"))]
    return [str(path.relative_to(ROOT)) for path in files if path.name != "__init__.py"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants of some modules, renew the page, and say what is not argued."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="such as fast/window.py; default: all")
    parser.add_argument("--workers", type=int, default=1, help="mutants tried at a time")
    parser.add_argument("--seconds", type=float, default=20, help="of tests for each mutant")
    parser.add_argument("--again", action="store_true", help="only what is not killed or argued")
    given: Any = parser.parse_args(arguments)
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(survey(), given.seconds, Path(folder))
        for module in _modules(given.modules):
            log = _try(module, trials, given)
            survivors = {key for key, (fate, _) in log.items() if fate == "survived"}
            status |= mutants_page.compare(module, survivors)
            mutants_page.renew(module, [fate for fate, _ in log.values()])
    return status


if __name__ == "__main__":
    raise SystemExit(main())
