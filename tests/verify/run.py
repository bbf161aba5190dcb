"""Verify a port: find its convention, hold it to every law, and say what deviates."""

import time
from collections.abc import Sequence
from dataclasses import replace

from asgd.spec import EQUATIONS, FAULTS, policy

from ..diagnosis.bias import biases
from ..diagnosis.convention import find_identity
from ..diagnosis.effective_gradient import in_gradient
from ..diagnosis.impulse_response import read_out
from ..diagnosis.lifecycle import interruption, lifecycle_fault
from ..diagnosis.limits import spoiled_average, stopped_counter
from ..diagnosis.root_cause import RootCause, plain, root_causes
from ..diagnosis.shrink import shrink
from ..laws.equations import LAWS
from ..laws.hold import hold
from ..laws.lifecycle import LifecycleLaw, hold_all, loosest
from ..laws.long_run import equation_of
from ..laws.outcome import LEVELS, Failure, Finding, Outcome, Subject, looser
from ..laws.scale import hold_equation
from ..ports.capabilities import capabilities
from ..ports.protocol import Hello, Port, PortError, greet
from .result import Deviation, DtypeResult, Options, Result

NOT_LINEAR = "not-linear"
_UNKNOWN = "unknown"


def verify(port: Port, name: str, options: Options) -> Result:
    """Judge ``port``.

    Parameters
    ----------
    port : Port
        The port.
    name : str
        How it was named.
    options : Options
        What to do.

    Returns
    -------
    Result

    Raises
    ------
    PortError
        If no verdict can be given.
    """
    start = time.monotonic()
    hello = greet(port)
    result = Result(name, hello, options, capabilities(port).kind)
    for dtype in options.dtypes or hello.dtypes:
        if dtype not in hello.dtypes:
            raise PortError(f"the port has no {dtype}, only {', '.join(hello.dtypes)}")
        result.dtypes.append(_verify_dtype(port, hello, dtype, options))
    port.close()
    result.seconds = time.monotonic() - start
    return result


def _verify_dtype(port: Port, hello: Hello, dtype: str, options: Options) -> DtypeResult:
    required = policy(options.policy)
    identity = find_identity(port, hello, dtype, options.convention, required)
    subject = Subject(port, hello, dtype, identity.convention, required)
    examples = LEVELS[options.level]
    outcomes, precision_only = _hold_equations(subject, examples, options.seed)
    broken = {o.law.equation: o.failure for o in outcomes if o.failure is not None}
    wrong = set(broken) - precision_only
    lives = hold_all(subject, examples=examples, seed=options.seed, truth=not wrong)
    deviations = _broken_lives(lives, subject, options.waived)
    readout = None
    # What differs from run to run says nothing of the equations.
    if not any(deviation.id == "not-repeatable" for deviation in deviations):
        named = root_causes(broken, precision_only, identity.explanations, identity.parts, subject)
        ours = [_deviation(one, named, subject, options.waived) for one in named]
        if any(deviation.id == _UNKNOWN for deviation in ours):
            unknown = {d.equation: d.failure for d in ours if d.id == _UNKNOWN}
            found = [one.failure.scenario for one in named if one.id == _UNKNOWN]
            readout = read_out(subject, unknown, found)
            if not readout.linear:
                ours = _not_linear(ours, options.waived)
        deviations = [*ours, *deviations]
    floor = sum(
        len(law.designed(hello.supports)) + examples // 2
        for law, outcome in zip(LAWS.values(), outcomes, strict=True)
        if not outcome.not_observable
    )
    findings = _findings(subject, lives, deviations)
    return DtypeResult(
        dtype, identity, [*outcomes, *lives], deviations, floor, readout, tuple(findings)
    )


