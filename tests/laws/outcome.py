"""What a law is held to, and what became of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import POLICIES, Convention, Policy

from ..oracle.judgement import Judgement, Place, failed
from ..oracle.stepwise import Oracle, Rule
from ..oracle.window import window
from ..ports.protocol import Hello, Observation, Port, RaisedError
from ..ports.scenario import Scenario, drive
from ..ports.timeline import turns
from .detection import Seen
from .law import Law


@dataclass(frozen=True)
class Finding:
    """An observation about a port that does not change the verdict.

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

SECONDS: Mapping[str, float] = MappingProxyType({"quick": 1800, "full": 21600, "soak": 172800})
"""Seconds that a run may take at a level, where nothing else is said."""


Run = Callable[[Port, Scenario, str], list[Observation]]
"""Puts a port through a scenario, in a dtype."""


@dataclass(frozen=True)
class Subject:
    """A port under test, for one dtype, judged against one rule.

    ``run`` puts the port through a scenario: once, or as a metamorphic relation wants it.
    """

    port: Port
    hello: Hello
    dtype: str
    convention: Convention
    policy: Policy
    oracle: Oracle = "integers"
    run: Run = drive

    @property
    def rule(self) -> Rule:
        """What its traces are judged against."""
        return Rule(self.convention, Arithmetic(formats[self.dtype], self.policy), self.oracle)

    def trace(self, scenario: Scenario) -> list[Observation]:
        """Trace of the port in ``scenario``."""
        return self.run(self.port, scenario, self.dtype)


@dataclass(frozen=True)
class Failure:
    """A law broken: where, and in which scenario.

    Attributes
    ----------
    judgement : Judgement
        The number that breaks it.
    scenario : Scenario
        What the port was put through.
    raised : str
        What the port raised instead of answering, if that is what broke the law.
    """

    judgement: Judgement
    scenario: Scenario
    raised: str = ""


def broken_off(error: RaisedError, scenario: Scenario) -> Failure:
    """The failure of a port that raised instead of answering."""
    judgement = failed("theta", Place(error.call, error.call, 0), math.nan)
    return Failure(judgement, scenario, str(error))


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
    raised : Failure or None
        Where the port first raised instead of answering.
    longest : int
        Steps of the longest scenario.
    followed : int
        Steps up to which the step counter is seen to count.
    quantities : set of str
        What was judged at all.
    seen : Seen
        What was judged in the designed scenarios.
    hides_average : bool
        Whether an average that is not theta was missing at the end of a scenario.
    not_observable : tuple of str
        What the port does not show, and the law needs.
    accepted : tuple of str
        Hyperparameters that the port takes outside their domains.
    in_groups_alone : bool
        Whether it takes them in a group's own dict, and not in its constructor.
    """

    law: Law
    scenarios: int = 0
    judged: int = 0
    undecided: int = 0
    largest: float = 0.0
    failure: Failure | None = None
    raised: Failure | None = None
    longest: int = 0
    followed: int = 0
    quantities: set[str] = field(default_factory=set)
    seen: Seen = field(default_factory=Seen)
    hides_average: bool = False
    not_observable: tuple[str, ...] = field(default_factory=tuple)
    accepted: tuple[str, ...] = field(default_factory=tuple)
    in_groups_alone: bool = False

    def count(self, counts: Mapping[str, Any]) -> None:
        """Count what one trace came to (see `law.worst`)."""
        self.judged += counts["judged"]
        self.undecided += counts["undecided"]
        self.largest = max(self.largest, counts["largest"])
        self.quantities |= counts["quantities"]

    def take(self, other: "Outcome") -> None:
        """Count what ``other`` found as well."""
        self.scenarios += other.scenarios
        self.longest = max(self.longest, other.longest)
        self.judged += other.judged
        self.undecided += other.undecided
        self.largest = max(self.largest, other.largest)
        self.failure = self.failure or other.failure
        self.raised = self.raised or other.raised
        self.quantities |= other.quantities
        self.seen.take(other.seen)
        self.hides_average |= other.hides_average

    def trace(self, subject: Subject, scenario: Scenario) -> list[Observation] | None:
        """Trace of a subject, counted; None, and noted, where it raises instead of answering."""
        self.scenarios += 1
        self.longest = max(self.longest, scenario.steps)
        try:
            trace = subject.trace(scenario)
        except RaisedError as error:
            self.raised = self.raised or broken_off(error, scenario)
            return None
        self.hides_average |= "average" in subject.hello.reads and _hides(trace, scenario, subject)
        return trace


def _hides(trace: Sequence[Observation], scenario: Scenario, subject: Subject) -> bool:
    """Whether an average that is not theta is missing after the last step."""
    # Other runs show other things, such as what became of the gradients.
    plain = subject.run is drive and len(trace) == scenario.steps > 0
    if not plain or None not in trace[-1].average:
        return False
    *_, (_, made) = turns(scenario)
    for turn, average in zip(made, trace[-1].average, strict=True):
        if turn is not None and average is None:
            t0 = turn.scheduled(subject.convention).t0
            weights = window(turn.t, t0, subject.convention)
            if weights is not None and weights.new != 1:
                return True
    return False


def looser(policy: Policy) -> list[Policy]:
    """``policy``, and after it the one that grants eta and mu no more than float32.

    A right form has its own bound, and no looser one.
    """
    if policy.is_right_form:
        return [policy]
    loose = POLICIES["float32-eta-ftz" if policy.ftz else "float32-eta"]
    return [policy] if policy == loose else [policy, loose]
