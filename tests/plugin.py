"""pytest fixtures: the port under test, and the dtypes that it is judged in."""

from collections.abc import Iterator

import pytest
from pytest_asgd import keep, secret, setting, settings

from .ports.loading import DEFAULT
from .ports.process import TIMEOUT
from .ports.protocol import DTYPES
from .report.law_tests import Judged
from .report.shared import Shared
from .verify.interface import limits_of, options_of
from .verify.waivers import WaiverError


@pytest.fixture(scope="session")
def judged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Judged]:
    """Port under test, loaded once a worker."""
    config = request.config
    token = secret(config)
    # The base of a worker is a folder in that of the run.
    folder = tmp_path_factory.getbasetemp().parent / "asgd"
    shared = Shared(folder, token.encode()) if token else None
    try:
        options = options_of(
            convention=setting(config, "convention", "auto"),
            dtypes=settings(config, "dtype"),
            policy=setting(config, "policy", "auto"),
            level=setting(config, "level", "quick"),
            seed=int(setting(config, "seed", "0")),
            without=settings(config, "without"),
            waive=setting(config, "waive", ""),
        )
        limit, memory = (setting(config, name, "") for name in ("limit", "memory"))
        limits = limits_of(
            options,
            float(setting(config, "timeout", str(TIMEOUT))),
            float(limit) if limit else None,
            float(memory) if memory else None,
        )
    except (ValueError, WaiverError) as error:
        raise pytest.UsageError(f"asgd: {error}") from error
    found = Judged(setting(config, "port", DEFAULT), options, limits, shared)
    yield found
    diagnosis = found.diagnosis()
    if diagnosis is not None:
        keep(config, diagnosis)


@pytest.fixture(scope="session", params=DTYPES)
def dtype(request: pytest.FixtureRequest, judged: Judged) -> str:
    """Dtype that is judged; a test of a dtype that the port lacks is skipped."""
    name: str = request.param
    if judged.error:
        pytest.skip(f"no verdict: {judged.error.splitlines()[0]}")
    if name not in judged.dtypes:
        pytest.skip(f"{name} is not judged: the port lacks it, or --asgd-dtype leaves it out")
    return name
