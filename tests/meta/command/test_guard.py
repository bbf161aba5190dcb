"""The outermost guard: one line and an exit code, whatever happens; files whole or as before."""

import os
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from asgd.tests.command.cli import cli
from asgd.tests.command.files import check_writable, write
from asgd.tests.command.guard import guarded
from asgd.tests.ports.interruption import Interrupted


def fail(error):
    """A command that raises."""

    def run(*_):
        raise error

    return run


class Odd(Exception):  # noqa: N818 - an exception of nobody
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("run", "code", "words"),
    [
        (lambda: None, 0, ""),
        (lambda: 1, 1, ""),
        (fail(SystemExit(0)), 0, ""),
        (fail(SystemExit(1)), 1, ""),
        (fail(SystemExit("text")), 2, ""),
        (fail(SystemExit()), 2, ""),
        (fail(ZeroDivisionError("x\n\x1b[31m")), 2, "asgd itself failed: ZeroDivisionError: x "),
        (fail(RecursionError()), 2, "asgd itself failed: RecursionError"),
        (fail(MemoryError()), 2, "asgd itself failed: MemoryError"),
        (fail(Odd()), 2, "asgd itself failed: Odd"),
        (fail(GeneratorExit()), 2, "asgd itself failed"),
        (fail(OSError(28, "No space left on device")), 2, "No space left on device"),
        (fail(click.UsageError("no")), 2, "Error: no"),
        (fail(click.FileError("f")), 2, "f"),
        (fail(click.Abort()), 130, "interrupted"),
        (fail(KeyboardInterrupt()), 130, "interrupted"),
        (fail(Interrupted(15)), 143, "interrupted by SIGTERM"),
    ],
)
def test_codes(run, code, words, monkeypatch, capsys):
    """No exception is a traceback, and none exits with 1."""
    monkeypatch.setattr("asgd.tests.command.guard.listen", lambda: None)
    monkeypatch.setattr("asgd.tests.command.guard.accept_any_text", lambda: None)
    with pytest.raises(SystemExit) as caught:
        guarded(run)
    error = capsys.readouterr().err
    assert caught.value.code == code
    assert words in error
    assert "Traceback" not in error
    assert all(line.isprintable() for line in error.splitlines())


@pytest.mark.sample(1)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")  # noqa: PTH110
@pytest.mark.parametrize("where", ["> /dev/full", ">&-", "| true"])
def test_standard_output(where):
    """An output that does not take what is written is exit code 2, with a reason."""
    command = f"{sys.executable} -m asgd explain E1 {where}"
    shell = ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}} >&2"]
    done = subprocess.run(shell, capture_output=True, text=True, check=False)
    *said, code = done.stderr.splitlines()
    if where != "| true":  # A pipe may take all before its reader has gone.
        assert code == "2"
        assert len(said) == 1
        assert said[0].startswith("asgd: ")
    assert "Traceback" not in done.stderr
    assert code in {"0", "2"}


def test_a_folder_that_is_gone_is_told(tmp_path):
    """Hypothesis cannot even be imported there."""
    command = f"cd {tmp_path}; rmdir {tmp_path}; {sys.executable} -m asgd explain E1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "asgd: the current folder cannot be used: No such file or directory\n"


SGD = (
    "class ASGD:\n"
    "    def __init__(self, params, lr=0.01, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0):\n"
    "        raise ValueError('never')\n"
)


@pytest.mark.sample(2)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")  # noqa: PTH110
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "--quiet --json r.json > /dev/full",
            "cannot write standard output: No space left on device",
        ),
        ("--json r.json >&-", "standard output is closed"),
        ("--json r.json >&- 2>&- <&-", ""),
        ("--json /dev/full --badge r.svg", "cannot write /dev/full: No space left on device"),
        ("--json no/such.json", "cannot write no/such.json: No such file or directory"),
        ("--json r.json --html ./r.json", "cannot write r.json: two options name it"),
        ("--json mine.json", "mine.reproduce.py: asgd did not write it"),
        ("--json pipe", "cannot write pipe: No such device or address"),
        ("--json /dev/stdout", "no verdict on port.py:ASGD"),
        ("--limit nan", "limit must be in (0, 1000000], got nan"),
    ],
)
def test_what_cannot_be_written_is_said(words, said, tmp_path):
    """The verdict comes, the other files are whole, and exit code 2 says what is missing."""
    (tmp_path / "port.py").write_text(SGD)
    (tmp_path / "mine.reproduce.py").write_text("precious")
    os.mkfifo(tmp_path / "pipe")
    command = f"{sys.executable} -m asgd verify port.py:ASGD {words}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    for path in tmp_path.glob("r.*"):
        assert "could not be used as an optimizer" in path.read_text() or path.suffix == ".svg"
    if "r.json" in words and "./" not in words:
        assert (tmp_path / "r.json").exists()
    assert (tmp_path / "mine.reproduce.py").read_text() == "precious"


