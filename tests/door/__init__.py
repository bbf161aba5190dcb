"""Averaged SGD: what it is, what is true of it, how fast it can be, and what your port computes.

The public names are loaded when they are first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fast import ASGD, Parameter
    from .tests.ports.loading import load
    from .tests.ports.protocol import Port, PortError
    from .tests.report.check import check
    from .tests.verify.interface import verify
    from .tests.verify.result import Options, Result

_HOMES = {
    "ASGD": "asgd.fast",
    "Parameter": "asgd.fast",
    "Options": "asgd.tests.verify.result",
    "Port": "asgd.tests.ports.protocol",
    "PortError": "asgd.tests.ports.protocol",
    "Result": "asgd.tests.verify.result",
    "check": "asgd.tests.report.check",
    "load": "asgd.tests.ports.loading",
    "verify": "asgd.tests.verify.interface",
}
_SHOWN = {"Result", "check", "verify"}

__version__ = "0.1.0"
__all__ = [
    "ASGD",
    "Options",
    "Parameter",
    "Port",
    "PortError",
    "Result",
    "check",
    "load",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _SHOWN:
        # A notebook shows a result as its page.
        importlib.import_module("asgd.tests.report.notebook")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})
