"""`asgd.verify`: judge a port from Python."""

from typing import Any

from ..ports.loading import load, name_of
from .result import Options, Result
from .run import verify as judge


def verify(port: Any, *, in_process: bool = False, **options: Any) -> Result:
    """Judge ``port``.

    Parameters
    ----------
    port : str or object
        Import path ``package.module:Object``, or what such a path names.
    in_process : bool
        Judge it in this process, not in a child: for a debugger.
    **options
        Fields of `Options`.

    Returns
    -------
    Result

    Raises
    ------
    PortError
        If no verdict can be given.
    """
    return judge(load(port, in_process=in_process), name_of(port), Options(**options))
