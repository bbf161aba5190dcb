"""Make the report of a result."""

import dataclasses
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asgd.spec import EQUATIONS, FAULTS, EquationName

from ..laws.outcome import Finding as Found
from ..laws.outcome import Outcome
from ..ports.text import escaped
from ..verify.coverage import (
    LAW_NAMES,
    Status,
    reason,
    status,
    without_laws,
)
from ..verify.detectable import Detectable, detectable_in, detectable_over
from ..verify.result import DtypeResult, Result, versions
from ..verify.waivers import Waiver
from . import fingerprint, model
from .deviations import deviation, readout
from .numbers import finite
from .reproduction import command
from .series import by_law, pictures

_WORST: Sequence[Status] = ("broken", "undecided", "not observable", "skipped", "holds")
_NOT_REACHED = "the run ended before"


def build(result: Result, script: str | None = None, play: str | None = None) -> model.Report:
    """The report of a result.

    Parameters
    ----------
    result : Result
        What became of a run.
    script : str, optional
        Path of the file that shows the first divergence.
    play : str, optional
        Shell command that uses it.
    """
    dtypes = {found.dtype: _dtype(found, result) for found in result.dtypes}
    deviations = tuple(d for found in dtypes.values() for d in found.deviations)
    first = next(iter([d for d in deviations if not d.waived] or deviations), None)
    worst = _worst(dtypes.values())
    findings = [f for found in dtypes.values() for f in found.findings]
    findings += [_finding(f) for f in result.findings]
    made = model.Report(
        verdict=result.verdict,
        port=model.Port(result.hello.name, result.hello.version, result.port, result.kind),
        dtypes=dtypes,
        convention=worst.convention if worst else None,
        convention_parts=worst.convention_parts if worst else model.ConventionParts(None, None),
        deviations=deviations,
        first_divergence=first.evidence.first_divergence if first else None,
        checks=_checks(result),
        coverage=_coverage(result),
        detectable=_detectable(result),
        waivers=model.Waivers(
            *(
                tuple(map(_waived, found))
                for found in (result.applied, result.stale, result.expired)
            )
        ),
        findings=tuple({(f.id, f.text): f for f in findings}.values()),
        laws=_laws(dtypes.values()),
        fingerprint={
            found.dtype: fingerprint.fields(found.fingerprint)
            for found in result.dtypes
            if found.fingerprint is not None
        }
        or None,
        interrupted=result.interrupted,
        isolated=result.isolated,
        level=result.options.level,
        device=result.options.device,
        date=result.started.isoformat(timespec="seconds"),
        platform=platform.platform(),
        error=_error(result) if result.verdict == "error" else None,
        reproduce=model.Reproduce(command(result), script, play),
        seed=result.options.seed,
        seconds=round(result.seconds, 3),
        versions=versions(result.hello, ["torch"] if result.kind == "torch" else []),
        policy=worst.policy if worst else result.options.policy,
    )
    clean: model.Report = _escaped(made)
    return clean


def _escaped(found: Any) -> Any:
    """A part of a report whose texts can be shown anywhere, whoever wrote them."""
    if isinstance(found, str):
        return escaped(found)
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        given = {
            f.name: _escaped(getattr(found, f.name)) for f in dataclasses.fields(found) if f.init
        }
        return dataclasses.replace(found, **given)
    if isinstance(found, Mapping):
        return {escaped(key): _escaped(entry) for key, entry in found.items()}
    if isinstance(found, list):
        return [_escaped(entry) for entry in found]
    return tuple(map(_escaped, found)) if isinstance(found, tuple) else found


def _worst(dtypes: Iterable[model.DtypeReport]) -> model.DtypeReport | None:
    order = ("error", "deviates", "conforms")
    return min(dtypes, key=lambda found: order.index(found.verdict), default=None)


# One dtype.


def _dtype(found: DtypeResult, result: Result) -> model.DtypeReport:
    laws: dict[str, model.Law] = {o.law.key: _law(o, found) for o in found.outcomes}
    seen = {key for key, law in laws.items() if law.status not in {"not observable", "skipped"}}
    identity, known = found.identity, found.convention
    # What was not observed is never stated as a property of the port.
    whole = {"averaging_weight", "average"} <= seen
    name = known.name if known is not None else None
    alike = {e.convention.name for e in identity.explanations} if identity else set()
    theta = name if len(alike) <= 1 else None
    average = name
    if identity is not None and known is None:
        theta, average = identity.parts.theta, identity.parts.average
    hidden = found.unobserved
    detectable = _found_in(found, result)
    return model.DtypeReport(
        verdict=found.verdict,
        convention=name if whole else None,
        convention_parts=model.ConventionParts(theta, average if whole else None),
        judged_against=identity.convention.name if identity else None,
        also_fits=identity.also if identity else (),
        policy=found.policy,
        conforms_under=found.conforms_under or None,
        deviations=tuple(deviation(d, found) for d in found.deviations),
        not_observable=tuple(f"{key}: {why}" for key, why in hidden.items()),
        coverage=_law_count([found]),
        detectable=_faults(detectable, found.dtype),
        laws=laws,
        findings=tuple(map(_finding, found.findings)),
        readout=None if found.readout is None else readout(found.readout, found.dtype),
        pictures=pictures(found.series),
    )


