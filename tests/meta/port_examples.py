"""The example programs of the spec, built by their toolchains."""

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

import pytest

PORTS = Path(str(resources.files("asgd.spec"))) / "ports"

# What each example is built with and run by: {source} and {binary} stand for their paths.
_BUILD = {
    "asgd.c": ["gcc", "-std=c99", "-O2", "-o", "{binary}", "{source}", "-lm"],
    "asgd.rs": ["rustc", "-O", "-o", "{binary}", "{source}"],
}
_RUN = {"asgd.mjs": ["node", "{source}"], "asgd_port.py": [sys.executable, "{source}"]}
EXAMPLES = [*_BUILD, *_RUN]


@cache
def _folder():
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def command(name):
    """Command that runs an example, built where it must be; the test is skipped without a tool."""
    words = _BUILD.get(name) or _RUN[name]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed: {name} is not verified here")
    binary = _folder() / name.replace(".", "_")
    words = [w.format(source=PORTS / name, binary=binary) for w in words]
    if name in _RUN:
        return words
    subprocess.run(words, check=True, timeout=120)
    return [str(binary)]
