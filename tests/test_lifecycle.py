"""The laws of the lifecycle under pytest, for whatever port ``--asgd-port`` names."""

import pytest

from asgd.tests.laws.law import LawName
from asgd.tests.laws.lifecycle import LIFECYCLE_LAWS
from asgd.tests.report.law_tests import Judged, hold_to

pytest_plugins = ("asgd.tests.plugin",)


@pytest.mark.parametrize("law", LIFECYCLE_LAWS)
def test_lifecycle(law: LawName, judged: Judged, dtype: str) -> None:
    """E6: what holds over the whole lifecycle of an optimizer."""
    hold_to(judged, dtype, law, f"test_lifecycle and {law}")