def _hold_equations(subject: Subject, examples: int, seed: int) -> tuple[list[Outcome], set[str]]:
    """Outcomes of the equations' laws, and the equations that hold but for eta's precision."""
    outcomes, precision_only = [], set()
    loose = looser(subject.policy)[-1]
    for law in LAWS.values():
        outcome = hold_equation(law, subject, examples=examples, seed=seed)
        outcomes.append(outcome)
        if outcome.failure is None or subject.policy == loose:
            continue
        # Would it hold with eta and mu in float32? Then that, and nothing else, is the matter.
        second = hold(
            law,
            replace(subject, policy=loose),
            examples=examples,
            seed=seed,
            first=(outcome.failure.scenario,),
        )
        outcome.scenarios += second.scenarios
        outcome.judged += second.judged
        if second.failure is None:
            precision_only.add(law.equation)
        else:
            outcome.failure = second.failure
    return outcomes, precision_only


def _deviation(
    one: RootCause, named: Sequence[RootCause], subject: Subject, waived: frozenset[str]
) -> Deviation:
    failure = shrink(one.failure, subject, one.equation)
    if one.equation == "gradient" and _eta_is_known(failure, named, subject):
        failure = in_gradient(failure, subject)
    return Deviation(
        one.id,
        one.equation,
        subject.dtype,
        *_say(one.id, one.equation),
        failure=failure,
        waived=one.id in waived,
        coincides=one.coincides,
    )


def _eta_is_known(failure: Failure, named: Sequence[RootCause], subject: Subject) -> bool:
    """Whether the gradient follows from theta: E2 holds, or eta is seen to be lr."""
    if all(other.equation != "step_size" for other in named):
        return True
    hyper = failure.scenario.groups[0].hyper
    return hyper.lambd == 0 and hyper.alpha == 0 and plain(subject) is None


def _findings(
    subject: Subject, lives: Sequence[Outcome], deviations: Sequence[Deviation]
) -> list[Finding]:
    findings = [*spoiled_average(subject), *stopped_counter(subject)]
    for outcome in lives:
        if outcome.accepted:
            text = f"{', '.join(outcome.accepted)} outside their domains are accepted"
            findings.append(Finding("bad-input-accepted", text, {}))
    # Where theta's laws are broken, a bias of the decay has no meaning.
    theta = {"gradient", "step_size", "descend", "step"}
    if not any(d.equation in theta for d in deviations):
        findings += biases(subject)
    return findings


def _not_linear(deviations: Sequence[Deviation], waived: frozenset[str]) -> list[Deviation]:
    """The one thing to say of a port that is no linear rule, in the place of what is unknown."""
    first = next(d for d in deviations if d.id == _UNKNOWN)
    title, explanation = _say(NOT_LINEAR, first.equation)
    said = replace(
        first,
        id=NOT_LINEAR,
        title=title,
        explanation=explanation,
        waived=NOT_LINEAR in waived,
    )
    return [said, *(d for d in deviations if d.id != _UNKNOWN)]


def _broken_lives(
    lives: Sequence[Outcome], subject: Subject, waived: frozenset[str]
) -> list[Deviation]:
    """Deviations in the life of an optimizer; each law says itself what is the matter."""
    deviations = []
    for outcome in lives:
        law, failure = outcome.law, outcome.failure
        if failure is None or not isinstance(law, LifecycleLaw):
            continue
        ident = lifecycle_fault(law.name, failure, loosest(subject))
        equation = equation_of(failure, loosest(subject)) if law.name == "long" else "step"
        title, mend = law.title, f"To mend it: {law.mend}."
        if ident in FAULTS:
            equation = FAULTS[ident].equation
            title, mend = _say(ident, equation)
        deviations.append(
            Deviation(
                ident,
                equation,
                subject.dtype,
                title,
                mend,
                failure,
                waived=ident in waived,
                law=law.name,
                resumed=interruption(failure, subject) if law.name == "resume" else None,
            )
        )
    # The others follow from it, or cannot be told from it.
    return [d for d in deviations if d.id == "not-repeatable"] or deviations


def _say(ident: str, equation: str) -> tuple[str, str]:
    if ident in FAULTS:
        fault = FAULTS[ident]
        return fault.title, f"Computed instead: {fault.instead}. To mend it: {fault.mend}."
    entry = EQUATIONS[equation]
    return (
        f"{entry.name} is not what equation {entry.id} says",
        f"It is no fault that is catalogued here: compare with `asgd explain {entry.id}`.",
    )
