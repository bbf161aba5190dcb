"""Verify a port: find its convention, hold it to every law, and say what deviates."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version

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
from .diagnose import Explanation, Traces, explain
from .laws import LAWS
from .life import LifeLaw, live
from .limits import spoiled_average, stopped_counter
from .port import Hello, Port, PortError, greet
from .readout import Readout, is_float32, read_out
from .runner import LEVELS, Failure, Outcome, Subject, hold, identify, looser, run_designed
from .shrink import shrink

# Who is to blame when several laws are broken: the whole step fails whenever a part does, the
# average's weight cannot be seen where the average itself is another one, and the penalty's law has
# a scenario in which theta also decays.
HIDES = {
    "average": {"averaging_weight", "step"},
    "gradient": {"step"},
    "step_size": {"step"},
    "descend": {"gradient", "step"},
    "averaging_weight": {"step"},
    "step": set(),
}
NOT_LINEAR = "not-linear"
_STORED = {"step_size": "eta-float32-stored", "averaging_weight": "mu-float32-stored"}


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
    """

    id: str
    equation: str
    dtype: str
    title: str
    explanation: str
    failure: Failure
    waived: bool = False
    coincides: tuple[str, ...] = ()


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
    """

    convention: Convention
    fits: bool
    also: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()


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
    chosen = found[0].convention if found else best.convention
    return Identity(chosen, fits=False, explanations=found)


def _verify_dtype(port: Port, hello: Hello, dtype: str, options: Options) -> DtypeResult:
    required = policy(options.policy)
    identity = find_identity(port, hello, dtype, options.convention, required)
    subject = Subject(port, hello, dtype, identity.convention, required)
    examples = LEVELS[options.level]
    outcomes, precision_only = [], set()
    for law in LAWS.values():
        outcome = hold(law, subject, examples=examples, seed=options.seed)
        outcomes.append(outcome)
        if outcome.failure is None or required == looser(required)[-1]:
            continue
        # Would it hold with eta and mu in float32? Then that, and nothing else, is the matter.
        relaxed = replace(subject, policy=looser(required)[-1])
        second = hold(law, relaxed, examples=examples, seed=options.seed)
        outcome.scenarios += second.scenarios
        outcome.judged += second.judged
        if second.failure is None:
            precision_only.add(law.equation)
        else:
            outcome.failure = second.failure
    # Being right to float32's precision is one thing, being kept in float32 a cause: it must show.
    theta = {o.law.equation for o in outcomes if o.failure} & {"gradient", "descend"}
    stored = {e for e in precision_only & set(_STORED) if not theta and is_float32(port, hello, e)}
    deviations = [
        replace(deviation, failure=shrink(deviation.failure, subject))
        for deviation in _deviations(outcomes, stored, identity, dtype, options.waived)
    ]
    wrong = {o.law.equation for o in outcomes if o.failure is not None} - precision_only
    lives = live(subject, examples=examples, seed=options.seed, truth=not wrong)
    lived = _broken_lives(lives, dtype)
    floor = sum(
        len(law.designed(hello.supports)) + examples // 2
        for law, outcome in zip(LAWS.values(), outcomes, strict=True)
        if not outcome.not_observable
    )
    readout = None
    if any(deviation.id == "unknown" for deviation in deviations):
        readout = read_out(port, hello, dtype, identity.convention)
        if not readout.linear:
            deviations = [_not_linear(deviations[0], options.waived)]
    # Where theta's laws are broken, a bias of the decay has no meaning.
    sound = not any(d.equation in {"gradient", "descend", "step"} for d in deviations)
    findings = [*spoiled_average(subject), *stopped_counter(subject)]
    for outcome in lives:
        if outcome.accepted:
            text = f"{', '.join(outcome.accepted)} outside their domains are accepted"
            findings.append(Finding("bad-input-accepted", text, {}))
    if sound:
        findings += biases(subject)
    return DtypeResult(
        dtype, identity, [*outcomes, *lives], [*deviations, *lived], floor, readout, tuple(findings)
    )


def _deviations(
    outcomes: Sequence[Outcome],
    stored: set[str],
    identity: Identity,
    dtype: str,
    waived: frozenset[str],
) -> list[Deviation]:
    broken = {o.law.equation: o.failure for o in outcomes if o.failure is not None}
    if not broken:
        return []
    named = identity.explanations[0] if identity.explanations else None
    if named is not None and named.faults:
        ids = [(ident, FAULTS[ident].equation) for ident in named.faults]
        ids += [(_STORED[e], e) for e in stored if e in broken]
        others = tuple(
            e.convention.name
            if e.faults == named.faults
            else f"{e.convention.name} with {' and '.join(e.faults)}"
            for e in identity.explanations[1:]
        )
    else:
        hidden = {name for equation in broken for name in HIDES[equation]}
        ids = [(_STORED[e] if e in stored else "unknown", e) for e in broken if e not in hidden]
        others = ()
    last = next(reversed(broken.values()))
    return [
        Deviation(
            ident,
            equation,
            dtype,
            *_say(ident, equation),
            failure=broken.get(equation, last),
            waived=ident in waived,
            coincides=others,
        )
        for ident, equation in ids
    ]


def _not_linear(deviation: Deviation, waived: frozenset[str]) -> Deviation:
    """The one thing to say of a port that is no linear rule, instead of what follows from it."""
    title, explanation = _say(NOT_LINEAR, deviation.equation)
    return replace(
        deviation,
        id=NOT_LINEAR,
        title=title,
        explanation=explanation,
        waived=NOT_LINEAR in waived,
    )


def _broken_lives(lives: Sequence[Outcome], dtype: str) -> list[Deviation]:
    """Deviations in the life of an optimizer; each law says itself what is the matter."""
    deviations = []
    for outcome in lives:
        law, failure = outcome.law, outcome.failure
        if failure is not None and isinstance(law, LifeLaw):
            mend = f"To mend it: {law.mend}."
            deviations.append(Deviation("unknown", "step", dtype, law.title, mend, failure))
    return deviations


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

    A fault shows in its equation's law, where the port shows what that law needs, and supports what
    the fault needs to come to light.
    """
    caught = 0
    for fault in FAULTS.values():
        for dtype in result.dtypes:
            outcome = next(o for o in dtype.outcomes if o.law.key == fault.equation)
            shown = not outcome.not_observable and set(fault.needs) <= result.hello.supports
            if shown and (fault.id not in _STORED.values() or dtype.dtype == "float64"):
                caught += 1
                break
    return caught, len(FAULTS)
