"""The report: one typed value from which every output and the exit code are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..oracle.judgement import Quantity
from ..verify.coverage import Status
from ..verify.result import Verdict
from .fields import Count, Dtype, EquationId, Hex, Size
from .series import LawFaults, Pictures, Rung
from .verdicts import EXIT, WORDS

SCHEMA = "asgd-report/2"


@dataclass(frozen=True)
class Port:
    """The port: its name and version, and how the user named it."""

    name: str
    version: str
    how: str
    kind: str


@dataclass(frozen=True)
class Number:
    """A float, in hexadecimal and in decimal."""

    hex: Hex
    decimal: str


@dataclass(frozen=True)
class Interval:
    """An enclosure of an exact value, rounded outward, in hexadecimal and in decimal."""

    lo: Hex
    hi: Hex
    lo_decimal: str
    hi_decimal: str


@dataclass(frozen=True)
class Divergence:
    """The first wrong number of a deviation, or what was raised in its place."""

    dtype: Dtype
    step: Count
    parameter: Count
    element: Count
    quantity: Quantity
    equation: EquationId
    expected: Interval
    got: Number
    error_ulp: Size | None
    error_bounds: Size | None
    raised: str | None = None


@dataclass(frozen=True)
class Group:
    """A parameter group: its hyperparameters."""

    hyper: Mapping[str, Number]
    maximize: bool


@dataclass(frozen=True)
class Change:
    """Hyperparameters of a group that change before a step."""

    step: Count
    group: Count
    hyper: Mapping[str, Number]


@dataclass(frozen=True)
class Skip:
    """A step at which a parameter has no gradient."""

    step: Count
    parameter: Count


@dataclass(frozen=True)
class Evidence:
    """Where a deviation shows: the place, what leads to it, and the protocol's requests."""

    first_divergence: Divergence
    groups: tuple[Group, ...]
    changes: tuple[Change, ...]
    pause: Count | None
    parameters: Count
    elements: Count
    requests: tuple[Mapping[str, Any], ...]
    ladder: tuple[Rung, ...] = ()
    skips: tuple[Skip, ...] = ()


