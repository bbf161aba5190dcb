"""Run the tutorials of spec/docs/ as a newcomer would, and renew the output that they show.

    python tests/meta/studies/tutorials.py [NAME...]

In a page, ``{code-block}`` with a caption is a file to save; ``diff`` changes a file: the one named
in its first line, or the last one saved; ``console`` holds commands, each behind ``$``, with what
they print; ``python`` is run where it stands, and a ``text`` behind it holds what it prints. A line
``...`` stands for any lines; the line after it says where the output goes on.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "spec" / "docs" / "tutorials"
_BLOCK = re.compile(
    r"^```(?:\{code-block\} )?(\w+)\n(?::caption: (\S+)\n\n)?(.*?)^```$", re.MULTILINE | re.DOTALL
)


def saved(text: str, folder: Path) -> None:
    """Save the files of a page."""
    for _, caption, body in _BLOCK.findall(text):
        if caption:
            (folder / caption).write_text(body, encoding="utf-8")


def played(text: str, folder: Path) -> str:
    """The page as it reads after its blocks were run in ``folder``, with what they print now."""
    last, printed = "", ""
    namespace: dict[str, Any] = {}

    def run(match: re.Match[str]) -> str:
        nonlocal last, printed
        kind, caption, body = match[1], match[2], match[3]
        new = body
        if caption:
            last = caption
            (folder / last).parent.mkdir(parents=True, exist_ok=True)
            (folder / last).write_text(body, encoding="utf-8")
        elif kind == "diff":
            last = _patch(folder, last, body)
        elif kind == "console":
            new = "".join(_console(body, folder))
        elif kind == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(body, namespace)  # noqa: S102 - the tutorial's own code
            printed = out.getvalue()
        elif kind == "text":
            new = _shortened(body.splitlines(), printed.splitlines())
        return match[0][: match.start(3) - match.start()] + new + "```"

    return _BLOCK.sub(run, text)


def _patch(folder: Path, name: str, body: str) -> str:
    """Replace the lines behind ``-`` by those behind ``+``; the file's name."""
    lines = body.splitlines(keepends=True)
    if lines[0].startswith("--- "):
        name, lines = lines[0].split()[1], lines[1:]
    old = "".join(line[1:] for line in lines if not line.startswith("+"))
    new = "".join(line[1:] for line in lines if not line.startswith("-"))
    text = (folder / name).read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{name} must hold once what is replaced, got {text.count(old)}: {old!r}")
    (folder / name).write_text(text.replace(old, new), encoding="utf-8")
    return name


def _console(body: str, folder: Path) -> Iterator[str]:
    """Each command with what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    status = 0
    for part in re.split(r"^(?=\$ )", body, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        done = subprocess.run(
            ["bash", "-c", f"(exit {status}); {command.removeprefix('$ ')}"],
            cwd=folder,
            env={**os.environ, "PATH": path, "COLUMNS": "80"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        status = done.returncode
        yield f"{command}\n{_shortened(shown.splitlines(), done.stdout.splitlines())}"


def _shortened(shown: list[str], printed: list[str]) -> str:
    """The lines printed now that stand where those shown stood."""
    out: list[str] = []
    at, jumped = 0, False
    for k, line in enumerate(shown):
        if line == "...":
            out.append(line)
            jumped = True
            continue
        if jumped:
            if line not in printed[at:]:
                raise ValueError(f"{line!r} is no longer printed:\n" + "\n".join(printed))
            at, jumped = printed.index(line, at), False
        out += printed[at : at + 1]
        at += 1
        if k == len(shown) - 1:
            out += printed[at:]
    return "".join(f"{line}\n" for line in (out if shown else printed))


def main() -> None:
    """Renew the pages named, or all."""
    for name in sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.md")):
        page = FOLDER / f"{name}.md"
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(played(page.read_text(encoding="utf-8"), Path(folder)), "utf-8")


if __name__ == "__main__":
    main()
