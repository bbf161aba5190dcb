"""What a run is asked to do, and what became of it."""

import datetime as dt
import platform
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from asgd.spec import EQUATIONS, FAULTS, Convention, EquationName

from ..diagnosis.convention import Identity
from ..diagnosis.impulse_response import Readout
from ..diagnosis.orders import Summary
from ..diagnosis.series import Series
from ..laws.equations import LAWS
from ..laws.law import LawName
from ..laws.outcome import Failure, Finding, Outcome
from ..oracle.stepwise import Oracle
from ..ports.protocol import Hello
from ..ports.scenario import Scenario
from .coverage import LAW_NAMES, reason, status, without_laws
from .waivers import Waiver

Verdict = Literal["conforms", "deviates", "error"]

FORMS: dict[str, Callable[["Result"], str]] = {}
"""How a notebook shows a result, by format; reports, which are made of results, enter theirs."""


@dataclass(frozen=True)
class Options:
    """What a run is asked to do; the options of `asgd verify`.

    Attributes
    ----------
    convention : str
        Reading of ASGD to judge against; "auto" finds it.
    dtypes : tuple of str
        Dtypes to judge; all that the port has, where it is empty.
    policy : str
        What a port may lose in eta and mu by rounding.
    level : str
        "quick", "full" or "soak".
    seed : int
        The same seed draws the same scenarios.
    without : tuple of str
        What the port need not show (see `coverage.without_laws`).
    waivers : tuple of Waiver
        Deviations that are known.
    waive : str
        File that they were read from.
    program : tuple of str
        The program and its arguments, where the port is one.
    device : str
        Where the parameters of a torch port are.
    oracle : str
        What exact values are made of: "integers", or "mpmath" alone, which is slower.
    """

    convention: str = "auto"
    dtypes: tuple[str, ...] = ()
    policy: str = "auto"
    level: str = "quick"
    seed: int = 0
    without: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    waive: str = ""
    program: tuple[str, ...] = ()
    device: str = "cpu"
    oracle: Oracle = "integers"


@dataclass(frozen=True)
class Deviation:
    """A way in which the port is not the specified ASGD.

    Attributes
    ----------
    id : str
        A fault of the spec, or "unknown".
    equation : str
        Name of the equation that is broken.
    title : str
        What is wrong, in one line.
    does, fix : str
        What the port computes, where that is known, and what to change.
    failure : Failure
        Where it shows.
    coincides : tuple of str
        Other explanations of the port that fit all that was seen.
    law : str
        Law of the lifecycle that it breaks, if it is one of these.
    resumed : (Scenario, state) or None
        What a program was opened with after an interruption, and the state that it loaded.
    """

    id: str
    equation: EquationName
    dtype: str
    title: str
    does: str
    fix: str
    failure: Failure
    coincides: tuple[str, ...] = ()
    law: LawName | Literal[""] = ""
    resumed: tuple[Scenario, Any] | None = None

    @property
    def home(self) -> str:
        """Name of the law that it is reported at."""
        return self.law or self.equation


@dataclass
class DtypeResult:
    """What became of one dtype; it is filled while the run goes on."""

    dtype: str
    policy: str = "native"
    kind: str = ""
    identity: Identity | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    deviations: list[Deviation] = field(default_factory=list)
    floor: int = 0
    readout: Readout | None = None
    series: Series | None = None
    fingerprint: Summary | None = None
    findings: tuple[Finding, ...] = ()
    # A looser policy under which nothing deviates, where that is known.
    conforms_under: str = ""
    # The laws whose absence is accepted, and the waivers that hold today.
    accepted: frozenset[LawName] = frozenset()
    waivers: tuple[Waiver, ...] = ()
    done: bool = False

    @property
    def convention(self) -> Convention | None:
        """Convention that the port computes, faults aside; None where none fits."""
        if self.identity is None:
            return None
        known = self.identity.fits or self.identity.explanations
        return self.identity.convention if known else None

    def waiver(self, deviation: Deviation) -> Waiver | None:
        """Waiver that covers a deviation, if there is one."""
        place = (deviation.id, deviation.equation, deviation.dtype)
        return next((w for w in self.waivers if w.covers(*place)), None)

    @property
    def unwaived(self) -> list[Deviation]:
        """Deviations that no waiver covers."""
        return [d for d in self.deviations if self.waiver(d) is None]

    @property
    def broken(self) -> list[EquationName]:
        """Equations whose laws are broken."""
        found = {o.law.key for o in self.outcomes if status(o) == "broken"}
        return [equation for equation in LAWS if equation in found]

    @property
    def causes(self) -> list[EquationName]:
        """Equations that are broken, those left out that are broken as a consequence."""
        named = {deviation.equation for deviation in self.deviations} & set(self.broken)
        return [e for e in self.broken if e in named] or self.broken

    @property
    def unobserved(self) -> dict[LawName, str]:
        """Laws that say nothing, and why."""
        found = {o.law.key: reason(o, self.causes, self.kind) for o in self.outcomes}
        return {key: why for key, why in found.items() if why}

    @property
    def missing(self) -> dict[EquationName, str]:
        """Equations that were not observed although their absence was not accepted, and why."""
        hidden = self.unobserved
        return {e: hidden[e] for e in EQUATIONS if e in hidden and e not in self.accepted}

    @property
    def undecided(self) -> int:
        """Numbers whose exact value stayed undecided."""
        return sum(outcome.undecided for outcome in self.outcomes)

    @property
    def short(self) -> bool:
        """Whether fewer scenarios ran than must."""
        run = sum(o.scenarios for o in self.outcomes if o.law.key in LAWS)
        return not self.deviations and run < self.floor

    @property
    def verdict(self) -> Verdict:
        """Verdict: a deviation counts, whatever was not observed."""
        if not self.done:
            return "error"
        if self.unwaived:
            return "deviates"
        return "error" if self.missing or self.undecided or self.short else "conforms"


@dataclass(repr=False)
class Result:
    """What became of a run.

    Attributes
    ----------
    port : str
        How the port was named.
    hello : Hello
        What it says of itself.
    kind : str
        "numpy", "torch", "functional", "port" or "program"; it decides what advice says.
    started : datetime
        When the run began (UTC).
    error : str
        Why there is no verdict, where the run broke down.
    interrupted : bool
        Whether it was interrupted.
    isolated : bool
        Whether the port ran in another process.
    transcript : tuple of bytes
        The requests up to the one at which a program broke down.
    """

    port: str
    hello: Hello
    options: Options
    kind: str = ""
    dtypes: list[DtypeResult] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    started: dt.datetime = field(default_factory=lambda: dt.datetime.now(tz=dt.UTC))
    error: str = ""
    interrupted: bool = False
    isolated: bool = False
    transcript: tuple[bytes, ...] = ()

    def broke(self, error: Exception, port: Any = None) -> None:
        """Note how the port first broke down, and the requests that led to it."""
        if not self.error:
            self.error = str(error)
            self.transcript = tuple(getattr(port, "transcript", ()))

    def take(self, other: "Result") -> None:
        """Add what another run found in other dtypes."""
        self.dtypes += other.dtypes
        self.findings += other.findings
        self.seconds = max(self.seconds, other.seconds)
        self.interrupted |= other.interrupted
        if not self.error:
            self.error, self.transcript = other.error, other.transcript

    def __repr__(self) -> str:
        ids = [d.id for one in self.dtypes for d in one.deviations]
        found = "".join(f", {ident}" for ident in dict.fromkeys(ids))
        return f"Result({self.port}: {self.verdict}{found})"

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None leaves it to the plain text."""
        form = FORMS.get("html")
        return None if form is None else form(self)

    @property
    def broke_down(self) -> bool:
        """Whether the port could not be asked to the end."""
        return bool(self.error) or self.interrupted or not all(d.done for d in self.dtypes)

    @property
    def verdict(self) -> Verdict:
        """Verdict over the dtypes, and over the waivers."""
        verdicts = {result.verdict for result in self.dtypes}
        if self.broke_down or not self.dtypes:
            return "error"
        if "deviates" in verdicts or self.stale or self.expired:
            return "deviates"
        return "error" if "error" in verdicts else "conforms"

    @property
    def deviations(self) -> list[Deviation]:
        """Deviations of all dtypes."""
        return [deviation for result in self.dtypes for deviation in result.deviations]

    @property
    def first(self) -> Deviation | None:
        """Deviation to look at first: one that is not waived, if there is any."""
        unwaived = [deviation for result in self.dtypes for deviation in result.unwaived]
        return next(iter(unwaived or self.deviations), None)

    @property
    def expired(self) -> list[Waiver]:
        """Waivers whose last day has passed."""
        return [w for w in self.options.waivers if w.expired(self.started.date())]

    @property
    def applied(self) -> list[Waiver]:
        """Waivers that cover a deviation."""
        used = [r.waiver(d) for r in self.dtypes for d in r.deviations]
        return [w for w in self.options.waivers if w in used]

    @property
    def stale(self) -> list[Waiver]:
        """Waivers of deviations that the run could see in a dtype, and did not."""
        idle = [w for w in self.options.waivers if w not in self.applied]
        return [w for w in idle if w not in self.expired and any(map(_asked(w), self.dtypes))]

    @property
    def needless(self) -> list[str]:
        """Names of `without` whose laws were all observed."""
        hidden = {key for result in self.dtypes for key in result.unobserved}
        return [name for name in self.options.without if not without_laws([name]) & hidden]


def _asked(waiver: Waiver) -> Any:
    """Whether a run in a dtype could see what a waiver is about."""

    def asked(result: DtypeResult) -> bool:
        if waiver.dtype not in {"", result.dtype} or not result.done:
            return False
        judged = {o.law.key for o in result.outcomes} - set(result.unobserved)
        shown_in = laws_of(waiver, result.dtype)
        # A fault of E6 may show in a law that a broken equation left out.
        skipped = any(status(o) == "skipped" for o in result.outcomes)
        return bool(shown_in & judged) and not (skipped and "step" in shown_in)

    return asked


def laws_of(waiver: Waiver, dtype: str) -> set[str]:
    """Laws in which a waived deviation shows in a dtype."""
    fault = FAULTS.get(waiver.id)
    if fault is None:
        lifecycle = set(LAW_NAMES) - set(EQUATIONS) if waiver.equation == "step" else set()
        return {waiver.equation} | lifecycle
    return {fault.law or fault.equation} if fault.dtype in {"", dtype} else set()


def versions(hello: Hello, packages: Iterable[str] = ()) -> dict[str, str]:
    """Versions that a verdict may depend on."""
    out = {"python": platform.python_version(), "port": hello.version}
    for package in ("asgd", "numpy", "mpmath", "hypothesis", *packages):
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            out[package] = "unknown"
    return out