def test_a_file_is_whole_or_as_before(tmp_path, monkeypatch):
    """Where writing fails, what was there is still there, and nothing else."""
    path = tmp_path / "report.json"
    write(path, "old")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            write(path, "new" * 1000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write(path, "\ud800 new")
    assert path.read_text() == "\\ud800 new"


KILLS = {
    "while it is filled": "os.fsync = die",
    "before it is replaced": "Path.replace = die",
    "where every file has a name": "files._UNNAMED = 0; os.fsync = die",
}


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="there are no files without a name")
@pytest.mark.parametrize("moment", KILLS)
def test_a_killed_writer_leaves_little(moment, tmp_path):
    """What a killed writer leaves is nothing, or a file that is removed by the next one."""
    path = tmp_path / "report.json"
    path.write_text("old")
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom asgd.tests.command import files\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        f"{KILLS[moment]}\nfiles.write(Path({str(path)!r}), 'new')\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert path.read_text() == "old"
    left = set(tmp_path.iterdir()) - {path}
    assert len(left) == (moment != "while it is filled")
    for each in left:
        os.utime(each, (0, 0))
    write(path, "newer")
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


def test_links_and_devices_stay(tmp_path):
    """What a link names is replaced; a device is written to."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    write(type(target)(os.devnull), "gone")


def test_what_cannot_be_written_is_known_before(tmp_path):
    """The reason is given before any work, and nothing is created."""
    assert not check_writable(tmp_path / "new")
    assert check_writable(tmp_path) == "it is a folder"
    assert "No such file" in check_writable(tmp_path / "no" / "file")
    assert "too long" in check_writable(tmp_path / ("a" * 300))
    assert "null" in check_writable(tmp_path / "\0")
    assert list(tmp_path.iterdir()) == []


def test_vectors_replace_nothing_else(tmp_path):
    """Frozen vectors are renewed; another file of such a name is left alone, and named."""
    for _ in range(2):
        assert CliRunner().invoke(cli, ["vectors", str(tmp_path / "v")]).exit_code == 0
    notes = tmp_path / "v" / "vectors.md"
    notes.write_text("precious")
    done = CliRunner().invoke(cli, ["vectors", str(tmp_path / "v")])
    assert done.exit_code == 2
    assert "vectors.md: it is no file of asgd" in done.output
    assert notes.read_text() == "precious"


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        # While the interpreter ends, the exit code is known.
        ("left = type('Left', (), {'__del__': kill})(); sys.argv[1:] = ['no']; main()", 2),
        # In a callback the exception is lost, but not the signal, and nobody sees a traceback.
        (
            "guarded(lambda: (gc.callbacks.append(kill), gc.collect(), drive(None, None, '')))",
            128 + signal.SIGTERM,
        ),
        # In the last flush, what was printed may be lost.
        (
            "sys.stdout = type('Out', (io.StringIO,), {'flush': kill})(); guarded(lambda: 1)",
            128 + signal.SIGTERM,
        ),
    ],
    ids=["at the end", "in a callback", "in the last flush"],
)
def test_a_signal_at_a_bad_moment(words, code):
    """It chooses no other exit code, and shows no traceback."""
    head = (
        "import gc, io, signal, sys\n"
        "from asgd.tests.command import main\n"
        "from asgd.tests.command.guard import guarded\n"
        "from asgd.tests.ports.scenario import drive\n"
        f"kill = lambda *_, ring=signal.raise_signal: ring({int(signal.SIGTERM)})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", head + words], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr
