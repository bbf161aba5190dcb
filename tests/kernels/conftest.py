"""These tests are of `fast`: where another port is given, they are not collected."""

import pytest
from pytest_asgd import setting


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out where another port is given."""
    return True if setting(config, "port", "") else None
