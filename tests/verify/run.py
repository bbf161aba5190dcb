"""Verify a port: find its convention, hold it to every law, and say what deviates."""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import numpy as np

from asgd.spec import DEFAULTS, EquationName, Hyperparameters, policy

from ..diagnosis.bias import biases
from ..diagnosis.convention import find_identity
from ..diagnosis.dense_runs import dense_runs
from ..diagnosis.fingerprint import fingerprint
from ..diagnosis.limits import forgotten_hyperparameters, spoiled_average, stopped_counter
from ..diagnosis.orders import Fingerprint
from ..diagnosis.right_form import right_form
from ..diagnosis.series import series
from ..diagnosis.signs import inexact, one_sided
from ..faults.catalogue import PRECISION
from ..laws.equations import LAWS
from ..laws.hold import hold
from ..laws.lifecycle import LIFECYCLE_LAWS, TRUTH, hold_lifecycle
from ..laws.outcome import LEVELS, Finding, Outcome, Subject, looser
from ..laws.scale import hold_equation
from ..ports.capabilities import capabilities, habits_of, warnings_of
from ..ports.habits import HABITS
from ..ports.layouts import possible
from ..ports.process import LimitError
from ..ports.protocol import DTYPES, Hello, Port, PortError, RaisedError, greet
from ..ports.scenario import drive, single
from .coverage import SOME_AVERAGES, without_laws
from .deviations import named, raised_by, without_evidence
from .result import Deviation, DtypeResult, Options, Result

PLAIN = single(
    Hyperparameters(lr=0.5, lambd=0.25, alpha=0.75, t0=1.0, weight_decay=0.125, maximize=False),
    ((1.0, -2.0),),
    (((0.5, 0.25),),) * 3,
)
"""A plain run of three steps."""

# New objects after which Python looks for cycles; its own default is 2,000 at most.
_YOUNG = 50_000

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
        # What a port answers may overflow wherever it is converted or compared.
        with np.errstate(all="ignore"), _seldom_collecting():
            _verify(port, result, options.dtypes, progress or _nothing)
    except PortError as error:
        result.broke(error, port)
    finally:
        result.seconds = time.monotonic() - start
    return result


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """A judge makes millions of numbers and hardly a cycle: looking for those takes a sixth."""
    young, *older = gc.get_threshold()
    gc.set_threshold(young and max(young, _YOUNG), *older)  # 0 is never.
    try:
        yield
    finally:
        gc.set_threshold(young, *older)


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
        known, why = ", ".join(hello.dtypes), hello.lacks.get(absent[0])
        text = f"the port has no {absent[0]}, only {known}"
        raise PortError(f"{text}: {why}" if why else text)
    return wanted or hello.dtypes


