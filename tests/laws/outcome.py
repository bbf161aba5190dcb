"""What a law is held to, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import POLICIES, Convention, Policy

from ..oracle.judgement import Judgement
from ..oracle.stepwise import Rule
from ..ports.protocol import Hello, Observation, Port
from ..ports.scenario import Scenario, drive
from .law import Law


@dataclass(frozen=True)
class Finding:
    """Something worth knowing of a port that is no deviation.

    Attributes
    ----------
    id : str
        What it is; permanent, as the ids of faults are.
    text : str
        In a sentence.
    numbers : dict of str to float
        Its size.
    """

    id: str
    text: str
    numbers: Mapping[str, float]


LEVELS: Mapping[str, int] = MappingProxyType({"quick": 30, "full": 400, "soak": 4000})
"""Drawn scenarios of each law at a level."""


@dataclass(frozen=True)
class Subject:
    """A port under test, for one dtype, judged against one rule."""

    port: Port
    hello: Hello
    dtype: str
    convention: Convention
    policy: Policy

    @property
    def rule(self) -> Rule:
        """What its traces are judged against."""
        return Rule(self.convention, Arithmetic(formats[self.dtype], self.policy))

    def trace(self, scenario: Scenario) -> list[Observation]:
        """Trace of the port in ``scenario``."""
        return drive(self.port, scenario, self.dtype)


@dataclass(frozen=True)
class Failure:
    """A law broken: where, and in which scenario."""

    judgement: Judgement
    scenario: Scenario


@dataclass
class Outcome:
    """What became of one law.

    Attributes
    ----------
    law : Law
        The law.
    scenarios : int
        Scenarios that the port was put through.
    judged : int
        Numbers judged.
    undecided : int
        Numbers whose exact value stayed undecided: they did not pass.
    largest : float
        Largest error of a passing number, in bounds.
    failure : Failure or None
        The simplest failure found.
    not_observable : tuple of str
        What the port does not show, and the law needs.
    accepted : tuple of str
        Hyperparameters that the port takes outside their domains.
    """

    law: Law
    scenarios: int = 0
    judged: int = 0
    undecided: int = 0
    largest: float = 0.0
    failure: Failure | None = None
    not_observable: tuple[str, ...] = field(default_factory=tuple)
    accepted: tuple[str, ...] = field(default_factory=tuple)

    def count(self, counts: Mapping[str, Any]) -> None:
        """Count what one trace came to (see `law.worst`)."""
        self.judged += counts["judged"]
        self.undecided += counts["undecided"]
        self.largest = max(self.largest, counts["largest"])

    def take(self, other: "Outcome") -> None:
        """Count what ``other`` found as well."""
        self.scenarios += other.scenarios
        self.judged += other.judged
        self.undecided += other.undecided
        self.largest = max(self.largest, other.largest)
        self.failure = self.failure or other.failure


def looser(policy: Policy) -> list[Policy]:
    """``policy``, and after it the one that grants eta and mu no more than float32."""
    loose = POLICIES["float32-eta-ftz" if policy.ftz else "float32-eta"]
    return [policy] if policy == loose else [policy, loose]
