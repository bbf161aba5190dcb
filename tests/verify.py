"""Verify a port: find its convention, hold it to every law, and say what deviates."""

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from asgd.spec import EQUATIONS, FAULTS, POLICIES, Convention, Policy, convention, policy

from .laws import LAWS
from .life import LifeLaw, live
from .port import Hello, Port, PortError, greet
from .runner import LEVELS, Failure, Match, Outcome, Subject, hold, identify, looser

# Who is to blame when several laws are broken: the whole step fails whenever a part does, and the
# average's weight cannot be seen where the average itself is another one.
_HIDES = {
    "average": {"averaging_weight", "step"},
    "gradient": {"step"},
    "step_size": {"step"},
    "descend": {"step"},
    "averaging_weight": {"step"},
    "step": set(),
}
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
    """

    id: str
    equation: str
    dtype: str
    title: str
    explanation: str
    failure: Failure
    waived: bool = False


@dataclass
class DtypeResult:
    """What became of one dtype."""

    dtype: str
    match: Match
    also: tuple[str, ...]
    outcomes: list[Outcome]
    deviations: list[Deviation]
    floor: int

    @property
    def convention(self) -> Convention | None:
        """Convention that fits, or None."""
        return self.match.convention if self.match.fits else None

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
        run = sum(outcome.scenarios for outcome in self.outcomes)
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
    result = Result(name, hello, options)
    for dtype in options.dtypes or hello.dtypes:
        if dtype not in hello.dtypes:
            raise PortError(f"the port has no {dtype}, only {', '.join(hello.dtypes)}")
        result.dtypes.append(_verify_dtype(port, hello, dtype, options))
    port.close()
    result.seconds = time.monotonic() - start
    return result


def find_convention(
    port: Port, hello: Hello, dtype: str, name: str, required: Policy
) -> tuple[Match, tuple[str, ...]]:
    """Best match, and the other conventions that the port cannot be told from."""
    if name != "auto":
        return Match(convention(name), required, frozenset()), ()
    matches = identify(port, hello, dtype, looser(required))
    others = tuple(m.convention.name for m in matches[1:] if m.fits and matches[0].fits)
    return matches[0], others


def _verify_dtype(port: Port, hello: Hello, dtype: str, options: Options) -> DtypeResult:
    required = policy(options.policy)
    match, also = find_convention(port, hello, dtype, options.convention, required)
    subject = Subject(port, hello, dtype, match.convention, required)
    examples = LEVELS[options.level]
    outcomes, precision_only = [], set()
    for law in LAWS.values():
        outcome = hold(law, subject, examples=examples, seed=options.seed)
        outcomes.append(outcome)
        if outcome.failure is None or required == looser(required)[-1]:
            continue
        # Would it hold with eta and mu in float32? Then that, and nothing else, is the matter.
        relaxed = Subject(port, hello, dtype, match.convention, looser(required)[-1])
        second = hold(law, relaxed, examples=examples, seed=options.seed)
        outcome.scenarios += second.scenarios
        outcome.judged += second.judged
        if second.failure is None:
            precision_only.add(law.equation)
        else:
            outcome.failure = second.failure
    deviations = _deviations(outcomes, precision_only, dtype, options.waived)
    wrong = {o.law.equation for o in outcomes if o.failure is not None} - precision_only
    lives = live(subject, examples=examples, seed=options.seed, truth=not wrong)
    deviations += _broken_lives(lives, dtype)
    if options.convention != "auto" and deviations:
        match = Match(match.convention, required, frozenset(d.equation for d in deviations))
    floor = sum(
        len(law.designed(hello.supports)) + examples // 2
        for law, outcome in zip(LAWS.values(), outcomes, strict=True)
        if not outcome.not_observable
    )
    return DtypeResult(dtype, match, also, [*outcomes, *lives], deviations, floor)


def _deviations(
    outcomes: Sequence[Outcome], precision_only: set[str], dtype: str, waived: frozenset[str]
) -> list[Deviation]:
    broken = {o.law.equation: o.failure for o in outcomes if o.failure is not None}
    hidden = {name for equation in broken for name in _HIDES[equation]}
    deviations = []
    for equation, failure in broken.items():
        if equation in hidden:
            continue
        ident = _STORED.get(equation, "unknown") if equation in precision_only else "unknown"
        title, explanation = _say(ident, equation)
        deviations.append(
            Deviation(ident, equation, dtype, title, explanation, failure, ident in waived)
        )
    return deviations


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
        return fault.title, f"To mend it: {fault.mend}."
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
    """Known faults that this run would have caught, and how many are known."""
    caught = 0
    for fault in FAULTS.values():
        for dtype in result.dtypes:
            outcome = next(o for o in dtype.outcomes if o.law.equation == fault.equation)
            stored = fault.id in _STORED.values()
            if not outcome.not_observable and (not stored or dtype.dtype == "float64"):
                caught += 1
                break
    return caught, len(FAULTS)


def known_policies() -> list[str]:
    """Names of the numeric policies."""
    return list(POLICIES)
