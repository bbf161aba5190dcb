"""Every id that an output prints is explained."""

import re
from pathlib import Path

import pytest
from examples import examples
from hypothesis import given, settings
from synthetic_results import results

import asgd.tests
from asgd.spec import EQUATIONS
from asgd.tests.report.build import build
from asgd.tests.report.explain import FINDINGS, explain, ids, nearest, overview
from asgd.tests.report.statements import LAWS
from asgd.tests.verify.coverage import LAW_NAMES

KNOWN = [name for entries in ids().values() for name in entries]


@pytest.mark.parametrize("name", [*KNOWN, *LAW_NAMES, "not-linear", "unknown", "e2", "step_size"])
def test_every_id_is_explained(name):
    """Each id has more to say than its name."""
    assert len(" ".join(explain(name))) > len(name) + 10


def test_overview():
    """Without an id: a table by kind, in 80 columns, that holds every id."""
    lines = list(overview())
    assert all(any(re.match(rf"  {re.escape(name)}\s", line) for line in lines) for name in KNOWN)
    assert max(map(len, lines)) <= 80


@settings(examples(15), derandomize=True)
@given(results())
def test_outputs_print_known_ids(result):
    """What any output names can be asked for."""
    report = build(result)
    printed = {*report.laws, *(law.equation for law in report.laws.values())}
    printed |= {d.id for d in report.deviations} | {f.id for f in report.findings}
    printed |= {*report.detectable.missing, *report.coverage.laws.not_observable}
    printed |= {w.id for w in report.waivers.stale}
    names = [d.judged_against for d in report.dtypes.values()]
    printed |= {name for name in names if name}
    assert not [name for name in printed if explain(name) is None]


def test_every_finding_of_the_source_is_known():
    """No finding is made anywhere whose id has no explanation."""
    folder = Path(asgd.tests.__file__).parent
    made = set()
    for path in folder.rglob("*.py"):
        if "meta" not in path.parts:
            made |= set(re.findall(r'Finding\(\s*"([a-z-]+)"', path.read_text(encoding="utf-8")))
    assert made
    assert made <= set(FINDINGS)


def test_unknown_id():
    """Ids similar to an unknown one are suggested."""
    assert explain("eta-konstant") is None
    assert "eta-constant" in nearest("eta-konstant")


def test_every_law_of_the_lifecycle_is_stated():
    """What must hold stands beside what is wrong where it does not."""
    assert set(LAWS) == set(LAW_NAMES) - set(EQUATIONS)
