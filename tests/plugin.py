"""pytest fixtures: the port under test, and the subject that the laws run on."""

from typing import Any

import pytest
from pytest_asgd import setting

from asgd.spec import policy

from .diagnosis.convention import find_identity
from .laws.outcome import Subject
from .ports.loading import DEFAULT, load
from .ports.protocol import DTYPES, PortError, greet


@pytest.fixture(scope="session")
def asgd_port(request: pytest.FixtureRequest) -> Any:
    """Port under test, loaded once per worker."""
    name = setting(request.config, "port", DEFAULT)
    try:
        return load(name)
    except PortError as error:
        pytest.exit(f"asgd: no verdict on {name}: {error}", returncode=2)


@pytest.fixture(scope="session", params=DTYPES)
def subject(request: pytest.FixtureRequest, asgd_port: Any) -> Subject:
    """Port under test in one dtype, with the convention that it is judged against."""
    dtype: str = request.param
    hello = greet(asgd_port)
    if dtype not in hello.dtypes:
        pytest.skip(f"the port has no {dtype}")
    required = policy(setting(request.config, "policy", "native"))
    name = setting(request.config, "convention", "auto")
    identity = find_identity(asgd_port, hello, dtype, name, required)
    return Subject(asgd_port, hello, dtype, identity.convention, required)
