"""The laws of an optimizer's life under pytest, for whatever port ``--asgd-port`` names."""

import pytest
from pytest_asgd import setting

from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS, REFUSAL, hold_lifecycle
from asgd.tests.laws.outcome import LEVELS, Subject
from asgd.tests.report.failure_message import sentence

pytest_plugins = ("asgd.tests.plugin",)


@pytest.mark.parametrize("law", [*LIFECYCLE_LAWS.values(), REFUSAL], ids=lambda law: law.name)
def test_life(law, subject: Subject, request: pytest.FixtureRequest) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E6: what holds over the whole life of an optimizer."""
    level = setting(request.config, "level", "quick")
    seed = int(setting(request.config, "seed", "0"))
    outcome = hold_lifecycle(law, subject, examples=LEVELS[level], seed=seed)
    if outcome.not_observable:
        pytest.skip(f"not observable: the port does not show {', '.join(outcome.not_observable)}")
    if outcome.failure is not None:
        text = sentence(outcome.failure, law.equation, subject)
        pytest.fail(f"{law.title}\n{law.mend}\n{text}", pytrace=False)
    assert not outcome.undecided, f"{outcome.undecided} numbers stayed undecided"
