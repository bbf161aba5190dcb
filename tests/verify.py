"""Verify a port: find its convention, hold it to every law, and say what deviates."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from asgd.spec import (
    CONVENTIONS,
    EQUATIONS,
    FAULTS,
    Convention,
    Policy,
    convention,
    policy,
)

from .bias import Finding, biases
from .blame import Named, names, plain
from .diagnose import Explanation, Traces, explain
from .effective import in_gradient
from .kinds import interruption, kind
from .laws import LAWS
from .life import LifeLaw, live, loosest
from .limits import spoiled_average, stopped_counter
from .long_life import equation_of
from .partial import Parts, parts
from .port import Hello, Port, PortError, greet
from .readout import Readout, read_out
from .runner import LEVELS, Failure, Outcome, Subject, hold, identify, looser, run_designed
from .scenario import Scenario
from .shrink import shrink

NOT_LINEAR = "not-linear"
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Options:
    """What a run is asked to do; the options of `asgd verify`."""

    convention: str = "auto"
    dtypes: tuple[str, ...] = ()
    policy: str = "native"
    level: str = "quick"
    seed: int = 0
    waived: frozenset[str] = frozenset()
    program: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deviation:
    """A way in which the port is not the specified ASGD.

    Attributes
    ----------
    id : str
        A fault of the spec, or "unknown".
    equation : str
        Name of the equation that is broken.
    title, explanation : str
        In one line, and what to do.
    failure : Failure
        Where it shows.
    waived : bool
        Whether it was said beforehand that this is known.
    coincides : tuple of str
        Other explanations of the port that nothing seen tells from this one.
    law : str
        Law of life that it breaks, if it is one of these.
    resumed : (Scenario, state) or None
        What a program was opened with after an interruption, and the state that it loaded.
    """

    id: str
    equation: str
    dtype: str
    title: str
    explanation: str
    failure: Failure
    waived: bool = False
    coincides: tuple[str, ...] = ()
    law: str = ""
    resumed: tuple[Scenario, Any] | None = None


@dataclass(frozen=True)
class Identity:
    """Which rule a port computes, as far as the designed scenarios tell.

    Attributes
    ----------
    convention : Convention
        What it is judged against.
    fits : bool
        Whether nothing contradicts that convention, precision aside.
    also : tuple of str
        Other conventions that nothing seen tells it from.
    explanations : tuple of Explanation
        Where it does not fit: its simplest explanations, none if it is unknown.
    parts : Parts
        Where there are none: what can be named all the same.
    """

    convention: Convention
    fits: bool
    also: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    parts: Parts = field(default_factory=Parts)


@dataclass
class DtypeResult:
    """What became of one dtype."""

    dtype: str
    identity: Identity
    outcomes: list[Outcome]
    deviations: list[Deviation]
    floor: int
    readout: Readout | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def convention(self) -> Convention | None:
        """Convention that the port computes, faults aside; None where none fits."""
        known = self.identity.fits or self.identity.explanations
        return self.identity.convention if known else None

    @property
    def verdict(self) -> str:
        """Verdict: "conforms", "deviates" or, where too little was decided, "error"."""
        if any(not deviation.waived for deviation in self.deviations):
            return "deviates"
        undecided = any(outcome.undecided for outcome in self.outcomes)
        return "error" if undecided or self.short else "conforms"

    @property
    def short(self) -> bool:
        """Whether fewer checks ran than had to."""
        run = sum(o.scenarios for o in self.outcomes if o.law.key in LAWS)
        return not self.deviations and run < self.floor

    @property
    def not_observable(self) -> list[str]:
        """Laws that say nothing, with what the port does not show."""
        return [
            f"{outcome.law.key} (needs {', '.join(outcome.not_observable)})"
            for outcome in self.outcomes
            if outcome.not_observable
        ]


@dataclass
class Result:
    """What became of a run."""

    port: str
    hello: Hello
    options: Options
    kind: str = ""
    dtypes: list[DtypeResult] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """Worst verdict over the dtypes."""
        verdicts = {result.verdict for result in self.dtypes}
        return next(v for v in ("error", "deviates", "conforms") if v in verdicts)

    @property
    def deviations(self) -> list[Deviation]:
        """Deviations of all dtypes."""
        return [deviation for result in self.dtypes for deviation in result.deviations]

    @property
    def first(self) -> Deviation | None:
        """Deviation to look at first: one that is not waived, if there is any."""
        known = self.deviations
        return next(iter([d for d in known if not d.waived] or known), None)

    @property
    def stale_waivers(self) -> list[str]:
        """Waivers that waive nothing any more, where every dtype of the port ran."""
        if len(self.dtypes) < len(self.hello.dtypes):
            return []
        return sorted(self.options.waived - {deviation.id for deviation in self.deviations})


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
    result = Result(name, hello, options, getattr(port, "kind", ""))
    for dtype in options.dtypes or hello.dtypes:
        if dtype not in hello.dtypes:
            raise PortError(f"the port has no {dtype}, only {', '.join(hello.dtypes)}")
        result.dtypes.append(_verify_dtype(port, hello, dtype, options))
    port.close()
    result.seconds = time.monotonic() - start
    return result


def find_identity(port: Port, hello: Hello, dtype: str, name: str, required: Policy) -> Identity:
    """Identity of a port, among all conventions (``auto``) or as a variant of the one named."""
    traces = run_designed(port, hello, dtype)
    matches = identify(traces, dtype, looser(required))
    if name != "auto":
        matches = [m for m in matches if m.convention.name == name]
    best = matches[0]
    if best.fits:
        also = tuple(m.convention.name for m in matches[1:] if m.fits)
        return Identity(best.convention, fits=True, also=also)
    conventions = CONVENTIONS.values() if name == "auto" else [convention(name)]
    # The laws of whole steps tell most rules apart: they come first.
    runs = tuple((scenario, trace) for _, scenario, trace in reversed(traces))
    found = tuple(explain(Traces(dtype, runs), list(conventions)))
    if found:
        return Identity(found[0].convention, fits=False, explanations=found)
    chosen, named = parts(traces, dtype, [m.convention for m in matches])
    return Identity(chosen, fits=False, parts=named)


def _verify_dtype(port: Port, hello: Hello, dtype: str, options: Options) -> DtypeResult:
    required = policy(options.policy)
    identity = find_identity(port, hello, dtype, options.convention, required)
    subject = Subject(port, hello, dtype, identity.convention, required)
    examples = LEVELS[options.level]
    outcomes, precision_only = _hold_equations(subject, examples, options.seed)
    broken = {o.law.equation: o.failure for o in outcomes if o.failure is not None}
    wrong = set(broken) - precision_only
    lives = live(subject, examples=examples, seed=options.seed, truth=not wrong)
    deviations = _broken_lives(lives, subject, options.waived)
    readout = None
    # What differs from run to run says nothing of the equations.
    if not any(deviation.id == "not-repeatable" for deviation in deviations):
        named = names(broken, precision_only, identity.explanations, identity.parts, subject)
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
        outcome = hold(law, subject, examples=examples, seed=seed)
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
    one: Named, named: Sequence[Named], subject: Subject, waived: frozenset[str]
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


def _eta_is_known(failure: Failure, named: Sequence[Named], subject: Subject) -> bool:
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
        if failure is None or not isinstance(law, LifeLaw):
            continue
        ident = kind(law.name, failure, loosest(subject))
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


def versions(hello: Hello) -> dict[str, str]:
    """Versions that a verdict may depend on."""
    out = {"python": platform.python_version(), "port": hello.version}
    for package in ("asgd", "numpy", "mpmath", "hypothesis"):
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            out[package] = "unknown"
    return out


def detectable(result: Result) -> tuple[int, int]:
    """Known faults that this run would have caught, and how many are known.

    A fault shows in its equation's law, or in the one that it names, where the port shows what that
    law needs, and supports what the fault needs to come to light.
    """
    caught = 0
    for fault in FAULTS.values():
        for dtype in result.dtypes:
            key = fault.law or fault.equation
            outcome = next(o for o in dtype.outcomes if o.law.key == key)
            shown = not outcome.not_observable and set(fault.needs) <= result.hello.supports
            if shown and fault.dtype in {"", dtype.dtype}:
                caught += 1
                break
    return caught, len(FAULTS)
