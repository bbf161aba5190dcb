"""`asgd.check`: assert in a test that a port conforms."""

from typing import Any

from ..ports.protocol import PortError
from ..verify.interface import verify
from ..verify.result import Result
from .build import build
from .text import render


def check(port: Any, **options: Any) -> Result:
    """Judge ``port``, and raise where it does not conform.

    Parameters
    ----------
    port, **options
        As `asgd.verify` takes them.

    Returns
    -------
    Result
        Where the port conforms.

    Raises
    ------
    AssertionError
        If the port deviates; the message is the report.
    PortError
        If there is no verdict.
    """
    result = verify(port, **options)
    if result.verdict == "conforms":
        return result
    text = "\n".join(line.text for line in render(build(result)))
    raise AssertionError(text) if result.verdict == "deviates" else PortError(text)
