"""What stands around the code: the changelog, the lowest versions, one address, pinned actions."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = [
    path
    for pattern in ("*.md", "*.toml", "*.cff", "action.yml", ".github/**/*", "spec/**/*.md")
    for path in ROOT.glob(pattern)
    if path.suffix in {".md", ".toml", ".cff", ".yml"}
]


def script(name):
    """A script of `.ci`, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_release_collects_the_changes():
    """What is unreleased, and the files of single changes, stand under the new version."""
    released = script("changelog").released
    old = "# Changes\n\n## Unreleased\n\n- E2: b.\n\n## 0.1.0 (2026-01-01)\n\n- E1: a.\n"
    new = released(old, ["- E3: c.\n"], "0.2.0", "2026-02-01")
    assert new == (
        "# Changes\n\n## Unreleased\n\n## 0.2.0 (2026-02-01)\n\n- E2: b.\n- E3: c.\n"
        "\n## 0.1.0 (2026-01-01)\n\n- E1: a.\n"
    )
    with pytest.raises(ValueError, match="nothing is unreleased"):
        released(new, [], "0.3.0", "2026-03-01")
    with pytest.raises(ValueError, match=r"a new one, got 0\.2\.0"):
        released(new, ["- E3: d.\n"], "0.2.0", "2026-03-01")


def test_every_requirement_has_a_lowest_version():
    """The lowest-versions run installs every bound of pyproject.toml, and refuses what has none."""
    lowest = script("lowest")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {line.partition("==")[0] for line in lowest.requirements()}
    assert {re.split(r"[><=]", each)[0] for each in project["dependencies"]} <= named
    assert lowest.lowest("mpmath>=1.3,<2") == "mpmath==1.3"
    with pytest.raises(ValueError, match="must have a lower bound, got 'numpy'"):
        lowest.lowest("numpy")


def test_actions_are_pinned():
    """Every action is pinned by a whole commit, with its version beside it."""
    pin = re.compile(r"[\w-]+/[\w-]+(/[\w-]+)*@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    patterns = (".github/workflows/*.yml", "action.yml", "spec/ports/*.yml")
    files = [path for pattern in patterns for path in ROOT.glob(pattern)]
    uses = [line.split("uses: ")[1] for path in files for line in path.read_text().splitlines()
            if "uses: " in line and not line.startswith("#")]  # fmt: skip
    assert uses
    assert [each for each in uses if not pin.fullmatch(each)] == []


def test_one_placeholder_for_the_address():
    """The address of the repository is one placeholder, which the release workflow looks for."""
    ours = re.compile(r"github\.com/([\w.-]+)/asgd\b")
    owners = {owner for path in TEXTS for owner in ours.findall(path.read_text(encoding="utf-8"))}
    assert len(owners) == 1
    assert "OWNER/asgd" in (ROOT / ".github" / "workflows" / "release.yml").read_text()
