"""Units of a soak as tests, one each: so pytest-xdist spreads them over the cores of a machine."""

import json

import pytest
from pytest_asgd import setting

from asgd.tests.ports.loading import DEFAULT
from asgd.tests.soak.units import Plan, make_plan, run_unit

pytest_plugins = ("asgd.tests.plugin",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each unit asked for."""
    units = int(setting(metafunc.config, "units", "1"))
    metafunc.parametrize("unit", range(units))


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest) -> Plan:
    """Plan of the soak, for the port under test."""
    config = request.config
    return make_plan(
        setting(config, "port", DEFAULT),
        seed=int(setting(config, "seed", "0")),
        name=setting(config, "convention", "auto"),
        policy_name=setting(config, "policy", "native"),
    )


def test_unit(plan: Plan, unit: int) -> None:
    """A unit finds nothing, and decides everything."""
    result = run_unit(plan, unit)
    if result["failure"]:
        pytest.fail(json.dumps(result, indent=1), pytrace=False)
    assert not result["undecided"], f"{result['undecided']} numbers stayed undecided"