@dataclass(frozen=True)
class Deviation:
    """A way in which the port is not the specified ASGD."""

    id: str
    equation: EquationId
    dtype: Dtype
    law: str
    title: str
    does: str
    should: str
    fix: str
    explanation: str
    evidence: Evidence
    coincides_with: tuple[str, ...]
    waived: bool
    waiver: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What two dtypes share when they have the same deviation."""
        return (self.id, self.equation, self.law)


@dataclass(frozen=True)
class Finding:
    """Something worth knowing that does not change the verdict."""

    id: str
    text: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Law:
    """What became of a law."""

    equation: EquationId
    scenarios: Count
    numbers: Count
    undecided: Count
    largest_error_bounds: Size
    status: Status
    reason: str


@dataclass(frozen=True)
class LawCount:
    """How many laws were observed, and why the others were not."""

    observed: Count
    of: Count
    not_observable: Mapping[str, str]


@dataclass(frozen=True)
class Coverage:
    """What was observed, and what the run was told to do without."""

    laws: LawCount
    without: tuple[str, ...]
    needless: tuple[str, ...]


@dataclass(frozen=True)
class Detectable:
    """Known faults that the run would have found; the ids of the others, and why not."""

    faults: Count
    of: Count
    missing: tuple[str, ...]
    by_law: Mapping[str, LawFaults] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ConventionParts:
    """Convention of theta and of the average, where each was observed and fits."""

    theta: str | None
    average: str | None


@dataclass(frozen=True)
class DtypeReport:
    """What became of one dtype."""

    verdict: Verdict
    convention: str | None
    convention_parts: ConventionParts
    judged_against: str | None
    also_fits: tuple[str, ...]
    policy: str
    conforms_under: str | None
    deviations: tuple[Deviation, ...]
    not_observable: tuple[str, ...]
    coverage: LawCount
    detectable: Detectable
    laws: Mapping[str, Law]
    findings: tuple[Finding, ...]
    readout: Mapping[str, Any] | None
    pictures: Pictures | None = None


@dataclass(frozen=True)
class Waived:
    """A waiver, and what it covers."""

    id: str
    reason: str
    dtype: str | None
    equation: EquationId | None
    link: str | None
    expires: str | None


@dataclass(frozen=True)
class Waivers:
    """The waivers of the run: applied, stale and expired."""

    applied: tuple[Waived, ...]
    stale: tuple[Waived, ...]
    expired: tuple[Waived, ...]


@dataclass(frozen=True)
class Checks:
    """Number of scenarios that ran, and the least that must."""

    run: Count
    passed: Count
    failed: Count
    skipped: Count
    floor: Count


@dataclass(frozen=True)
class Reproduce:
    """The command that repeats the run, and the file that shows the first divergence."""

    command: str
    script: str | None
    play: str | None


@dataclass(frozen=True)
class Report:
    """The report of a run."""

    verdict: Verdict
    port: Port
    dtypes: Mapping[str, DtypeReport]
    convention: str | None
    convention_parts: ConventionParts
    deviations: tuple[Deviation, ...]
    first_divergence: Divergence | None
    checks: Checks
    coverage: Coverage
    detectable: Detectable
    waivers: Waivers
    findings: tuple[Finding, ...]
    laws: Mapping[str, Law]
    fingerprint: Mapping[str, Any] | None
    interrupted: bool
    isolated: bool
    level: str
    device: str
    date: str
    platform: str
    error: str | None
    reproduce: Reproduce
    seed: Count
    seconds: Size
    versions: Mapping[str, str]
    policy: str
    schema: Literal["asgd-report/2"] = "asgd-report/2"
    headline: str = field(init=False)

    def __post_init__(self) -> None:
        """State the headline, from what the report holds."""
        object.__setattr__(self, "headline", _headline(self))

    @property
    def exit_code(self) -> int:
        """Exit code of the command."""
        return EXIT[self.verdict]

    @property
    def unwaived(self) -> tuple[Deviation, ...]:
        """Deviations that no waiver covers."""
        return tuple(d for d in self.deviations if not d.waived)

    @property
    def says(self) -> str:
        """Verdict with what qualifies it: "conforms in float32 without average", for example."""
        text = WORDS[self.verdict]
        if self.verdict == "conforms":
            absent = [name for name in self.coverage.without if name not in self.coverage.needless]
            count = len(self.waivers.applied)
            lacking = any(finding.id == "dtype-absent" for finding in self.findings)
            parts = [f"without {' and '.join(absent)}"] if absent else []
            parts += [f"with {count} waiver{'s' * (count > 1)}"] if count else []
            alone = f"in {' and '.join(self.dtypes)}" if lacking else ""
            text = " ".join(filter(None, [text, alone, " and ".join(parts)]))
            if self.policy != "native":
                text += f", policy {self.policy}"
        elif self.verdict == "deviates" and (self.waivers.stale or self.waivers.expired):
            text += ": stale waiver" if not self.unwaived else ", stale waiver"
        elif self.interrupted:
            text += ": interrupted"
        return text

    @property
    def counts(self) -> str:
        """Coverage in numbers."""
        laws, faults = self.coverage.laws, self.detectable
        # Of a port that deviates, "7 of 17 laws" would read as if it broke seven.
        seen = "" if self.verdict == "conforms" else " observed"
        return (
            f"{laws.observed} of {laws.of} laws{seen}, "
            f"{faults.faults} of {faults.of} known faults detectable"
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is what it is, each in a sentence; nothing where it conforms."""
        if self.verdict == "error":
            return tuple((self.error or "no reason was given").splitlines()[:1])
        titles = dict.fromkeys(f"{d.title} ({d.equation}, {d.id})" for d in self.unwaived)
        stale = [
            f"the waiver of {waiver.id} {why}: remove it"
            for why, found in (
                ("covers nothing that was seen", self.waivers.stale),
                ("has expired", self.waivers.expired),
            )
            for waiver in found
        ]
        return (*titles, *stale)


def _headline(report: Report) -> str:
    mark = ";" if ":" in report.says else ":"
    return f"{report.says}{mark} {report.counts}"
