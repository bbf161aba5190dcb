"""Draw from a strategy so that a seed, and nothing else, decides what comes.

What Hypothesis generates on its own depends on more: on what it remembers, and on the numbers in
the source of whatever is loaded. What it makes of given bytes does not.
"""

import random
from typing import Any

import hypothesis
from hypothesis import strategies as st

from ..ports.scenario import Scenario

# More than any scenario is made of, as long as no draw rejects many of them.
_BYTES = 1 << 13


def feed(test: Any, *, count: int, seed: int) -> None:
    """Run ``test``, a property of Hypothesis, on the ``count`` scenarios that a seed draws.

    Raises
    ------
    RuntimeError
        If the bytes hardly ever suffice.
    """
    make = test.hypothesis.fuzz_one_input
    rng = random.Random(seed)  # noqa: S311 - not a secret: the same seed must draw the same
    for _ in range(4 * count):
        count -= make(rng.randbytes(_BYTES)) is not None
        if count == 0:
            return
    if count > 0:
        raise RuntimeError(f"{_BYTES} bytes are too few for the scenarios that are drawn")


def sample(strategy: st.SearchStrategy[Scenario], *, count: int, seed: int) -> list[Scenario]:
    """The scenarios that a seed draws."""
    drawn: list[Scenario] = []

    @hypothesis.settings(database=None, deadline=None)
    @hypothesis.given(scenario=strategy)
    def run(scenario: Scenario) -> None:
        drawn.append(scenario)

    feed(run, count=count, seed=seed)
    return drawn
