"""Prove the lemmas of ``spec/proofs/``: Gappa for roundings, Sollya for series and constants.

Run: python tests/meta/studies/prove.py    (or: make prove)

The first line of a file names its lemma and says what it states. Lines ``Code: FILE: TEXT`` and
``Text: FILE: TEXT`` quote what the lemma is about, so that neither changes without the other.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "spec" / "proofs"
TOOLS = {".g": "gappa", ".sollya": "sollya"}
# More bits than doubles have: some lemmas are about squares of float64's roundings.
GAPPA = ("gappa", "-Eprecision=256")
SOLLYA = ("sollya", "--noprompt", "--flush")
_LIMIT = 300


class Tie(NamedTuple):
    """A quotation: the text must stand in the file."""

    kind: str
    path: str
    text: str


def lemmas(folder=FOLDER):
    """Files of the lemmas, in order."""
    return sorted(path for path in folder.iterdir() if path.suffix in TOOLS)


def head(path):
    """Comment lines at the beginning of a file, without their marks."""
    mark = "#" if path.suffix == ".g" else "//"
    for line in path.read_text().splitlines():
        if not line.startswith(mark):
            return
        yield line.removeprefix(mark).strip()


def ties(path):
    """Quotations of a lemma."""
    for line in head(path):
        kind, _, rest = line.partition(": ")
        if kind in {"Code", "Text"}:
            yield Tie(kind, *rest.split(": ", 1))


def holds(tie, root=ROOT):
    """Whether the quoted text stands in its file; line breaks are spaces."""
    text = " ".join((root / tie.path).read_text().split())
    return " ".join(tie.text.split()) in text


def missing_tools():
    """Programs that are not installed."""
    return [tool for tool in TOOLS.values() if shutil.which(tool) is None]


def prove(path):
    """Whether the tool proves a lemma, and what it says."""
    if path.suffix == ".g":
        done = subprocess.run(
            [*GAPPA, str(path)], capture_output=True, text=True, check=False, timeout=_LIMIT
        )
        # A rewriting that Gappa cannot check is trusted, with a warning: here it is refused. That
        # divisors are not 0 follows from the boxes.
        warnings = [line for line in done.stderr.splitlines() if "to be nonzero" not in line]
        return done.returncode == 0 and not warnings, done.stderr.strip()
    done = subprocess.run(
        [*SOLLYA, str(path)], capture_output=True, text=True, check=False, timeout=_LIMIT
    )
    said = done.stdout.split()
    return done.returncode == 0 and said == ["true"], done.stdout + done.stderr


def main():
    """Prove all lemmas; the exit code is 0 only if every one is proven, and its quotations hold."""
    missing = missing_tools()
    if missing:
        print(f"not installed: {', '.join(missing)} (Debian: apt-get install gappa sollya)")
        return 2
    start, proven, files = time.perf_counter(), 0, lemmas()
    for path in files:
        broken = [f"{tie.path} lacks: {tie.text}" for tie in ties(path) if not holds(tie)]
        success, said = prove(path)
        if success and not broken:
            proven += 1
            continue
        print(f"{path.name}: {'not proven' if not success else 'quotes what is not there'}")
        print("\n".join([*broken, *([] if success else [said])]))
    seconds = time.perf_counter() - start
    print(f"{proven} of {len(files)} lemmas proven in {seconds:.1f} s")
    return 0 if proven == len(files) else 1


if __name__ == "__main__":
    sys.exit(main())
