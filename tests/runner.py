"""Run the laws on a port: what pytest and `asgd verify` have in common."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from unittest.mock import patch

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.internal.conjecture import providers

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, POLICIES, Convention, Policy

from .judge import Judgement, Rule
from .laws import LAWS, Law, worst
from .port import Hello, Observation, Port
from .scenario import Scenario, drive

LEVELS: Mapping[str, int] = MappingProxyType({"quick": 30, "full": 400, "soak": 4000})
"""Drawn scenarios of each law at a level."""

# Once a failing scenario is found, so many smaller ones are tried.
_SHRINKS = 200


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

    def take(self, other: "Outcome") -> None:
        """Count what ``other`` found as well."""
        self.scenarios += other.scenarios
        self.judged += other.judged
        self.undecided += other.undecided
        self.largest = max(self.largest, other.largest)
        self.failure = self.failure or other.failure


class _BrokenError(AssertionError):
    """A drawn scenario that breaks the law."""


def missing(law: Law, hello: Hello) -> tuple[str, ...]:
    """What the law needs to see and the port does not show."""
    return tuple(sorted(law.needs - hello.reads))


def hold(
    law: Law,
    subject: Subject,
    *,
    examples: int,
    seed: int,
    first: Sequence[Scenario] = (),
) -> Outcome:
    """Hold a port to a law: first the designed scenarios, then drawn ones.

    Parameters
    ----------
    law : Law
        The law.
    subject : Subject
        The port.
    examples : int
        Drawn scenarios at most.
    seed : int
        The same seed draws the same scenarios.
    first : sequence of Scenario
        Scenarios that come before all others: those in which the law is known to have failed.

    Returns
    -------
    Outcome
        With the simplest failure that was found, if any.

    Raises
    ------
    PortError
        If the port breaks down.
    """
    outcome = Outcome(law, not_observable=missing(law, subject.hello))
    if outcome.not_observable:
        return outcome
    for scenario in (*first, *law.designed(subject.hello.supports)):
        outcome.failure = outcome.failure or _attempt(law, subject, scenario, outcome)
    if outcome.failure is None and examples:
        outcome.failure = _search(law, subject, outcome, examples, seed)
    if outcome.failure is None and law.equation == "step" and examples >= LEVELS["full"]:
        from .endurance import endure  # noqa: PLC0415 - it is made of what stands here

        outcome.take(endure(subject, seed=seed))
    return outcome


def _attempt(law: Law, subject: Subject, scenario: Scenario, outcome: Outcome) -> Failure | None:
    trace = subject.trace(scenario)
    judgement, counts = worst(law.check(scenario, trace, subject.rule))
    outcome.scenarios += 1
    outcome.judged += counts["judged"]
    outcome.undecided += counts["undecided"]
    outcome.largest = max(outcome.largest, counts["largest"])
    return None if judgement is None else Failure(judgement, scenario)


def _search(
    law: Law, subject: Subject, outcome: Outcome, examples: int, seed: int
) -> Failure | None:
    """Simplest failure among drawn scenarios, shrunk by Hypothesis within a budget of attempts."""
    failures: dict[str, Failure] = {}
    attempts = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )
    @hypothesis.given(scenario=law.drawn(subject.dtype, subject.hello.supports))
    def run(scenario: Scenario) -> None:
        nonlocal attempts
        key = repr(scenario)
        if failures and key not in failures:
            attempts += 1
            # Past the budget nothing new fails, so that the search ends with what it has.
            if attempts > _SHRINKS:
                return
        failure = failures.get(key) or _attempt(law, subject, scenario, outcome)
        if failure is not None:
            failures[key] = failure
            simplest.append(failure)
            raise _BrokenError

    simplest: list[Failure] = []
    try:
        with _by_the_seed_alone():
            run()
    except _BrokenError:
        # Hypothesis ends by running the simplest failure once more.
        return simplest[-1]
    return None


@dataclass(frozen=True)
class Match:
    """How well one convention explains a port: laws broken by its designed scenarios."""

    convention: Convention
    policy: Policy
    broken: frozenset[str]

    @property
    def fits(self) -> bool:
        """Whether nothing contradicts the convention."""
        return not self.broken


@contextmanager
def _by_the_seed_alone() -> Iterator[None]:
    """Let what is drawn depend on the seed alone.

    Newer versions of Hypothesis also draw numbers that stand in the source of whatever modules
    happen to be loaded: then a shard, a worker or a colleague would not draw the same scenarios.
    """
    names = vars(providers)
    if not {"_get_local_constants", "_local_constants", "CONSTANTS_CACHE"} <= set(names):
        yield
        return
    nothing = type(names["_local_constants"])()
    cache = type(names["CONSTANTS_CACHE"])(1024)
    with (
        patch.object(providers, "_get_local_constants", lambda: nothing),
        patch.object(providers, "CONSTANTS_CACHE", cache),
    ):
        yield


DesignedRuns = list[tuple[Law, Scenario, list[Observation]]]


def run_designed(port: Port, hello: Hello, dtype: str) -> DesignedRuns:
    """Put a port through the designed scenarios of every law that it shows enough for."""
    return [
        (law, scenario, drive(port, scenario, dtype))
        for law in LAWS.values()
        if not missing(law, hello)
        for scenario in law.designed(hello.supports)
    ]


def identify(traces: DesignedRuns, dtype: str, policies: Sequence[Policy]) -> list[Match]:
    """Conventions, the one that explains the designed traces best first.

    Each trace is judged against every convention, under each policy in turn until one fits.
    """

    def match(convention: Convention) -> Match:
        matches = []
        for policy in policies:
            rule = Rule(convention, Arithmetic(formats[dtype], policy))
            broken = frozenset(_broken(traces, rule))
            matches.append(Match(convention, policy, broken))
            if not broken:
                break
        return min(matches, key=lambda m: len(m.broken))

    matches = [match(convention) for convention in CONVENTIONS.values()]
    matches.sort(key=lambda m: len(m.broken))
    first = [m for m in matches if len(m.broken) == len(matches[0].broken)]
    if first[0].fits or len(first) == 1:
        return matches
    # None fits, and several come as near: the one that fewest numbers contradict is the nearest.
    first.sort(key=lambda m: _contradictions(traces, dtype, m))
    return [*first, *matches[len(first) :]]


def _contradictions(traces: DesignedRuns, dtype: str, match: Match) -> int:
    """How many numbers contradict a convention."""
    rule = Rule(match.convention, Arithmetic(formats[dtype], match.policy))
    return sum(
        judgement.verdict == "fail"
        for law, scenario, trace in traces
        for judgement in law.check(scenario, trace, rule)
    )


def _broken(traces: DesignedRuns, rule: Rule) -> Iterator[str]:
    broken = set()
    for law, scenario, trace in traces:
        if law.equation not in broken and worst(law.check(scenario, trace, rule))[0]:
            broken.add(law.equation)
            yield law.equation


def looser(policy: Policy) -> list[Policy]:
    """``policy``, and after it the one that grants eta and mu no more than float32."""
    loose = POLICIES["float32-eta-ftz" if policy.ftz else "float32-eta"]
    return [policy] if policy == loose else [policy, loose]
