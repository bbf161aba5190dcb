"""The documentation: it builds without a warning or a network, and its tutorials run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "spec" / "docs"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(name, language):
    """Blocks of a tutorial that are in one language."""
    text = (DOCS / "tutorials" / name).read_text(encoding="utf-8")
    return [block for kind, block in BLOCK.findall(text) if kind == language]


def run(folder, *words):
    """A command of Python's, as a newcomer runs it."""
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_training_tutorial_runs():
    """The blocks run one after the other; what they assert holds."""
    exec("\n".join(blocks("training.md", "python")), {})  # noqa: S102 - the tutorial's own code


@pytest.mark.slow
def test_port_tutorial_runs(tmp_path):
    """The port is wrong as the page says; with the corrected line it conforms."""
    wrong, corrected = blocks("port.md", "python")
    (said,) = blocks("port.md", "text")
    first, second = (block.split()[2:] for block in blocks("port.md", "console"))
    line = corrected.splitlines()[1]
    (tmp_path / "mine.py").write_text(wrong)
    done = run(tmp_path, "asgd", *first)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(said)
    start = line.partition("=")[0]
    right = [line if old.startswith(start) else old for old in wrong.splitlines()]
    assert sum(line == each for each in right) == 1
    (tmp_path / "mine.py").write_text("\n".join(right) + "\n")
    done = run(tmp_path, "asgd", *second)
    assert done.returncode == 0, done.stdout
    assert "convention documented" in done.stdout


@pytest.mark.slow
def test_documentation_builds(tmp_path):
    """No warning; formulas are MathML; no page loads anything from another host."""
    pytest.importorskip("sphinx")
    done = run(DOCS, "sphinx", "-b", "html", "-W", "--keep-going", "-q", ".", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "<math" in (tmp_path / "equations.html").read_text()
    loads = re.compile(r"<(?:script|img|link)\b[^>]*?(?:src|href)=\"https?://[^\"]*")
    for page in tmp_path.rglob("*.html"):
        assert loads.findall(page.read_text()) == [], page.name
