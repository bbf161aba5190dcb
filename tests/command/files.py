"""Files that the user names: checked before the work, replaced atomically."""

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import time
from pathlib import Path

from ..ports.strict import at_once

_DEAD = 60.0  # seconds without a change, after which whoever wrote a temporary file was killed
_UNNAMED = getattr(os, "O_TMPFILE", 0)  # Linux alone has it


def check_writable(path: Path) -> str:
    """Why ``path`` cannot be written, or nothing; it is not changed."""
    try:
        if _plain(path):
            _try(path)
        elif path.is_dir():
            return "it is a folder"
        elif not os.access(path, os.W_OK):
            return "permission denied"
    except (OSError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def write(path: Path, content: str | bytes) -> None:
    """Replace ``path`` by ``content``: the whole of it is there, or what was there before.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    if not _plain(path):
        # A pipe or a device is written to, never replaced.
        with open(path, "wb", opener=at_once) as stream:
            stream.write(data)
        return
    # A link stays one: what it names is replaced.
    target = path.resolve()
    beside = target.with_name(temporary(target) + secrets.token_hex(8))
    if not target.exists() and _appear(target, data):
        return
    try:
        if not _appear(beside, data):
            with beside.open("xb") as stream:
                _fill(stream.fileno(), data)
        with contextlib.suppress(OSError):
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def temporary(target: Path) -> str:
    """How names of temporary files and folders for ``target`` begin; old ones are removed.

    One is left behind only by a process that was killed in the moment in which it had a name.
    """
    name = hashlib.sha256(os.fsencode(target.name)).hexdigest()
    begin = f".asgd-{name[:16]}-"
    for left in target.parent.glob(f"{begin}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _DEAD:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    return begin


def _plain(path: Path) -> bool:
    """Whether ``path`` is a file, or will be one."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def _try(path: Path) -> None:
    """Make a file beside ``path`` that has no name, or not for long."""
    with contextlib.suppress(OSError):
        os.close(os.open(path.parent, _UNNAMED | os.O_WRONLY))
        return
    beside = path.with_name(temporary(path) + secrets.token_hex(8))
    beside.touch(exist_ok=False)
    beside.unlink()


def _appear(path: Path, data: bytes) -> bool:
    """Write a new file that has no name until it is whole; false where that cannot be done."""
    try:
        number = os.open(path.parent, _UNNAMED | os.O_WRONLY, 0o666)
    except OSError:
        return False
    try:
        _fill(number, data)
        # With a descriptor it is linkat, which follows the link.
        os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number, follow_symlinks=True)
    except OSError:
        return False
    finally:
        os.close(number)
    return True


def _fill(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]
    os.fsync(number)
