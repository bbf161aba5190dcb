"""The argued survivors, ``mutants.toml``, and the page that lists them, ``evidence/mutants.md``."""

import datetime as dt
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "spec" / "mutants.md"
ARGUED = Path(__file__).with_name("mutants.toml")
STATUSES = ("killed", "timed out", "survived")

Key = tuple[str, str, str, str]
"""Module, function, line before, line after."""

_HEAD = """# Changes of the code that no test notices

Each mutant is `reference/` or `fast/` with one small change, and is tried by the tests that run the
changed statement: it is killed where one of them fails, and timed out where one does not end. Those
that survive are listed with the reason why no test can, or need, tell them from what they were.

Renewed, a module at a time, by

    nice python tests/meta/mutation/mutants.py reference/rounding.py

which exits with 1 where a survivor is not argued in `tests/meta/mutation/mutants.toml`, or where
one that is does not survive any longer. `--again` tries those alone that are neither killed
nor argued, and `--workers 2` two at a time. A mutant that survives costs as many seconds of tests
as `--seconds` says (20), and the first run finds out which test runs which line. So this is
no part of continuous integration. Tests that run a process of their own see no mutant. Where a
change makes two threads wait for each other, a trial takes minutes: `fast/threads.py` is left out.

Mutants are made by mutmut's operators (numbers one larger, operators and keywords exchanged,
arguments left out, conditions always true or false, strings changed) and by three of ours: numbers
one smaller, `max` for `min` and `any` for `all`, and branches that are never or always taken. Left
alone is what is not behaviour: docstrings, annotations, texts of errors and of `__repr__`,
asserts, the `strict` of `zip`, `__all__`, `__slots__`, decorators and imports; and `None` in place
of a value or an argument, which only says that a line is run. Arguments given by position are left
out at the end only.
"""
_COLUMNS = ("module", "mutants", *STATUSES, "measured")
_ROW = re.compile(r"^\| `([^`]+\.py)` \|.*\|$", re.MULTILINE)


def argued() -> tuple[dict[str, str], dict[Key, str]]:
    """Arguments by name, and the name of each survivor's."""
    data = tomllib.loads(ARGUED.read_text(encoding="utf-8"))
    why: dict[str, str] = data["why"]
    names: dict[Key, str] = {}
    for entry in data.get("survivors", []):
        assert entry["why"] in why, f"there is no argument {entry['why']}"
        for before, after in entry["changes"]:
            names[entry["module"], entry["function"], before, after] = entry["why"]
    return why, names


def compare(module: str, survivors: Collection[Key]) -> int:
    """Say which survivors of a module are not argued, and which entries are out of date."""
    known = {key for key in argued()[1] if key[0] == module}
    for title, keys in (
        ("survives, and is not argued", set(survivors) - known),
        ("is argued, and does not survive", known - set(survivors)),
    ):
        for _, function, before, after in sorted(keys):
            print(f"{title}: {module}, {function or 'at the top'}\n    {before}\n    {after}")
    return int(known != set(survivors))


def renew(module: str, statuses: Sequence[str]) -> None:
    """Write the page anew, with other figures for one module."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    rows = {match[1]: match[0] for match in _ROW.finditer(text)}
    counts = Counter(statuses)
    today = f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}, mutmut {version('mutmut')}"
    cells = [f"`{module}`", len(statuses), *(counts[s] for s in STATUSES), today]
    rows[module] = _line(cells)
    PAGE.write_text(page(rows), encoding="utf-8")


def page(rows: dict[str, str]) -> str:
    """The whole page, from the rows of its table and the arguments."""
    order = sorted(rows, key=lambda module: (module.startswith("fast"), module))
    table = [_line(_COLUMNS), "|---" * len(_COLUMNS) + "|", *(rows[module] for module in order)]
    files = (path for folder in ("reference", "fast") for path in (ROOT / folder).glob("*.py"))
    found = {str(path.relative_to(ROOT)) for path in files if path.name != "__init__.py"}
    missing = ", ".join(f"`{module}`" for module in sorted(found - set(rows)))
    parts = [_HEAD, "\n".join(table), ""]
    parts += [f"Not tried, or not argued, yet: {missing}.", ""] if missing else []
    why, names = argued()
    for name, text in why.items():
        mine = sorted(key for key, given in names.items() if given == name)
        if mine:
            parts += [f"## {name}\n", text.strip(), "", *map(_item, mine), ""]
    return "\n".join(parts)


def _line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _item(key: Key) -> str:
    module, function, before, after = key
    old, new = _shortened(before, after)
    return f"- `{module}` {f'`{function}`' if function else 'at the top'}: ``{old}`` → ``{new}``"


def _shortened(before: str, after: str, around: int = 24) -> tuple[str, str]:
    """What differs, with some of what stands around it."""
    start = next(i for i in range(len(before) + 1) if before[: i + 1] != after[: i + 1])
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return _cut(before, start, len(before) - end, around), _cut(
        after, start, len(after) - end, around
    )


def _cut(line: str, start: int, stop: int, around: int) -> str:
    first, last = max(0, start - around), min(len(line), stop + around)
    head, tail = "…" if first > 8 else line[:first], "…" if len(line) - last > 8 else line[last:]
    return f"{head}{line[first:last]}{tail}".strip()
