"""Results of judges, from one process to another."""

import io
import pickle
from typing import Any

from ..laws.equations import LAWS
from ..laws.law import Law
from ..laws.lifecycle import LIFECYCLE_LAWS

_ALL: dict[str, Law] = {law.key: law for law in (*LAWS.values(), *LIFECYCLE_LAWS.values())}


class _Pickler(pickle.Pickler):
    def persistent_id(self, found: Any) -> str | None:
        """Name of a law, whose functions cannot be pickled."""
        return found.key if isinstance(found, Law) and found.key in _ALL else None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, key: str) -> Law:
        """The law of that name."""
        return _ALL[key]


def pickled(content: object) -> bytes:
    """Bytes of what a judge sends."""
    out = io.BytesIO()
    _Pickler(out).dump(content)
    return out.getvalue()


def unpickled(data: bytes) -> Any:
    """What a judge has sent: nothing else may be given here."""
    return _Unpickler(io.BytesIO(data)).load()
