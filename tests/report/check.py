"""`asgd.check`: assert in a test that a port conforms."""

import io
from typing import Any

from ..ports.protocol import PortError
from ..verify.interface import verify
from ..verify.result import Result


def check(port: Any, **options: Any) -> Result:
    """Judge ``port``, and raise where it does not conform.

    Parameters
    ----------
    port, **options
        As `asgd.verify` takes them.

    Raises
    ------
    AssertionError
        If the port deviates; the message is the diagnosis.
    PortError
        If no verdict can be given.
    """
    from rich.console import Console  # noqa: PLC0415 - an extra

    from .terminal import show  # noqa: PLC0415 - needs the extra

    result = verify(port, **options)
    if result.verdict == "conforms":
        return result
    stream = io.StringIO()
    show(result, Console(file=stream, highlight=False, width=80))
    text = stream.getvalue()
    raise AssertionError(text) if result.verdict == "deviates" else PortError(text)
