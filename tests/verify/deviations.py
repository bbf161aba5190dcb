"""Deviations of a port: what laws found, by name where there is one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from asgd.spec import EQUATIONS, FAULTS, EquationName

from ..diagnosis.circumstances import arrangement, combined
from ..diagnosis.effective_gradient import in_gradient
from ..diagnosis.impulse_response import read_out
from ..diagnosis.lifecycle import interruption, is_right_after_load, lifecycle_fault
from ..diagnosis.match import Explanation
from ..diagnosis.root_cause import RootCause, causes_of_runs, plain, root_causes
from ..diagnosis.shrink import shrink
from ..laws.lifecycle import LifecycleLaw
from ..laws.long_run import equation_of
from ..laws.outcome import Failure, Outcome, Subject
from ..ports.scenario import VALID, Add
from .result import Deviation, DtypeResult
from .waivers import UNKNOWN

NOT_LINEAR = "not-linear"
RAISES = "raises"
# What depends on more than the calls says nothing of the equations.
_DEPENDS = {"not-repeatable", "depends-on-reading"}
_WRAPS = "counter-wraps"
# Faults of what a port keeps beside its state: no save can hold it.
_BESIDE_STATE = {"average-aliased", "eta-of-first-group"}
# Laws that ask the same of groups that do not join.
_TOLD = {"window", "sizes", "layouts"}
# Laws of runs of ordinary steps, and what such a law calls its own.
_RUNS = {"window": UNKNOWN, "layouts": "layout-dependent"}


def raised_by(outcomes: Sequence[Outcome], dtype: str) -> list[Deviation]:
    """What the port raised instead of answering, each thing once."""
    found: dict[str, Deviation] = {}
    for outcome in outcomes:
        said = outcome.raised.raised.partition(VALID)[0] if outcome.raised else ""
        if outcome.raised is not None and said not in found:
            # Which equation's scenario it was says nothing of what is wrong.
            equation = FAULTS[RAISES].equation
            title, _, fix = _say(RAISES, equation)
            found[said] = Deviation(
                RAISES,
                equation,
                dtype,
                title,
                _when(outcome.raised),
                fix,
                outcome.raised,
                law=outcome.law.key,
            )
    return list(found.values())


def _when(failure: Failure) -> str:
    call = failure.judgement.call
    return f"{failure.raised} (call {call} of step)" if call else failure.raised


def without_evidence(
    broken: Mapping[EquationName, Failure],
    lifecycle: Sequence[Outcome],
    explanations: Sequence[Explanation],
    dtype: str,
) -> list[Deviation]:
    """What deviates, where the port raises when it is looked at more closely.

    By the names of a rule that fits all that it did show, if there is one.
    """
    found = []
    for ident in explanations[0].faults if explanations and broken else ():
        equation = FAULTS[ident].equation
        failure = broken.get(equation, next(iter(broken.values())))
        found.append(Deviation(ident, equation, dtype, *_say(ident, equation), failure))
    if found:
        return found
    # The whole step fails whenever a part does.
    parts = {e: failure for e, failure in broken.items() if e != "step"} or broken
    found = [_unknown(equation, failure, dtype) for equation, failure in parts.items()]
    for outcome in lifecycle:
        if outcome.failure is not None and not outcome.failure.raised:
            one = _unknown("step", outcome.failure, dtype)
            found.append(replace(one, law=outcome.law.key))
    return found


def _unknown(equation: EquationName, failure: Failure, dtype: str) -> Deviation:
    return Deviation(UNKNOWN, equation, dtype, *_say(UNKNOWN, equation), failure)


def named(
    subject: Subject,
    into: DtypeResult,
    broken: dict[EquationName, Failure],
    precision_only: set[EquationName],
    lifecycle: Sequence[Outcome],
    relaxed: Subject,
) -> list[Deviation]:
    """What deviates, by name, but for what the port raised."""
    deviations = _broken_lifecycle(lifecycle, relaxed)
    # What differs from run to run says nothing of the equations.
    if not any(deviation.id in _DEPENDS for deviation in deviations):
        assert into.identity is not None
        causes = root_causes(
            broken, precision_only, into.identity.explanations, into.identity.parts, subject
        )
        ours = [_deviation(one, causes, subject) for one in causes]
        if any(deviation.id == UNKNOWN for deviation in ours):
            failures = {d.equation: d.failure for d in ours if d.id == UNKNOWN}
            found = [one.failure.scenario for one in causes if one.id == UNKNOWN]
            into.readout = read_out(subject, failures, found)
            if not into.readout.linear:
                ours = _not_linear(ours)
        return _together(ours, deviations, relaxed) if broken else _explained(deviations, relaxed)
    return deviations


def _together(
    ours: Sequence[Deviation], lifecycle: Sequence[Deviation], subject: Subject
) -> list[Deviation]:
    """Deviations of equations and of the lifecycle, without what follows from one with a name."""
    if any(one.id == "averaging-never" for one in ours):
        # An average that is always theta is theta's own array, if a load separates the two.
        parted = [d for d in lifecycle if _parts_averages(d)]
        lifecycle = [d for d in lifecycle if d not in parted]
        ours = [_aliased(one) if parted else one for one in ours]
    known = {one.id for one in ours} - {UNKNOWN}
    return [*ours, *(d for d in lifecycle if not (known and _follows(d, known, subject)))]


def _parts_averages(one: Deviation) -> bool:
    """Whether averages, and no theta, differ after a load."""
    known = one.law == "resume" and one.id in {UNKNOWN, "average-lost"}
    return known and one.failure.judgement.quantity == "average"


def _aliased(one: Deviation) -> Deviation:
    if one.id != "averaging-never":
        return one
    title, does, fix = _say("average-aliased", one.equation)
    return replace(one, id="average-aliased", title=title, does=does, fix=fix, coincides=())


def _follows(deviation: Deviation, known: set[str], subject: Subject) -> bool:
    """Whether a resumed run differs only because of what was wrong in the run that it resumes."""
    if (deviation.law, deviation.id) != ("resume", UNKNOWN):
        return False
    # So are values that a constructor keeps.
    outlives = any(ident in _BESIDE_STATE or ident.endswith("-frozen") for ident in known)
    return outlives or is_right_after_load(deviation.failure, subject)


def _explained(deviations: Sequence[Deviation], subject: Subject) -> list[Deviation]:
    """Runs that combine much, by the rule that explains them all, where there is one."""
    runs = [d for d in deviations if d.law in _RUNS and d.id in {UNKNOWN, _RUNS[d.law]}]
    causes = causes_of_runs([d.failure for d in runs], subject) if runs else []
    if not causes:
        return list(deviations)
    named = [replace(_deviation(one, causes, subject), law=runs[0].law) for one in causes]
    return [*named, *(d for d in deviations if d not in runs)]


def _deviation(one: RootCause, causes: Sequence[RootCause], subject: Subject) -> Deviation:
    failure = shrink(one.failure, subject, one.equation, one.shows)
    if one.equation == "gradient" and _eta_is_known(failure, causes, subject):
        failure = in_gradient(failure, subject)
    title, does, fix = _say(one.id, one.equation)
    if one.id == UNKNOWN and one.equation == "step":
        does = f"wrong {combined(failure)}"
        fix = "look at what the code does in this case; `asgd explain E6` says what must hold"
        if len(causes) == 1:
            title = "no equation was seen to be wrong alone, but this step is; no known fault fits"
    return Deviation(
        one.id,
        one.equation,
        subject.dtype,
        title,
        does,
        fix,
        failure,
        coincides=one.coincides,
    )


def _eta_is_known(failure: Failure, causes: Sequence[RootCause], subject: Subject) -> bool:
    """Whether the gradient follows from theta: E2 holds, or eta is seen to be lr."""
    if all(other.equation != "step_size" for other in causes):
        return True
    hyper = failure.scenario.groups[0].hyper
    return hyper.lambd == 0 and hyper.alpha == 0 and plain(subject) is None


def _not_linear(deviations: Sequence[Deviation]) -> list[Deviation]:
    """The single deviation reported for a port that is not a linear rule."""
    first = next(d for d in deviations if d.id == UNKNOWN)
    title, does, fix = _say(NOT_LINEAR, first.equation)
    said = replace(first, id=NOT_LINEAR, title=title, does=does, fix=fix)
    return [said, *(d for d in deviations if d.id != UNKNOWN)]


def _broken_lifecycle(lifecycle: Sequence[Outcome], subject: Subject) -> list[Deviation]:
    """Deviations from laws of the lifecycle; each law explains its own."""
    deviations = []
    for outcome in lifecycle:
        law, failure = outcome.law, outcome.failure
        if failure is None or failure.raised or not isinstance(law, LifecycleLaw):
            continue
        ident = lifecycle_fault(law.key, failure, subject)
        equation: EquationName = equation_of(failure, subject) if law.truth else "step"
        title, does, fix = law.title, "", law.fix
        if ident in FAULTS:
            equation = FAULTS[ident].equation
            title, does, fix = _say(ident, equation)
        does = "; ".join(part for part in (does, *arrangement(failure)) if part)
        deviations.append(
            Deviation(
                ident,
                equation,
                subject.dtype,
                title,
                does,
                fix,
                failure,
                law=law.name,
                resumed=interruption(failure, subject) if law.name == "resume" else None,
            )
        )
    # A group that is wrong also where it does not join later has been found by another law.
    others = [d for d in deviations if (d.law, d.id) != ("added", UNKNOWN)]
    deviations = others if any(d.law in _TOLD for d in others) else deviations
    # So are arrays that are wrong without their layouts.
    others = [d for d in deviations if (d.law, d.id) != ("layouts", UNKNOWN)]
    deviations = others or deviations
    if any(d.law == "added" for d in deviations):
        deviations = [d for d in deviations if d.law != "resume" or not _joins(d.failure)]
    wraps = next((d.failure.judgement.t for d in deviations if d.id == _WRAPS), math.inf)
    # What is wrong from the step on at which the counter wraps, follows from it.
    deviations = [d for d in deviations if d.id != UNKNOWN or d.failure.judgement.t < wraps]
    # The others follow from it, or cannot be distinguished from it.
    return [d for d in deviations if d.id in _DEPENDS] or deviations


def _joins(failure: Failure) -> bool:
    return any(isinstance(event, Add) for event in failure.scenario.events)


def _say(ident: str, equation: EquationName) -> tuple[str, str, str]:
    """What is wrong, what the port does, and how to fix it."""
    if ident in FAULTS:
        fault = FAULTS[ident]
        return fault.title, fault.instead, fault.fix
    entry = EQUATIONS[equation]
    return (
        f"{entry.name} does not follow {entry.id}, and no known fault fits",
        "",
        f"compare the code with `asgd explain {entry.id}`",
    )
