"""Write the file of `--reproduce`: a script for Python ports, the requests for programs."""

import shlex
from pathlib import Path

from ..ports.strict import at_once
from ..report.reproduce import script_of
from ..report.reproduction import exchange, transcript
from ..verify.result import Result

_BEGIN = 400  # bytes of a file that are looked at
_MARK = b"Show one wrong number of a port."


def reproduction_path(given: Path | None, json_file: Path | None, *, program: bool) -> Path | None:
    """Where the reproduction goes: where it was asked for, else beside the JSON report."""
    # Beside a pipe or a device there is no place.
    if given is not None or json_file is None or (json_file.exists() and not json_file.is_file()):
        return given
    return json_file.with_suffix(".reproduce.jsonl" if program else ".reproduce.py")


def is_ours(path: Path) -> bool:
    """Whether a file that is there was written here, as far as its beginning says."""
    try:
        with open(path, "rb", opener=at_once) as stream:
            begun = stream.read(_BEGIN)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return _MARK in begun or begun[:6] == b'{"op":'


def reproduction(result: Result) -> bytes | None:
    """What shows the first divergence, or None where there is nothing to show."""
    if result.options.program:
        if result.broke_down:
            # The requests up to the one that broke it.
            return b"".join(result.transcript) or None
        return None if result.first is None else transcript(exchange(result.first))
    text = script_of(result)
    return None if text is None else text.encode()


def playing(result: Result, path: Path) -> str:
    """The shell command that uses a reproduction."""
    if result.options.program:
        return f"{shlex.join(result.options.program)} < {shlex.quote(str(path))}"
    return f"python {shlex.quote(str(path))}"
