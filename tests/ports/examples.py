"""The example programs of ``spec/ports/``, built by their toolchains."""

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

from .protocol import PortError

FOLDER = Path(str(resources.files("asgd.spec"))) / "ports"

# What each example is built with and run by: {source} and {binary} stand for their paths.
_BUILD = {
    "asgd.c": ["gcc", "-std=c99", "-O2", "-o", "{binary}", "{source}", "-lm"],
    "asgd.cpp": ["g++", "-std=c++17", "-O2", "-o", "{binary}", "{source}"],
    "asgd.rs": ["rustc", "-O", "-o", "{binary}", "{source}"],
}
_RUN = {"asgd.mjs": ["node", "{source}"], "asgd_port.py": [sys.executable, "{source}"]}

EXAMPLES = (*_BUILD, *_RUN)
"""File names of the examples."""


@functools.cache
def command(name: str) -> list[str]:
    """Program and arguments that run an example; it is built once a process, where it must be.

    Raises
    ------
    PortError
        If its toolchain is not installed, or fails.
    """
    words = _BUILD.get(name) or _RUN[name]
    if shutil.which(words[0]) is None:
        raise PortError(f"{words[0]} is not installed: {name} cannot be run here")
    binary = _folder() / name.replace(".", "_")
    words = [w.format(source=FOLDER / name, binary=binary) for w in words]
    if name in _RUN:
        return words
    run = subprocess.run(words, check=False, capture_output=True, text=True, timeout=120)  # noqa: S603
    if run.returncode:
        raise PortError(f"{name} cannot be built: {run.stderr.strip()}")
    return [str(binary)]


@functools.cache
def _folder() -> Path:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
