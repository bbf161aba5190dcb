"""What the workers of one pytest run share: each dtype is judged by the first that asks for it."""

import fcntl
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..verify.pickling import pickled, unpickled
from ..verify.result import Result


@dataclass(frozen=True)
class Shared:
    """Results in a folder of the run.

    Attributes
    ----------
    folder : Path
        Where they are kept.
    secret : bytes
        Known to the workers alone: what a port may have written there is not read.
    """

    folder: Path
    secret: bytes

    def result(self, dtype: str, judge: Callable[[], Result], *, waits: bool) -> Result | None:
        """Result of a dtype; None where another worker is at it, unless this one ``waits``."""
        self.folder.mkdir(exist_ok=True)
        kept = self.folder / f"{dtype}.result"
        with (self.folder / f"{dtype}.lock").open("a") as lock:
            # It is let go when the file is closed, also where a worker dies.
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
            except BlockingIOError:
                return None
            known = self._read(kept)
            if known is None:
                known = judge()
                data = pickled(known)
                kept.write_bytes(self._signature(data) + data)
            return known

    def _read(self, kept: Path) -> Result | None:
        if not kept.is_file():
            return None
        whole = kept.read_bytes()
        size = hashlib.sha256().digest_size
        data = whole[size:]
        if not hmac.compare_digest(whole[:size], self._signature(data)):
            return None
        found = unpickled(data)
        assert isinstance(found, Result)
        return found

    def _signature(self, data: bytes) -> bytes:
        return hmac.digest(self.secret, data, "sha256")
