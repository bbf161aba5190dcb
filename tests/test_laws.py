"""The laws under pytest: one test an equation, for whatever port ``--asgd-port`` names."""

import pytest
from pytest_asgd import setting

from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.outcome import LEVELS, Subject
from asgd.tests.laws.scale import hold_equation
from asgd.tests.report.failure_message import sentence

pytest_plugins = ("asgd.tests.plugin",)


@pytest.fixture
def check(subject: Subject, request: pytest.FixtureRequest):  # type: ignore[no-untyped-def] # noqa: ANN201
    """Hold the subject to the law of an equation."""
    level = setting(request.config, "level", "quick")
    seed = int(setting(request.config, "seed", "0"))

    def run(equation: str) -> None:
        outcome = hold_equation(LAWS[equation], subject, examples=LEVELS[level], seed=seed)
        if outcome.not_observable:
            pytest.skip(f"not observable: the port does not show {outcome.not_observable}")
        if outcome.failure is not None:
            pytest.fail(sentence(outcome.failure, equation, subject), pytrace=False)
        assert not outcome.undecided, f"{outcome.undecided} numbers stayed undecided"

    return run


def test_gradient(check) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E1: sign and L2 penalty."""
    check("gradient")


def test_step_size(check) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E2: the step size's decay, as read and as theta shows it."""
    check("step_size")


def test_descend(check) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E3: the update and its decay."""
    check("descend")


def test_averaging_weight(check) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E4: when averaging begins, and the weight of each iterate."""
    check("averaging_weight")


def test_average(check) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E5: the average takes in the new iterate, with one weight for all elements."""
    check("average")


def test_step(check) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """E6: everything at once: groups, skipped steps, changed hyperparameters."""
    check("step")
