"""pytest plugin: ``--port`` and its companions, and the subject that the laws are run on.

It is loaded in every pytest run of an environment where asgd is installed, so it imports nothing
of ours until a law asks for its subject.
"""

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .runner import Subject

_OPTIONS = (
    ("--port", "ASGD_PORT", "port that the laws of asgd are held against: package.module:Object"),
    ("--asgd-convention", "ASGD_CONVENTION", "reading of ASGD to judge against (default: auto)"),
    ("--asgd-policy", "ASGD_POLICY", "numeric policy (default: native)"),
    ("--asgd-level", "ASGD_LEVEL", "quick, full or soak (default: quick)"),
    ("--asgd-seed", "ASGD_SEED", "seed of the drawn scenarios (default: 0)"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; where another plugin has one of that name, the variable is left."""
    group = parser.getgroup("asgd")
    for option, variable, text in _OPTIONS:
        try:
            group.addoption(option, default=None, help=f"{text}; or the variable {variable}")
        except ValueError:
            continue


def setting(config: pytest.Config, option: str, default: str) -> str:
    """Value of an option, else of its environment variable, else the default."""
    variable = next(v for name, v, _ in _OPTIONS if name == option)
    given = config.getoption(option, default=None)
    return str(given or os.environ.get(variable) or default)


@pytest.fixture(scope="session")
def asgd_port(request: pytest.FixtureRequest) -> Any:
    """Port under test, loaded once per worker."""
    from .loading import DEFAULT, load  # noqa: PLC0415 - see the module's docstring
    from .port import PortError  # noqa: PLC0415

    name = setting(request.config, "--port", DEFAULT)
    try:
        return load(name)
    except PortError as error:
        pytest.exit(f"asgd: no verdict on {name}: {error}", returncode=2)


@pytest.fixture(scope="session", params=["float32", "float64"])
def subject(request: pytest.FixtureRequest, asgd_port: Any) -> "Subject":
    """Port under test in one dtype, with the convention that it is judged against."""
    from asgd.spec import policy  # noqa: PLC0415 - see the module's docstring

    from .port import greet  # noqa: PLC0415
    from .runner import Subject  # noqa: PLC0415
    from .verify import find_identity  # noqa: PLC0415

    dtype: str = request.param
    hello = greet(asgd_port)
    if dtype not in hello.dtypes:
        pytest.skip(f"the port has no {dtype}")
    required = policy(setting(request.config, "--asgd-policy", "native"))
    name = setting(request.config, "--asgd-convention", "auto")
    identity = find_identity(asgd_port, hello, dtype, name, required)
    return Subject(asgd_port, hello, dtype, identity.convention, required)
