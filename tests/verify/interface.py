"""`asgd.verify`: judge a port from Python."""

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from asgd.spec import CONVENTIONS, POLICIES

from ..laws.outcome import LEVELS, SECONDS
from ..ports.loading import load, name_of
from ..ports.process import TIMEOUT, Limits
from ..ports.protocol import DTYPES, PortError
from .coverage import without_laws
from .jobs import verify_in_jobs
from .result import Options, Result
from .run import no_verdict
from .waivers import read_waivers

_MOST = 1e6  # seconds and megabytes: what the waiting functions of an operating system take


def verify(
    port: Any,
    *,
    in_process: bool = False,
    jobs: int | None = None,
    timeout: float = TIMEOUT,
    limit: float | None = None,
    memory: float | None = None,
    **options: Any,
) -> Result:
    """Judge ``port``.

    Parameters
    ----------
    port : str or object
        Import path ``package.module:Object`` or ``file.py:Object``, or what such a path names.
    in_process : bool
        Judge it in this process, not in a child: for a debugger.
    jobs : int, optional
        Dtypes that are judged at once; by default one for each core.
    timeout : float
        Seconds that a port in a child has for an answer.
    limit : float, optional
        Seconds for the whole run of a port in a child; by default depends on the level.
    memory : float, optional
        Megabytes of resident memory of a port in a child, and of what it starts.
    **options
        Those of the command: ``convention``, ``dtype`` and ``without`` (a name or several),
        ``policy``, ``level``, ``seed``, ``waive`` (path of a file) and ``device``; or the fields of
        `Options`.

    Returns
    -------
    Result
        Its `verdict` is "conforms", "deviates" or, with the `error`, "error".

    Raises
    ------
    TypeError
        If there is no such option.
    ValueError
        If an option has a value that is not allowed.

    Examples
    --------
    >>> import asgd
    >>> asgd.verify("asgd.fast:ASGD", dtype="float32").verdict
    'conforms'
    """
    given = options_of(**options)
    limits = limits_of(given, timeout, limit, memory)
    if jobs is not None and not (type(jobs) is int and jobs >= 1):
        raise ValueError(f"jobs must be an integer >= 1, got {jobs!r}")
    result = no_verdict(name_of(port), given, "")
    try:
        loaded = load(port, in_process=in_process, limits=limits)
        verify_in_jobs(loaded, result, limits, jobs=jobs)
    except PortError as error:
        result.broke(error)
    return result


def limits_of(
    options: Options | None, timeout: float, limit: float | None, memory: float | None
) -> Limits:
    """What a port may take, checked; see `verify`. Without options, the run has no limit."""
    for name, value in (("timeout", timeout), ("limit", limit), ("memory", memory)):
        if value is not None and not (type(value) in {int, float} and 0 < value <= _MOST):
            raise ValueError(f"{name} must be in (0, {_MOST:.0f}], got {value!r:.60}")
    resident = None if memory is None else int(memory * 10**6)
    if options is None:
        return Limits(timeout, limit, resident)
    seconds = SECONDS[options.level] if limit is None else limit
    return Limits(timeout, seconds, resident, options.device)


def options_of(**given: Any) -> Options:
    """The options, checked; see `verify`."""
    known = {field.name for field in fields(Options)}
    unknown = sorted(set(given) - known - {"dtype"})
    if unknown:
        allowed = ", ".join(sorted(known | {"dtype"}))
        raise TypeError(f"there is no option {unknown[0]!r}; the options are {allowed}")
    if "dtype" in given:
        given["dtypes"] = given.pop("dtype")
    for name in ("dtypes", "without", "program", "waivers"):
        if name in given:
            given[name] = _several(given[name])
    if given.get("waive"):
        given["waivers"] = (*given.get("waivers", ()), *read_waivers(Path(given["waive"])))
        given["waive"] = str(given["waive"])
    options = Options(**given)
    _check("convention", [options.convention], ["auto", *CONVENTIONS])
    _check("policy", [options.policy], ["auto", *POLICIES])
    _check("oracle", [options.oracle], ["integers", "mpmath"])
    _check("level", [options.level], LEVELS)
    _check("dtype", options.dtypes, DTYPES)
    if not isinstance(options.seed, int) or options.seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {options.seed!r}")
    without_laws(options.without)
    return options


def _check(name: str, values: Iterable[str], allowed: Iterable[str]) -> None:
    known = list(allowed)
    for value in values:
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")


def _several(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
