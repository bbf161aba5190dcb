"""The laws of an optimizer's life under pytest, for whatever port ``--port`` names."""

import pytest

from asgd.tests.life import LIFE, REFUSAL, hold_life
from asgd.tests.plugin import setting
from asgd.tests.runner import LEVELS, Subject
from asgd.tests.sentence import sentence


@pytest.mark.parametrize("law", [*LIFE.values(), REFUSAL], ids=lambda law: law.name)
def test_life(law, subject: Subject, request: pytest.FixtureRequest) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E6: what holds over the whole life of an optimizer."""
    level = setting(request.config, "--asgd-level", "quick")
    seed = int(setting(request.config, "--asgd-seed", "0"))
    outcome = hold_life(law, subject, examples=LEVELS[level], seed=seed)
    if outcome.not_observable:
        pytest.skip(f"not observable: the port does not show {', '.join(outcome.not_observable)}")
    if outcome.failure is not None:
        text = sentence(outcome.failure, law.equation, subject)
        pytest.fail(f"{law.title}\n{law.mend}\n{text}", pytrace=False)
    assert not outcome.undecided, f"{outcome.undecided} numbers stayed undecided"
