"""The laws under pytest: one test an equation, for whatever port ``--asgd-port`` names."""

from collections.abc import Callable

import pytest

from asgd.tests.report.law_tests import Judged, hold_to

pytest_plugins = ("asgd.tests.plugin",)

Check = Callable[[str], None]


@pytest.fixture
def check(judged: Judged, dtype: str) -> Check:
    """Hold the port to the law of an equation."""
    return lambda equation: hold_to(judged, dtype, equation, f"test_{equation}")


def test_gradient(check: Check) -> None:
    """E1: sign and L2 penalty."""
    check("gradient")


def test_step_size(check: Check) -> None:
    """E2: the step size's decay, as read and as theta shows it."""
    check("step_size")


def test_descend(check: Check) -> None:
    """E3: the update and its decay."""
    check("descend")


def test_averaging_weight(check: Check) -> None:
    """E4: when averaging begins, and the weight of each iterate."""
    check("averaging_weight")


def test_average(check: Check) -> None:
    """E5: the average takes in the new iterate, with one weight for all elements."""
    check("average")


def test_step(check: Check) -> None:
    """E6: everything at once: groups, skipped steps, changed hyperparameters."""
    check("step")