def _finding(found: Found) -> model.Finding:
    # JSON has no infinity.
    numbers = {key: float(x) for key, x in found.numbers.items() if finite(float(x)) is not None}
    return model.Finding(found.id, found.text, numbers)


def _law(outcome: Outcome, found: DtypeResult) -> model.Law:
    return model.Law(
        equation=EQUATIONS[outcome.law.equation].id,
        scenarios=outcome.scenarios,
        numbers=outcome.judged,
        undecided=outcome.undecided,
        largest_error_bounds=float(outcome.largest),
        status=status(outcome),
        reason=reason(outcome, found.causes, found.kind),
    )


# Over the dtypes.


def _laws(dtypes: Iterable[model.DtypeReport]) -> dict[str, model.Law]:
    merged: dict[str, model.Law] = {}
    for found in dtypes:
        for key, law in found.laws.items():
            old = merged.get(key)
            merged[key] = law if old is None else _both(old, law)
    return merged


def _both(one: model.Law, other: model.Law) -> model.Law:
    return model.Law(
        one.equation,
        one.scenarios + other.scenarios,
        one.numbers + other.numbers,
        one.undecided + other.undecided,
        max(one.largest_error_bounds, other.largest_error_bounds),
        min(one.status, other.status, key=_WORST.index),
        one.reason or other.reason,
    )


def _law_count(found: Sequence[DtypeResult]) -> model.LawCount:
    hidden: dict[str, str] = {}
    for one in found:
        reached = {o.law.key for o in one.outcomes}
        hidden |= {key: _NOT_REACHED for key in LAW_NAMES if key not in reached}
        hidden.update(one.unobserved.items())
    if not found:
        hidden = dict.fromkeys(LAW_NAMES, _NOT_REACHED)
    hidden = {key: hidden[key] for key in LAW_NAMES if key in hidden}
    return model.LawCount(len(LAW_NAMES) - len(hidden), len(LAW_NAMES), hidden)


def _coverage(result: Result) -> model.Coverage:
    needless = tuple(result.needless) if result.dtypes else ()
    return model.Coverage(_law_count(result.dtypes), result.options.without, needless)


def _detectable(result: Result) -> model.Detectable:
    return _faults(detectable_over({d.dtype: _found_in(d, result) for d in result.dtypes}), "")


def _found_in(found: DtypeResult, result: Result) -> Detectable:
    return detectable_in(found, result.hello, auto=result.options.convention == "auto")


def _faults(found: Detectable, dtype: str) -> model.Detectable:
    known = [i for i, fault in FAULTS.items() if not dtype or fault.dtype in {"", dtype}]
    grouped = by_law(known, found.missing)
    return model.Detectable(found.faults, found.of, found.missing, grouped, found.reasons)


def _checks(result: Result) -> model.Checks:
    outcomes = [outcome for found in result.dtypes for outcome in found.outcomes]
    failed = sum(outcome.failure is not None for outcome in outcomes)
    undecided = sum(bool(outcome.undecided) and outcome.failure is None for outcome in outcomes)
    run = sum(outcome.scenarios for outcome in outcomes)
    return model.Checks(
        run=run,
        passed=max(0, run - failed - undecided),
        failed=failed,
        skipped=sum(bool(outcome.not_observable) for outcome in outcomes),
        floor=sum(found.floor for found in result.dtypes),
    )


def _waived(waiver: Waiver) -> model.Waived:
    return model.Waived(
        id=waiver.id,
        reason=waiver.reason,
        dtype=waiver.dtype or None,
        equation=EQUATIONS[waiver.equation].id if waiver.equation else None,
        link=waiver.link or None,
        expires=waiver.expires.isoformat() if waiver.expires else None,
    )


def _error(result: Result) -> str:
    """Why there is no verdict."""
    if result.error:
        return result.error
    if result.broke_down or not result.dtypes:
        return "the run was interrupted"
    missing: dict[EquationName, str] = {}
    for found in result.dtypes:
        missing |= found.missing
    if missing:
        return _unobserved(missing)
    undecided = sum(found.undecided for found in result.dtypes)
    if undecided:
        return f"{undecided} numbers stayed undecided: this is a limit of asgd, not of the port"
    short = next(found for found in result.dtypes if found.short)
    return f"fewer {short.dtype} checks ran than the {short.floor} that a verdict needs"


def _unobserved(missing: Mapping[EquationName, str]) -> str:
    ids = [EQUATIONS[name].id for name in missing]
    lines = [f"{' and '.join(ids)} {'were' if len(ids) > 1 else 'was'} not observed"]
    lines += [f"to show: {why}" for why in dict.fromkeys(missing.values())]
    averages = without_laws(["average"])
    names = ["average"] if averages & set(missing) else []
    names += [EQUATIONS[name].id for name in missing if name not in averages]
    accept = " ".join(f"--without {name}" for name in names)
    return "\n".join([*lines, f"to accept this: {accept}"])
