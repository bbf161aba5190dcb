"""Verify a port: find its convention, hold it to every law, and say what deviates."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from asgd.spec import EQUATIONS, FAULTS, Hyperparameters, policy

from ..diagnosis.bias import biases
from ..diagnosis.convention import find_identity
from ..diagnosis.effective_gradient import in_gradient
from ..diagnosis.fingerprint import Fingerprint, fingerprint, lives
from ..diagnosis.impulse_response import read_out
from ..diagnosis.lifecycle import interruption, lifecycle_fault
from ..diagnosis.limits import spoiled_average, stopped_counter
from ..diagnosis.right_form import right_form
from ..diagnosis.root_cause import RootCause, plain, root_causes
from ..diagnosis.series import series
from ..diagnosis.shrink import shrink
from ..laws.equations import LAWS
from ..laws.hold import hold
from ..laws.lifecycle import LIFECYCLE_LAWS, REFUSAL, LifecycleLaw, hold_life
from ..laws.long_run import equation_of
from ..laws.outcome import LEVELS, Failure, Finding, Outcome, Subject, looser
from ..laws.scale import hold_equation
from ..ports.capabilities import capabilities
from ..ports.layouts import possible
from ..ports.process import LimitError
from ..ports.protocol import Hello, Port, PortError, RaisedError, greet
from ..ports.scenario import Add, Step, drive, single
from .coverage import without_laws
from .result import Deviation, DtypeResult, Options, Result
from .waivers import UNKNOWN

NOT_LINEAR = "not-linear"
RAISES = "raises"
PLAIN = single(
    Hyperparameters(lr=0.5, lambd=0.25, alpha=0.75, t0=1.0, weight_decay=0.125, maximize=False),
    ((1.0, -2.0),),
    (((0.5, 0.25),),) * 3,
)
"""A plain run of three steps."""

Progress = Callable[[str, float], None]
"""Told what is done now, and the share that is done before it."""

# What the parts of a run in one dtype take, measured on fast: shares of the time.
_IDENTITY, _EQUATIONS, _LIFECYCLE = 0.05, 0.55, 0.9


def verify(
    port: Port,
    name: str,
    options: Options,
    progress: Progress | None = None,
    result: Result | None = None,
) -> Result:
    """Judge ``port``.

    Parameters
    ----------
    port : Port
        The port.
    name : str
        How it was named.
    options : Options
        What to do.
    progress : callable, optional
        Told about each part of the run as it begins.
    result : Result, optional
        What the run fills; so that a caller who interrupts it has what was judged before.

    Returns
    -------
    Result
        Where the port breaks down, with the `error` and with all that was judged before.
    """
    start = time.monotonic()
    known = capabilities(port)
    result = result or Result(name, unknown(name), options)
    result.kind, result.isolated = known.kind or "port", known.isolated
    try:
        _verify(port, result, options.dtypes, progress or _nothing)
    except PortError as error:
        result.broke(error, port)
    finally:
        result.seconds = time.monotonic() - start
    return result


def no_verdict(name: str, options: Options, error: str) -> Result:
    """The result of a run that could not begin."""
    return Result(name, unknown(name), options, error=error)


def unknown(name: str) -> Hello:
    """What is known of a port before it has said anything."""
    return Hello(name, "unknown", (), frozenset(), frozenset())


def _nothing(what: str, share: float) -> None:
    pass


def chosen_dtypes(hello: Hello, wanted: Sequence[str]) -> Sequence[str]:
    """Dtypes to judge: those that are wanted, else all that the port has.

    Raises
    ------
    PortError
        If the port lacks one that is wanted.
    """
    absent = [dtype for dtype in wanted if dtype not in hello.dtypes]
    if absent:
        known = ", ".join(hello.dtypes)
        raise PortError(f"the port has no {absent[0]}, only {known}")
    return wanted or hello.dtypes


def _verify(port: Port, result: Result, wanted: Sequence[str], progress: Progress) -> None:
    """Judge a port in each dtype; where it breaks down in one, the next one is judged all the same.

    A port that runs in another process has a fresh one for each dtype.
    """
    options = result.options
    result.hello = greet(port)
    chosen = chosen_dtypes(result.hello, wanted)
    accepted = without_laws(options.without)
    today = result.started.date()
    held = tuple(w for w in options.waivers if not w.expired(today))
    for number, dtype in enumerate(chosen):
        into = DtypeResult(dtype, kind=result.kind, accepted=accepted, waivers=held)
        result.dtypes.append(into)

        def tell(what: str, share: float, into: DtypeResult = into, number: int = number) -> None:
            progress(f"{into.dtype} {what}", (number + share) / len(chosen))

        try:
            _verify_dtype(port, result.hello, into, options, tell)
        except LimitError:
            raise
        except PortError as error:
            result.broke(error, port)
            continue
        if result.isolated or dtype == chosen[-1]:
            try:
                port.close()
            except PortError as error:
                result.findings.append(Finding("close-failed", f"close failed: {error}", {}))


def _verify_dtype(
    port: Port, hello: Hello, into: DtypeResult, options: Options, progress: Progress
) -> None:
    """Judge a port in one dtype; what is judged is in ``into`` at once."""
    # "auto" never chooses a policy that excuses lost precision.
    required = policy("native" if options.policy == "auto" else options.policy)
    into.policy = required.name
    progress("convention", 0.0)
    # A port that cannot do this is not judged; one that can, and raises later, breaks a law.
    drive(port, PLAIN, into.dtype)
    into.identity = find_identity(port, hello, into.dtype, options.convention, required)
    convention = into.identity.convention
    subject = Subject(port, hello, into.dtype, convention, required, options.oracle)
    examples = LEVELS[options.level]
    precision_only = _hold_equations(subject, examples, options.seed, into, progress)
    broken = {
        o.law.equation: o.failure
        for o in into.outcomes
        if o.failure is not None and not o.failure.raised
    }
    wrong = set(broken) - precision_only
    # What the equations lose of eta and mu is not reported a second time.
    life = replace(subject, policy=looser(required)[-1]) if precision_only else subject
    lives = []
    for law, share in _spread([*LIFECYCLE_LAWS.values(), REFUSAL], _EQUATIONS, _LIFECYCLE):
        progress(law.name, share)
        lives.append(hold_life(law, life, examples=examples, seed=options.seed, truth=not wrong))
        into.outcomes.append(lives[-1])
    failures = [o.failure for o in into.outcomes if o.failure is not None]
    # No order of evaluation raises.
    failed = bool(failures) and not any(failure.raised for failure in failures)
    progress("diagnosis", _LIFECYCLE)
    found = _fingerprint(subject)
    form = right_form(subject, found) if failed and options.policy == "auto" else None
    into.fingerprint = None if found is None else found.summary
    if form is not None:
        into.outcomes.clear()
        _verify_dtype(port, hello, into, replace(options, policy=form.name), progress)
        return
    raised = _raised(into.outcomes, into.dtype)
    try:
        into.deviations = [*raised, *_named(subject, into, broken, precision_only, lives, life)]
        into.findings = tuple(_findings(subject, lives, into.deviations))
    except RaisedError:
        if not raised and not broken and not any(o.failure for o in lives):
            raise
        # A port that raises while it is looked at is not looked at more closely.
        unnamed = [_unknown(equation, failure, into.dtype) for equation, failure in broken.items()]
        for o in lives:
            if o.failure is not None and not o.failure.raised:
                named = _unknown("step", o.failure, into.dtype)
                unnamed.append(replace(named, law=o.law.key))
        into.deviations = [*raised, *unnamed]
    if (
        broken
        and not wrong
        and not raised
        and not any(deviation.law for deviation in into.deviations)
    ):
        into.conforms_under = looser(required)[-1].name
    into.floor = sum(
        len(law.designed(hello.supports)) + examples // 2
        for law, outcome in zip(LAWS.values(), into.outcomes, strict=False)
        if not outcome.not_observable
    )
    into.series = series(subject, [(d.id, d.equation, d.failure) for d in into.deviations])
    into.done = True


def _fingerprint(subject: Subject) -> Fingerprint | None:
    try:
        runs = [(scenario, subject.trace(scenario)) for scenario in lives()]
    except RaisedError:
        return None
    return fingerprint(runs, subject.convention, subject.dtype)


def _raised(outcomes: Sequence[Outcome], dtype: str) -> list[Deviation]:
    """What the port raised instead of answering, each thing once."""
    found: dict[str, Deviation] = {}
    for outcome in outcomes:
        if outcome.raised is not None and outcome.raised.raised not in found:
            law = outcome.law
            home = law.name if isinstance(law, LifecycleLaw) else ""
            title, _, fix = _say(RAISES, law.equation)
            failure = outcome.raised
            found[outcome.raised.raised] = Deviation(
                RAISES,
                law.equation,
                dtype,
                title,
                _when(failure),
                fix,
                outcome.raised,
                law=home,
            )
    return list(found.values())


def _when(failure: Failure) -> str:
    call = failure.judgement.call
    return f"{failure.raised} (call {call} of step)" if call else failure.raised


def _unknown(equation: str, failure: Failure, dtype: str) -> Deviation:
    return Deviation(UNKNOWN, equation, dtype, *_say(UNKNOWN, equation), failure)


def _named(
    subject: Subject,
    into: DtypeResult,
    broken: dict[str, Failure],
    precision_only: set[str],
    lives: Sequence[Outcome],
    life: Subject,
) -> list[Deviation]:
    """What deviates, by name, but for what the port raised."""
    deviations = _broken_lives(lives, life)
    # What differs from run to run says nothing of the equations.
    if not any(deviation.id == "not-repeatable" for deviation in deviations):
        assert into.identity is not None
        named = root_causes(
            broken, precision_only, into.identity.explanations, into.identity.parts, subject
        )
        ours = [_deviation(one, named, subject) for one in named]
        if any(deviation.id == UNKNOWN for deviation in ours):
            failures = {d.equation: d.failure for d in ours if d.id == UNKNOWN}
            found = [one.failure.scenario for one in named if one.id == UNKNOWN]
            into.readout = read_out(subject, failures, found)
            if not into.readout.linear:
                ours = _not_linear(ours)
        deviations = [*ours, *deviations]
    return deviations


_T = TypeVar("_T")


def _spread(parts: Sequence[_T], low: float, high: float) -> Iterator[tuple[_T, float]]:
    """Each part, and the share that is done before it."""
    for number, part in enumerate(parts):
        yield part, low + (high - low) * number / len(parts)


def _hold_equations(
    subject: Subject, examples: int, seed: int, into: DtypeResult, progress: Progress
) -> set[str]:
    """Hold a port to the equations' laws; those that hold but for eta's precision."""
    precision_only = set()
    loose = looser(subject.policy)[-1]
    for law, share in _spread(list(LAWS.values()), _IDENTITY, _EQUATIONS):
        progress(law.key, share)
        outcome = hold_equation(law, subject, examples=examples, seed=seed)
        into.outcomes.append(outcome)
        if outcome.failure is None or outcome.failure.raised or subject.policy == loose:
            continue
        # Would it hold with eta and mu in float32? Then only that is wrong.
        second = hold(
            law,
            replace(subject, policy=loose),
            examples=examples,
            seed=seed,
            first=(outcome.failure.scenario,),
        )
        outcome.scenarios += second.scenarios
        outcome.judged += second.judged
        if second.failure is None or second.failure.raised:
            precision_only.add(law.equation)
        else:
            outcome.failure = second.failure
    return precision_only


def _deviation(one: RootCause, named: Sequence[RootCause], subject: Subject) -> Deviation:
    failure = shrink(one.failure, subject, one.equation, one.shows)
    if one.equation == "gradient" and _eta_is_known(failure, named, subject):
        failure = in_gradient(failure, subject)
    return Deviation(
        one.id,
        one.equation,
        subject.dtype,
        *_say(one.id, one.equation),
        failure,
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
    findings = [*spoiled_average(subject), *stopped_counter(subject, _followed(lives))]
    for outcome in lives:
        if outcome.accepted:
            text = f"the port accepts {', '.join(outcome.accepted)} outside their domains"
            findings.append(Finding("bad-input-accepted", text, {}))
    known = capabilities(subject.port)
    refused = [x for x in possible(known.kind) if x not in subject.hello.supports]
    if known.arranges and refused:
        text = f"the port raises for arrays of these layouts: {', '.join(refused)}"
        findings.append(Finding("layouts-refused", text, {}))
    # Where theta's laws are broken, a bias of the decay has no meaning.
    theta = {"gradient", "step_size", "descend", "step"}
    if not any(d.equation in theta for d in deviations):
        findings += biases(subject)
    return findings


def _followed(lives: Sequence[Outcome]) -> int:
    """Steps of the longest life that was judged."""
    long = next(outcome for outcome in lives if outcome.law.key == "long")
    return long.longest


def _not_linear(deviations: Sequence[Deviation]) -> list[Deviation]:
    """The single deviation reported for a port that is not a linear rule."""
    first = next(d for d in deviations if d.id == UNKNOWN)
    title, does, fix = _say(NOT_LINEAR, first.equation)
    said = replace(first, id=NOT_LINEAR, title=title, does=does, fix=fix)
    return [said, *(d for d in deviations if d.id != UNKNOWN)]


def _broken_lives(lives: Sequence[Outcome], subject: Subject) -> list[Deviation]:
    """Deviations from laws of the lifecycle; each law explains its own."""
    deviations = []
    for outcome in lives:
        law, failure = outcome.law, outcome.failure
        if failure is None or failure.raised or not isinstance(law, LifecycleLaw):
            continue
        ident = lifecycle_fault(law.name, failure, subject)
        equation = equation_of(failure, subject) if law.truth else "step"
        title, does, fix = law.title, "", law.mend
        if ident in FAULTS:
            equation = FAULTS[ident].equation
            title, does, fix = _say(ident, equation)
        does = "; ".join(part for part in (does, *_circumstances(failure)) if part)
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
    if any(d.law == "added" for d in deviations):
        deviations = [d for d in deviations if d.law != "resume" or not _joins(d.failure)]
    # The others follow from it, or cannot be distinguished from it.
    return [d for d in deviations if d.id == "not-repeatable"] or deviations


def _joins(failure: Failure) -> bool:
    return any(isinstance(event, Add) for event in failure.scenario.events)


def _circumstances(failure: Failure) -> Iterator[str]:
    """What a scenario has that its numbers do not tell."""
    scenario, at = failure.scenario, failure.judgement.parameter
    if at < len(scenario.layouts):
        yield f"seen at a {scenario.layouts[at]}"
    steps = 0
    for event in scenario.events:
        steps += isinstance(event, Step)
        if isinstance(event, Add):
            yield f"group {event.group} joins before step {steps + 1}"


def _say(ident: str, equation: str) -> tuple[str, str, str]:
    """What is wrong, what the port does, and how to fix it."""
    if ident in FAULTS:
        fault = FAULTS[ident]
        return fault.title, fault.instead, fault.mend
    entry = EQUATIONS[equation]
    return (
        f"{entry.name} does not follow {entry.id}, and no known fault fits",
        "",
        f"compare the code with `asgd explain {entry.id}`",
    )
