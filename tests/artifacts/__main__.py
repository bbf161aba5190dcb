"""`python -m asgd.tests.artifacts`: write the frozen vectors and the ledger, time the truth."""

import argparse
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from ..bench.truth import print_truth
from . import vectors

_STUDIES = Path("tests/meta/studies")
_LEDGER = Path("tests/meta/ledger/ledger.py")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a maintainer's command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m asgd.tests.artifacts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    frozen = commands.add_parser("vectors", help="write the frozen vectors, or check them")
    frozen.add_argument("--check", action="store_true", help="exit with 1 where they are stale")
    frozen.add_argument("--folder", type=Path, default=Path("spec/vectors"))
    commands.add_parser("ledger", help="verify the ports of the ledger, renew their rows")
    commands.add_parser("truth", help="time certified trajectories beside mpmath")
    commands.add_parser("separations", help="measure how reliably known faults are distinguished")
    commands.add_parser(
        "detection", help="find where each known fault shows; FAULT ...: of these alone"
    )
    given, rest = parser.parse_known_args(argv)
    if rest and given.command not in {"ledger", "separations", "detection"}:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    return _run(given, rest)


def _run(given: argparse.Namespace, rest: Sequence[str]) -> int:
    if given.command == "vectors":
        return _vectors(given.folder, check=given.check)
    if given.command == "truth":
        print_truth()
        return 0
    return _study(_LEDGER if given.command == "ledger" else _STUDIES / f"{given.command}.py", rest)


def _study(script: Path, rest: Sequence[str]) -> int:
    if not script.is_file():
        _say(f"{script} is missing: run this from the root of a checkout")
        return 2
    sys.argv = [str(script), *rest]
    sys.path[:0] = [str(script.parent), str(_STUDIES.parent / "fixtures")]
    runpy.run_path(str(script), run_name="__main__")
    return 0


def _vectors(folder: Path, *, check: bool) -> int:
    if not check:
        for path in vectors.write(folder):
            _say(f"{path} {path.stat().st_size} bytes")
        return 0
    names = vectors.stale(folder)
    if names:
        _say(f"stale in {folder}: {', '.join(names)}; renew them: {vectors.COMMAND}")
        return 1
    _say(f"{folder} is up to date")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
