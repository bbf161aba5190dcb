"""The documentation: it builds without a warning or a network, and its tutorials run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import example_notebook
import pytest
import tutorials

DOCS = Path(__file__).parents[2] / "spec" / "docs"
KNOWN = re.compile(r"\d+ of \d+ known")


@pytest.mark.parametrize(
    "name",
    [
        "training",
        *(pytest.param(n, marks=pytest.mark.nightly) for n in ("numpy", "torch", "optax", "rust")),
    ],
)
def test_a_tutorial_shows_what_is_printed(tmp_path, name):
    """A newcomer sees what the page shows; ``python tests/meta/studies/tutorials.py`` renews it."""
    text = (DOCS / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    # How many faults are catalogued changes with every new one.
    shown, now = (KNOWN.sub("N of N known", x) for x in (text, tutorials.played(text, tmp_path)))
    assert now == shown


def test_every_tutorial_runs():
    """None is left out above, and none is longer than a page."""
    pages = {path.stem: path.read_text("utf-8") for path in DOCS.glob("tutorials/*.md")}
    assert pages.keys() == {"training", "numpy", "torch", "optax", "rust"}
    assert max(text.count("\n") for text in pages.values()) <= 120


@pytest.mark.slow
def test_documentation_builds(tmp_path):
    """No warning; formulas are MathML; no page loads anything from another host."""
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-nW", "--keep-going", "-q", "."]
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=DOCS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "<math" in (tmp_path / "equations.html").read_text()
    loads = re.compile(r"<(?:script|img|link)\b[^>]*?(?:src|href)=\"https?://[^\"]*")
    for page in tmp_path.rglob("*.html"):
        assert loads.findall(page.read_text()) == [], page.name


@pytest.mark.nightly
def test_the_notebook_runs():
    """It shows what it shows now; ``python tests/meta/studies/example_notebook.py`` renews it."""
    kept = json.loads(example_notebook.PATH.read_text(encoding="utf-8"))
    now = [cell for cell in example_notebook.executed().cells if cell.cell_type == "code"]
    then = [cell for cell in kept["cells"] if cell["cell_type"] == "code"]
    shown = [[_plain(output) for output in cell["outputs"]] for cell in then]
    assert [[_plain(output) for output in cell["outputs"]] for cell in now] == shown
    assert sum("text/html" in o.get("data", {}) for cell in now for o in cell["outputs"]) == 1


def _plain(output):
    text = output.get("text") or output["data"]["text/plain"]
    return "".join(text).rstrip()
