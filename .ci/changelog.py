"""Put the changes since the last version under the heading of a new one: changelog.py VERSION DATE.

A change may stand in a separate file, `.github/changes/NAME.md`, as lines of a list, so that two
changes which are open at once do not conflict; or under "Unreleased".
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FRAGMENTS = ROOT / ".github" / "changes"
UNRELEASED = "## Unreleased\n"


def released(changelog: str, fragments: list[str], version: str, date: str) -> str:
    """Text of the changelog in which all that is unreleased stands under ``version``.

    Raises
    ------
    ValueError
        If nothing is unreleased, the version is there already, or the changelog has no heading.
    """
    before, heading, after = changelog.partition(UNRELEASED)
    if not heading:
        raise ValueError(f"the changelog must have the heading {UNRELEASED.strip()!r}")
    if f"\n## {version} " in changelog:
        raise ValueError(f"version must be a new one, got {version}")
    body, separator, older = after.partition("\n## ")
    lines = "\n".join(part.strip() for part in (body, *fragments) if part.strip())
    if not lines:
        raise ValueError("nothing is unreleased")
    return f"{before}{heading}\n## {version} ({date})\n\n{lines}\n{separator}{older}"


def main() -> None:
    """Rewrite CHANGELOG.md, and remove the files that went into it."""
    version, date = sys.argv[1:]
    path = ROOT / "CHANGELOG.md"
    files = sorted(f for f in FRAGMENTS.glob("*.md") if f.name != "README.md")
    texts = [file.read_text(encoding="utf-8") for file in files]
    path.write_text(released(path.read_text(encoding="utf-8"), texts, version, date), "utf-8")
    for file in files:
        file.unlink()


if __name__ == "__main__":
    main()
