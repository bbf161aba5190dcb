"""Run the laws on a port: what pytest and `asgd verify` have in common."""

from collections.abc import Sequence
from contextlib import suppress
from unittest import SkipTest

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.errors import HypothesisException

from ..ports.protocol import Hello, Observation, Port, RaisedError
from ..ports.scenario import Scenario, drive
from ..scenarios.drawing import feed
from .detection import Seen
from .equations import LAWS
from .law import Law, missing, worst
from .outcome import Failure, Outcome, Subject

# Smaller scenarios that are tried once a failing one is found.
_SHRINKS = 200


class _BrokenError(AssertionError):
    """A drawn scenario that breaks the law."""


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
        # The rest of an equation's scenarios say what else would show.
        if outcome.failure is None or not law.name:
            failure = _attempt(law, subject, scenario, outcome, outcome.seen)
            outcome.failure = outcome.failure or failure
    if outcome.failure is None and examples:
        outcome.failure = _search(law, subject, outcome, examples, seed)
    outcome.failure = outcome.failure or outcome.raised
    if outcome.failure is None:
        # A port may list what it never shows.
        outcome.not_observable = tuple(sorted(law.needs - outcome.quantities))
    return outcome


def _attempt(
    law: Law, subject: Subject, scenario: Scenario, outcome: Outcome, seen: Seen | None = None
) -> Failure | None:
    trace = outcome.trace(subject, scenario)
    if trace is None:
        return None
    judgements = law.check(scenario, trace, subject.rule)
    if seen is not None:
        judgements = seen.over(judgements, law, scenario, subject.convention.name)
    judgement, counts = worst(judgements)
    outcome.count(counts)
    return None if judgement is None else Failure(judgement, scenario)


def _search(
    law: Law, subject: Subject, outcome: Outcome, examples: int, seed: int
) -> Failure | None:
    """Simplest failure among drawn scenarios, shrunk by Hypothesis within a budget of attempts."""
    failures: dict[str, Failure] = {}
    attempts = 0

    @hypothesis.settings(
        deadline=None,
        database=InMemoryExampleDatabase(),
        phases=(Phase.reuse, Phase.shrink),
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
        feed(run, count=examples, seed=seed)
    except _BrokenError:
        # Hypothesis has kept what failed, and shrinks it; where it cannot, it skips or complains.
        with suppress(_BrokenError, SkipTest, HypothesisException):
            run()
        # It ends by running the simplest failure once more.
        return simplest[-1]
    return None


DesignedRuns = list[tuple[Law, Scenario, list[Observation]]]


def run_designed(port: Port, hello: Hello, dtype: str) -> DesignedRuns:
    """Put a port through the designed scenarios of every law that it shows enough for."""
    runs = []
    for law in LAWS.values():
        for scenario in () if missing(law, hello) else law.designed(hello.supports):
            # Where the port raises, the law says so.
            with suppress(RaisedError):
                runs.append((law, scenario, drive(port, scenario, dtype)))
    return runs
