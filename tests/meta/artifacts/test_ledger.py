"""The ledger: a line for each entry, and a command that renews what is installed."""

import re
import shutil
from importlib import resources
from pathlib import Path

import pytest

from asgd.tests.artifacts import ledger
from asgd.tests.ports import peers
from asgd.tests.ports.protocol import PortError

LEDGER = Path(str(resources.files("asgd.spec"))) / "ports.md"


def test_every_entry_has_one_line():
    """The ledger and the command know the same ports, and each line is filled."""
    lines = list(ledger._LINE.finditer(LEDGER.read_text()))
    assert [m["name"] for m in lines] == [entry.name for entry in ledger.ENTRIES]
    assert all(re.search(r"\| \d{4}-\d\d-\d\d \| (verify|vectors) \| \S", m[0]) for m in lines)


@pytest.mark.slow
def test_renewal_replaces_a_line_and_leaves_the_others(tmp_path):
    """What is renewed says what the ledger says, whatever stood there."""
    path = tmp_path / "ports.md"
    shutil.copy(LEDGER, path)
    text = path.read_text()
    old = next(m[0] for m in ledger._LINE.finditer(text) if m["name"] == "asgd.fast")
    path.write_text(text.replace(old, "| asgd.fast | 0 | never | verify | ? | ? |"))
    (new,) = ledger.renew(path, ["asgd.fast"])
    assert new.endswith("| verify | documented | documented |")
    assert path.read_text() == text.replace(old, new)


@pytest.mark.slow
def test_scikit_learn_averages_as_documented():
    """Where it can be asked, scikit-learn's window is that of `documented`."""
    pytest.importorskip("sklearn")
    entry = next(e for e in ledger.ENTRIES if e.path.endswith("SklearnAverage"))
    assert ledger.line(entry).endswith("| not there | documented: 4 of 4 cases |")


def test_absent_library_is_named():
    """A peer whose library is not installed is no traceback."""
    with pytest.raises(PortError, match="nothing_of_that_name is not installed"):
        peers._import("nothing_of_that_name")
