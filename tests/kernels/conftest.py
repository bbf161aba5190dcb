"""These tests are of `fast`: where another port is given, they are not collected."""

from pathlib import Path

import pytest
from pytest_asgd import setting


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:  # noqa: ARG001
    """Leave this folder out where another port is given."""
    return True if setting(config, "port", "") else None