def _verify(port: Port, result: Result, wanted: Sequence[str], progress: Progress) -> None:
    """Judge a port in each dtype; where it breaks down in one, the next one is judged all the same.

    A port that runs in another process has a fresh one for each dtype.
    """
    options = result.options
    result.hello = greet(port)
    chosen = chosen_dtypes(result.hello, wanted)
    for dtype in () if wanted else DTYPES:
        if dtype not in chosen:
            why = result.hello.lacks.get(dtype, "the port does not list it")
            result.findings.append(Finding("dtype-absent", f"{dtype} was not judged: {why}", {}))
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
    into.identity = find_identity(
        port, hello, into.dtype, options.convention, required, options.oracle
    )
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
    # Where E6 fails in what was drawn alone, the lifecycle's laws say it for every seed.
    lucky = wrong == {"step"} and broken["step"].scenario not in LAWS["step"].designed(
        hello.supports
    )
    truth = lucky or not wrong
    # What the equations lose of eta and mu is not reported a second time.
    relaxed = replace(subject, policy=looser(required)[-1]) if precision_only else subject
    lifecycle = []
    for law, share in _spread([*LIFECYCLE_LAWS.values()], _EQUATIONS, _LIFECYCLE):
        progress(law.name, share)
        lifecycle.append(
            hold_lifecycle(law, relaxed, examples=examples, seed=options.seed, truth=truth)
        )
        into.outcomes.append(lifecycle[-1])
    if lucky and any(o.failure for o in lifecycle if o.law.key in TRUTH):
        del broken["step"]
    if any(outcome.hides_average for outcome in into.outcomes):
        for outcome in into.outcomes:
            if "average" in outcome.law.needs and not outcome.not_observable:
                outcome.not_observable = (SOME_AVERAGES,)
    failures = [o.failure for o in into.outcomes if o.failure is not None]
    # No order of evaluation raises.
    failed = bool(failures) and not any(failure.raised for failure in failures)
    progress("diagnosis", _LIFECYCLE)
    found = _fingerprint(subject)
    form = right_form(subject, found, failures) if failed and options.policy == "auto" else None
    into.fingerprint = None if found is None else found.summary
    if form is not None:
        into.outcomes.clear()
        _verify_dtype(port, hello, into, replace(options, policy=form.name), progress)
        return
    raised = raised_by(into.outcomes, into.dtype)
    try:
        into.deviations = [
            *raised,
            *named(subject, into, broken, precision_only, lifecycle, relaxed),
        ]
        into.findings = tuple(_findings(subject, lifecycle, into.deviations))
    except RaisedError:
        if not raised and not broken and not any(o.failure for o in lifecycle):
            raise
        # A port that raises while it is looked at is not looked at more closely.
        explained = into.identity.explanations if into.identity else ()
        rest = without_evidence(broken, lifecycle, explained, into.dtype)
        into.deviations = [*raised, *rest]
    if (
        broken
        and not wrong
        and not raised
        and all(deviation.id in PRECISION for deviation in into.deviations)
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
        runs = [(scenario, subject.trace(scenario)) for scenario in dense_runs()]
    except RaisedError:
        return None
    return fingerprint(runs, subject.convention, subject.dtype)


_T = TypeVar("_T")


def _spread(parts: Sequence[_T], low: float, high: float) -> Iterator[tuple[_T, float]]:
    """Each part, and the share that is done before it."""
    for number, part in enumerate(parts):
        yield part, low + (high - low) * number / len(parts)


def _hold_equations(
    subject: Subject, examples: int, seed: int, into: DtypeResult, progress: Progress
) -> set[EquationName]:
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
        outcome.seen.take(second.seen)
        if second.failure is None or second.failure.raised:
            precision_only.add(law.equation)
        else:
            outcome.failure = second.failure
    return precision_only


def _findings(
    subject: Subject, lifecycle: Sequence[Outcome], deviations: Sequence[Deviation]
) -> list[Finding]:
    findings = stopped_counter(subject, _followed(lifecycle))
    for outcome in lifecycle:
        if outcome.accepted:
            where = ", in the dict of a group" if outcome.in_groups_alone else ""
            text = f"the port accepts {', '.join(outcome.accepted)} outside their domains{where}"
            findings.append(Finding("bad-input-accepted", text, {}))
    known = capabilities(subject.port)
    refused = [x for x in possible(known.kind) if x not in subject.hello.supports]
    if known.arranges and refused:
        text = f"the port raises for arrays of these layouts: {', '.join(refused)}"
        findings.append(Finding("layouts-refused", text, {}))
    if known.defaults:
        text = "; ".join(
            f"{name} is {value} by default, not {DEFAULTS[name]:g}"
            for name, value in known.defaults.items()
        )
        findings.append(Finding("other-defaults", text, {}))
    if warned := warnings_of(subject.port):
        findings.append(Finding("port-warns", f"the port warns: {'; '.join(warned)}", {}))
    # Where theta's laws are broken, a bias of the decay has no meaning.
    theta = {"gradient", "step_size", "descend", "step"}
    if not any(d.equation in theta for d in deviations):
        findings += biases(subject)
    if deviations:
        return findings
    # What these say of a port that is wrong elsewhere may follow from that.
    findings += [*spoiled_average(subject), *forgotten_hyperparameters(subject)]
    for name in habits_of(subject.port, subject.dtype):
        findings.append(Finding(name, HABITS[name].broken, {}))
    return [*findings, *one_sided(subject), *inexact(subject)]


def _followed(lifecycle: Sequence[Outcome]) -> int:
    """Steps of the longest run that was judged."""
    long = next(outcome for outcome in lifecycle if outcome.law.key == "long")
    return long.longest
