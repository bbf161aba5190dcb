"""How to repeat a run, and the requests that show a deviation."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..ports import wire
from ..ports.scenario import PausedScenario
from ..ports.wire import requests
from ..verify.result import Deviation, Options, Result


def exchange(deviation: Deviation) -> list[dict[str, Any]]:
    """The requests that show a deviation; those of several runs where it takes these."""
    scenario, dtype = deviation.failure.scenario, deviation.dtype
    first = requests(scenario, dtype)
    if deviation.law == "repeat" and isinstance(scenario, PausedScenario):
        return [*first, *requests(scenario.other(), dtype), *first]
    if deviation.resumed is not None and isinstance(scenario, PausedScenario):
        rest, state = deviation.resumed
        begun = 1 + scenario.pause
        reopen, *after = requests(rest, dtype)
        load = {"op": "load", "state": state}
        return [*first[:begun], {"op": "save"}, *first[begun:], reopen, load, *after]
    return first


def transcript(deviation_requests: Sequence[Mapping[str, Any]]) -> bytes:
    """Requests as lines, ready to be fed to the program."""
    lines = [wire.hello(), *deviation_requests, {"op": "close"}]
    return b"".join(wire.line(request) for request in lines)


def command(result: Result) -> str:
    """Command that repeats the run."""
    return command_of(result.port, result.options)


def command_of(port: str, options: Options) -> str:
    """Command that judges a port with these options."""
    words = ["asgd", "verify", *([] if options.program else [port])]
    defaults = Options()
    for name in ("convention", "policy", "level", "device", "waive"):
        if getattr(options, name) != getattr(defaults, name):
            words += [f"--{name}", getattr(options, name)]
    for dtype in options.dtypes:
        words += ["--dtype", dtype]
    for name in options.without:
        words += ["--without", name]
    words += ["--seed", str(options.seed)]
    if options.program:
        words += ["--", *options.program]
    return shlex.join(words)
