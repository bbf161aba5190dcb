"""The README: short, and true where it can be tried."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from asgd.tests.command.cli import cli

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
CONTEXT = click.Context(cli)
COMMANDS = {name: cli.get_command(CONTEXT, name) for name in cli.list_commands(CONTEXT)}
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_it_is_short():
    """It has at most 150 lines."""
    assert len(TEXT.splitlines()) <= 150


def test_its_commands_exist():
    """Every command, option and target that it names is there."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z]+)", TEXT, re.MULTILINE)) <= targets
    named = re.findall(r"(?<![\w./])asgd ([a-z]+) ?([^`\n#]*)", TEXT)
    commands = [(name, words) for name, words in named if name in COMMANDS]
    assert {name for name, _ in named} - set(COMMANDS) <= {"tells", "is"}
    assert {name for name, _ in commands} == {
        "verify",
        "explain",
        "init",
        "doctor",
        "vectors",
        "bench",
    }
    for name, words in commands:
        known = {option for each in COMMANDS[name].params for option in each.opts}
        ours = words.partition("-- ")[0].split(" && ")[0]
        given = {word for word in shlex.split(ours) if word.startswith("--") and word != "--"}
        assert given <= known, (name, words)
    options = {option for each in COMMANDS["verify"].params for option in each.opts}
    assert set(re.findall(r"`(--(?!asgd)[a-z-]+)[ `]", TEXT)) <= options


def test_its_links_lead_somewhere():
    """Links are whole addresses, so that they work on a package index; each file is there."""
    links = re.findall(r"\]\(([^)]*)\)", TEXT)
    assert links
    for link in links:
        found = re.fullmatch(r"https://github\.com/OWNER/asgd/(?:blob|raw)/main/(.*)", link)
        assert found, link
        assert (ROOT / found[1]).is_file(), link


def test_its_training_example_runs(capsys):
    """The example of `fast` ends near the minimum."""
    _, example = BLOCK.findall(TEXT)
    exec(example, {})  # noqa: S102 - the README's own code
    printed = [float(x) for x in capsys.readouterr().out.strip("[] \n").split()]
    assert [round(x) for x in printed] == [1, 2, 3]


@pytest.mark.slow
def test_its_transcript_is_true(tmp_path):
    """`asgd verify` prints every line that the README shows, in that order."""
    port, _ = BLOCK.findall(TEXT)
    (tmp_path / "mine.py").write_text(port)
    (block,) = re.findall(r"(?:^ {4}.*\n|^\n)+", TEXT[TEXT.index("    $ asgd") :], re.MULTILINE)[:1]
    command, *lines = [line[4:] for line in block.rstrip().splitlines()]
    words = shlex.split(command.removeprefix("$ asgd"))
    done = subprocess.run(
        [sys.executable, "-m", "asgd", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    # How many faults are catalogued changes with every new one.
    said = [re.sub(r"\d+ of \d+ known", "N of N known", line) for line in lines]
    printed = iter(re.sub(r"\d+ of \d+ known", "N of N known", done.stdout).splitlines())
    missing = [line for line in said if line != "..." and line not in printed]
    assert missing == []
