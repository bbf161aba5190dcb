"""Look at report pages in a browser; run it to renew the screenshots of the documentation.

    python tests/meta/studies/browser.py

Needs Chromium and npm (``apt-get install chromium npm``), and Pillow, which matplotlib brings.
puppeteer-core and axe-core, which finds what is not accessible, come from npm into a cache.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tutorials
from PIL import Image

PICTURES = Path(__file__).parents[3] / "spec" / "docs" / "screenshots"
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
_PACKAGES = ("puppeteer-core@25.16.0", "axe-core@4.14.1")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "asgd-browser"
_COLOURS = 64


@dataclass(frozen=True)
class Look:
    """A page to look at; ``picture`` is where a screenshot of its first screen goes."""

    file: str
    width: int
    height: int
    dark: bool
    picture: str | None = None


@dataclass(frozen=True)
class Seen:
    """What was seen of a page.

    Attributes
    ----------
    verdict, first : float
        Where the verdict, and the last card of the first screen, end.
    wide : int
        Width of the page.
    errors, requests : list of str
        Messages of the console, and what was loaded beside the page.
    faults : list of str
        What axe-core finds.
    """

    verdict: float
    first: float
    wide: int
    errors: list[str]
    requests: list[str]
    faults: list[str]


def looks(file: Path, folder: Path | None = None, name: str = "") -> list[Look]:
    """All sizes and colour schemes of a page; with a folder, pictures go there."""
    return [
        Look(
            str(file),
            *size,
            dark,
            None if folder is None else str(folder / f"{name}-{kind}{'-dark' * dark}.png"),
        )
        for kind, size in SIZES.items()
        for dark in (False, True)
    ]


def look(pages: Sequence[Look]) -> list[Seen]:
    """What a browser shows."""
    if not all((_CACHE / "node_modules" / one.rpartition("@")[0]).is_dir() for one in _PACKAGES):
        _CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-fund", "--no-audit", *_PACKAGES]
        subprocess.run(command, cwd=_CACHE, check=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("browser.mjs"))],
        cwd=_CACHE,
        input=json.dumps({"pages": [asdict(one) for one in pages], "chromium": chromium}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Seen(**one) for one in json.loads(done.stdout)]


def main() -> None:
    """Renew the screenshots of a port with one fault: the one of the tutorial."""
    text = (tutorials.FOLDER / "numpy.md").read_text(encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tutorials.saved(text, folder)
        command = [sys.executable, "-m", "asgd", "verify", "mine.py:ASGD", "--html", "report.html"]
        subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL)
        look(looks(folder / "report.html", PICTURES, "report"))
    for path in PICTURES.glob("*.png"):
        Image.open(path).convert("RGB").quantize(_COLOURS).save(path, optimize=True)
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
