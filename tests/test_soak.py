"""Units of a soak as tests, one each: so pytest-xdist spreads them over the cores of a machine."""

import json

import pytest

from asgd.tests.loading import DEFAULT
from asgd.tests.plugin import setting
from asgd.tests.soak import Plan, make_plan, run_unit


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each unit asked for."""
    units = int(setting(metafunc.config, "--asgd-units", "1"))
    metafunc.parametrize("unit", range(units))


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    """Plan of the soak, for the port under test."""
    config = request.config
    return make_plan(
        setting(config, "--port", DEFAULT),
        seed=int(setting(config, "--asgd-seed", "0")),
        name=setting(config, "--asgd-convention", "auto"),
        policy_name=setting(config, "--asgd-policy", "native"),
    )


def test_unit(plan: Plan, unit: int) -> None:
    """A unit finds nothing, and decides everything."""
    result = run_unit(plan, unit)
    if result["failure"]:
        pytest.fail(json.dumps(result, indent=1), pytrace=False)
    assert not result["undecided"], f"{result['undecided']} numbers stayed undecided"
