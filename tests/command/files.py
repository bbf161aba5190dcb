"""Files that the user names: checked before the work, replaced atomically."""

import contextlib
import os
import secrets
import stat
from pathlib import Path


def check_writable(path: Path) -> str:
    """Why ``path`` cannot be written, or nothing; it is not changed."""
    try:
        if _plain(path):
            beside = _beside(path)
            beside.touch(exist_ok=False)
            beside.unlink()
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
        path.write_bytes(data)  # A pipe or a device is written to, never replaced.
        return
    # A link stays one: what it names is replaced.
    target = path.resolve()
    beside = _beside(target)
    try:
        with beside.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(OSError):
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _plain(path: Path) -> bool:
    """Whether ``path`` is a file, or will be one."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def _beside(path: Path) -> Path:
    return path.with_name(f".asgd-{secrets.token_hex(8)}.tmp")
