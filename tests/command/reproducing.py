"""Write the file of `--reproduce`: a script for Python ports, the requests for programs."""

import shlex
from pathlib import Path

from ..ports.protocol import Port
from ..report.reproduce import script_of
from ..report.reproduction import exchange, transcript
from ..verify.result import Result
from . import files
from .output import OutputError


def reproduction_path(given: Path | None, json_file: Path | None, *, program: bool) -> Path | None:
    """Where the reproduction goes: where it was asked for, else beside the JSON report."""
    if given is not None or json_file is None:
        return given
    return json_file.with_suffix(".reproduce.jsonl" if program else ".reproduce.py")


def write_reproduction(result: Result, subject: Port | None, path: Path) -> str | None:
    """Write what shows the first divergence; the shell command that uses it, None without one.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    content = _content(result, subject)
    if content is None:
        return None
    try:
        files.write(path, content)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    if result.options.program:
        return f"{shlex.join(result.options.program)} < {shlex.quote(str(path))}"
    return f"python {shlex.quote(str(path))}"


def _content(result: Result, subject: Port | None) -> bytes | None:
    if result.options.program:
        if result.broke_down:
            # The requests up to the one that broke it.
            lines = getattr(subject, "transcript", None)
            return b"".join(lines) if lines is not None else None
        return None if result.first is None else transcript(exchange(result.first))
    text = script_of(result)
    return None if text is None else text.encode()
