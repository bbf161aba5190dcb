"""Search drawn scenarios for the simplest failure of a law, by Hypothesis."""

from collections.abc import Callable
from contextlib import suppress
from unittest import SkipTest

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from ..ports.scenario import Scenario
from ..scenarios import strategies
from ..scenarios.drawing import feed
from .law import Supports
from .outcome import Failure

# Smaller scenarios that are tried once a failing one is found.
_SHRINKS = 200


class _BrokenError(AssertionError):
    """A drawn scenario that breaks the law."""


def strategy(name: str, dtype: str, supports: Supports) -> SearchStrategy[Scenario]:
    """The strategy that a law names, for a dtype and what a port supports."""
    made: SearchStrategy[Scenario] = getattr(strategies, name)(dtype, supports)
    return made


def search(
    drawn: SearchStrategy[Scenario],
    attempt: Callable[[Scenario], Failure | None],
    *,
    count: int,
    seed: int,
) -> Failure | None:
    """Simplest failure among ``count`` drawn scenarios, shrunk within a budget of attempts."""
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
    @hypothesis.given(scenario=drawn)
    def run(scenario: Scenario) -> None:
        nonlocal attempts
        key = repr(scenario)
        if failures and key not in failures:
            attempts += 1
            # Past the budget nothing new fails, so that the search ends with what it has.
            if attempts > _SHRINKS:
                return
        failure = failures.get(key) or attempt(scenario)
        if failure is not None:
            failures[key] = failure
            simplest.append(failure)
            raise _BrokenError

    simplest: list[Failure] = []
    try:
        feed(run, count=count, seed=seed)
    except _BrokenError:
        # Hypothesis has kept what failed, and shrinks it; where it cannot, it skips or complains.
        with suppress(_BrokenError, SkipTest, HypothesisException):
            run()
        # It ends by running the simplest failure once more.
        return simplest[-1]
    return None
