"""A result as JSON (``spec/report.schema.json``)."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asgd.reference.rounding import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import EQUATIONS, policy

from ..diagnosis.impulse_response import Readout
from ..laws.outcome import Failure
from ..ports import wire
from ..ports.scenario import PausedScenario
from ..ports.wire import requests
from ..verify.result import Deviation, DtypeResult, Result, detectable, versions
from .numbers import expected, finite, number

SCHEMA = "asgd-report/1"
_ORDER = {"error": 0, "deviates": 1, "conforms": 2}


def exchange(deviation: Deviation) -> list[dict[str, Any]]:
    """The requests that show a deviation; more than one life where it takes these."""
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


def divergence(failure: Failure, equation: str, dtype: str, policy_name: str) -> dict[str, Any]:
    """Where a failure shows: step, parameter, element, quantity; expected and got."""
    judgement = failure.judgement
    arithmetic = Arithmetic(formats[dtype], policy(policy_name))
    return {
        "dtype": dtype,
        "step": judgement.call,
        "parameter": judgement.parameter,
        "element": judgement.element,
        "quantity": judgement.quantity,
        "equation": EQUATIONS[equation].id,
        "expected": expected(judgement.exact),
        "got": number(judgement.got),
        "error_ulp": finite(judgement.error_ulp(arithmetic)),
        "error_bounds": finite(judgement.error_bounds),
    }


def _deviation(deviation: Deviation, policy_name: str) -> dict[str, Any]:
    return {
        "id": deviation.id,
        "equation": EQUATIONS[deviation.equation].id,
        "dtype": deviation.dtype,
        "title": deviation.title,
        "explanation": deviation.explanation,
        "evidence": {
            "first_divergence": divergence(
                deviation.failure, deviation.equation, deviation.dtype, policy_name
            ),
            "requests": exchange(deviation),
        },
        "coincides_with": list(deviation.coincides),
        "waived": deviation.waived,
    }


def readout_json(readout: Readout) -> dict[str, Any]:
    """The recovered numbers, in hexadecimal."""

    def numbers(values: Sequence[float]) -> list[str]:
        return [float(value).hex() for value in values]

    return {
        "hyper": readout.hyper,
        "eta": numbers(readout.eta),
        "true_eta": numbers(readout.true_eta),
        "decay": numbers(readout.decay),
        "true_decay": numbers(readout.true_decay),
        "weights": numbers(readout.weights),
        "t0": float(readout.t0).hex(),
        "gradient": numbers(readout.gradient),
        "true_gradient": numbers(readout.true_gradient),
        "given": readout.given,
        "guess": readout.guess,
        "linear": readout.linear,
    }


def _dtype(result: DtypeResult, policy_name: str) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "convention": None if result.convention is None else result.convention.name,
        "judged_against": result.identity.convention.name,
        "also_fits": list(result.identity.also),
        "deviations": [_deviation(d, policy_name) for d in result.deviations],
        "not_observable": result.not_observable,
        "findings": [
            {"id": f.id, "text": f.text, "numbers": dict(f.numbers)} for f in result.findings
        ],
        "readout": None if result.readout is None else readout_json(result.readout),
        "laws": {
            outcome.law.key: {
                "scenarios": outcome.scenarios,
                "numbers": outcome.judged,
                "undecided": outcome.undecided,
                "largest_error_bounds": outcome.largest,
                "passed": outcome.failure is None
                and not outcome.undecided
                and not outcome.not_observable,
            }
            for outcome in result.outcomes
        },
    }


def report(result: Result, script: str | None = None) -> dict[str, Any]:
    """A result as the JSON report of the contract; ``script`` is the path of the reproduction."""
    policy_name = result.options.policy
    outcomes = [outcome for dtype in result.dtypes for outcome in dtype.outcomes]
    failed = sum(outcome.failure is not None for outcome in outcomes)
    run = sum(outcome.scenarios for outcome in outcomes)
    undecided = sum(bool(outcome.undecided) for outcome in outcomes)
    worst = min(result.dtypes, key=lambda d: _ORDER[d.verdict])
    conventions = {d.convention.name if d.convention else None for d in result.dtypes}
    deviations = result.deviations
    first = result.first
    caught, known = detectable(result)
    return {
        "schema": SCHEMA,
        "verdict": result.verdict,
        "port": {"name": result.hello.name, "version": result.hello.version, "how": result.port},
        "dtypes": {dtype.dtype: _dtype(dtype, policy_name) for dtype in result.dtypes},
        "convention": conventions.pop()
        if len(conventions) == 1
        else (worst.convention.name if worst.convention else None),
        "deviations": [_deviation(d, policy_name) for d in deviations],
        "first_divergence": None
        if first is None
        else divergence(first.failure, first.equation, first.dtype, policy_name),
        "checks": {
            "run": run,
            "passed": run - failed - undecided,
            "failed": failed,
            "skipped": sum(bool(outcome.not_observable) for outcome in outcomes),
            "floor": sum(dtype.floor for dtype in result.dtypes),
        },
        "detectable": {"faults": caught, "of": known},
        "reproduce": {"command": command(result), "script": script},
        "stale_waivers": result.stale_waivers,
        "seed": result.options.seed,
        "seconds": round(result.seconds, 3),
        "versions": versions(result.hello),
        "policy": policy_name,
    }


def write_requests(result: Result, path: Path) -> None:
    """Write the requests that show the first deviation, to be redirected into the program."""
    deviation = next(iter([d for d in result.deviations if not d.waived] or result.deviations))
    lines = [wire.hello(), *exchange(deviation), {"op": "close"}]
    path.write_bytes(b"".join(wire.line(request) for request in lines))


def error_report(how: str, message: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The report where there is no verdict: what went wrong, in the place of the results."""
    return {
        "schema": SCHEMA,
        "verdict": "error",
        "port": {"name": how, "version": "unknown", "how": how},
        "dtypes": {},
        "convention": None,
        "deviations": [],
        "first_divergence": None,
        "checks": {"run": 0, "passed": 0, "failed": 0, "skipped": 0, "floor": 0},
        "detectable": {"faults": 0, "of": 0},
        "reproduce": {"command": f"asgd verify {shlex.quote(how)}", "script": None},
        "error": message,
        "stale_waivers": [],
        "seed": options["seed"],
        "seconds": 0.0,
        "versions": {},
        "policy": options["policy"],
    }


def command(result: Result) -> str:
    """Command that repeats the run."""
    options = result.options
    words = ["asgd", "verify", *([] if options.program else [result.port])]
    if options.convention != "auto":
        words += ["--convention", options.convention]
    for dtype in options.dtypes:
        words += ["--dtype", dtype]
    if options.policy != "native":
        words += ["--policy", options.policy]
    if options.level != "quick":
        words += ["--level", options.level]
    words += ["--seed", str(options.seed)]
    if options.program:
        words += ["--", *options.program]
    return shlex.join(words)
