"""Run the laws on a port: what pytest and `asgd verify` have in common."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from ..ports.protocol import Hello, Observation, Port, RaisedError
from ..ports.scenario import Scenario, drive
from .detection import Seen
from .equations import LAWS
from .law import Law, missing, worst
from .outcome import Failure, Outcome, Subject


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
        # It imports Hypothesis, which takes 130 ms.
        from .search import search, strategy  # noqa: PLC0415

        drawn = strategy(law.drawn, subject.dtype, subject.hello.supports)
        attempt = partial(_attempt, law, subject, outcome=outcome)
        outcome.failure = search(drawn, attempt, count=examples, seed=seed)
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
