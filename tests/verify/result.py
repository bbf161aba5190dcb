"""What a run is asked to do, and what became of it."""

import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from asgd.spec import FAULTS, Convention

from ..diagnosis.convention import Identity
from ..diagnosis.impulse_response import Readout
from ..laws.equations import LAWS
from ..laws.outcome import Failure, Finding, Outcome
from ..ports.protocol import Hello
from ..ports.scenario import Scenario


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
