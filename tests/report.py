"""A result as JSON (``spec/report.schema.json``)."""

import math
import shlex
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from asgd.reference import Enclosure, real
from asgd.reference.rounding import formats, round_fraction
from asgd.reference.tolerance import Arithmetic
from asgd.spec import EQUATIONS, policy

from . import wire
from .lives import Life
from .readout import Readout
from .runner import Failure
from .scenario import Scenario, Step
from .verify import Deviation, DtypeResult, Result, detectable, versions

SCHEMA = "asgd-report/1"
_ORDER = {"error": 0, "deviates": 1, "conforms": 2}


def number(x: float) -> dict[str, Any]:
    """``x`` in hexadecimal, beside its decimal form."""
    return {"hex": float(x).hex(), "decimal": repr(float(x))}


def expected(exact: Enclosure) -> dict[str, str]:
    """Ends of an enclosure: rounded outward to float64 in hexadecimal, and in decimals."""
    low, high = exact.bounds()
    return {
        "lo": _toward(low, -math.inf).hex(),
        "hi": _toward(high, math.inf).hex(),
        "lo_decimal": decimal(low),
        "hi_decimal": decimal(high),
    }


def decimal(x: Fraction, digits: int = 25) -> str:
    """``x`` to so many significant decimal digits."""
    value = real(x)
    return str(value.context.nstr(value, digits))


def _toward(x: Fraction, direction: float) -> float:
    nearest = round_fraction(x, formats["float64"])
    if not math.isfinite(nearest) or nearest == x or (nearest > x) == (direction > 0):
        return nearest
    return math.nextafter(nearest, direction)


def scenario_json(scenario: Scenario, dtype: str) -> list[dict[str, Any]]:
    """The scenario as requests of the port protocol."""

    def vector(values: tuple[float, ...] | None) -> list[str] | None:
        return None if values is None else [float(v).hex() for v in values]

    groups = [
        {
            **{k: v if k == "maximize" else float(v).hex() for k, v in g.hyper._asdict().items()},
            "params": [vector(p) for p in g.params],
        }
        for g in scenario.groups
    ]
    requests: list[dict[str, Any]] = [{"op": "open", "dtype": dtype, "groups": groups}]
    for event in scenario.events:
        if isinstance(event, Step):
            requests.append({"op": "step", "grads": [vector(g) for g in event.grads]})
        else:
            changes = {name: float(value).hex() for name, value in event.changes.items()}
            requests.append({"op": "set", "group": event.group, **changes})
    return requests


def exchange(deviation: Deviation) -> list[dict[str, Any]]:
    """The requests that show a deviation; more than one life where it takes these."""
    scenario, dtype = deviation.failure.scenario, deviation.dtype
    requests = scenario_json(scenario, dtype)
    if deviation.law == "repeat" and isinstance(scenario, Life):
        return [*requests, *scenario_json(scenario.other(), dtype), *requests]
    if deviation.resumed is not None and isinstance(scenario, Life):
        rest, state = deviation.resumed
        begun = 1 + scenario.pause
        first, *after = scenario_json(rest, dtype)
        load = {"op": "load", "state": state}
        return [*requests[:begun], {"op": "save"}, *requests[begun:], first, load, *after]
    return requests


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


def finite(x: float) -> float | None:
    """``x`` for JSON, which has no infinity."""
    return x if math.isfinite(x) else None


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
