"""The ledger: rows for the ports that it knows, and a command that renews them."""

import json
import shutil
from importlib import resources
from pathlib import Path

import ledger
import peers
import pytest

from asgd.tests.ports.protocol import PortError
from asgd.tests.report.from_json import load

PAGE = Path(str(resources.files("asgd.spec"))) / "ports.md"
REPORTS = sorted((Path(__file__).parents[1] / "evidence" / "ports").glob("*.json"))


def _rows(text):
    return [m[0] for m in ledger._LINE.finditer(text)]


def test_every_entry_has_one_row():
    """The page and the command know the same ports, and each verdict has its report."""
    keys = [ledger._key(row) for row in _rows(PAGE.read_text())]
    assert keys == [(entry.name, entry.version) for entry in ledger.ENTRIES]
    slugs = {entry.slug for entry in ledger.ENTRIES if entry.method == "verify"}
    assert {path.stem for path in REPORTS} == slugs


def test_kept_reports_are_those_of_the_rows():
    """Each can be read back, and says what its row says."""
    rows = {ledger._key(row): row for row in _rows(PAGE.read_text())}
    known = {entry.slug: rows[entry.name, entry.version] for entry in ledger.ENTRIES}
    for path in REPORTS:
        load(path)
        report = json.loads(path.read_text())
        assert ledger.kept(report) == path.read_text(), "it has drawings, or names the machine"
        cells = [ledger._cell(found) for found in report["dtypes"].values()]
        assert all(f"| {cell} |" in known[path.stem] for cell in cells), path


def test_renewal_replaces_a_row_and_leaves_the_others(tmp_path):
    """What is renewed stands where it stood; a row of a port that is gone goes."""
    page = tmp_path / "ports.md"
    shutil.copy(PAGE, page)
    text = page.read_text()
    old = _rows(text)[0]
    key = " | ".join(ledger._key(old))
    new = f"| {key} | 2000-01-01 | verify | ? | ? |"
    page.write_text(text.replace(old, f"{old}\n| gone | 1 | 2000-01-01 | verify | ? | ? |"))
    ledger.put(page, new)
    assert page.read_text() == text.replace(old, new)


@pytest.mark.slow
def test_scikit_learn_averages_as_documented():
    """Where it can be asked, scikit-learn's window is that of `documented`."""
    pytest.importorskip("sklearn")
    assert ledger.by_vectors(f"{peers.__file__}:SklearnAverage") == {
        "float64": "documented: 4 of 4 cases"
    }


def test_absent_library_is_named():
    """A peer whose library is not installed is no traceback."""
    with pytest.raises(PortError, match="nothing_of_that_name is not installed"):
        peers._import("nothing_of_that_name")
