"""Units of a soak as tests, one each: so pytest-xdist spreads them over the cores of a machine."""

from fractions import Fraction

import pytest
from pytest_asgd import setting

from asgd.tests.ports.loading import DEFAULT
from asgd.tests.report.law_tests import Judged
from asgd.tests.soak.units import Plan, make_plan, run_unit

pytest_plugins = ("asgd.tests.plugin",)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each unit asked for."""
    units = int(setting(metafunc.config, "units", "1"))
    metafunc.parametrize("unit", range(units))


@pytest.fixture(scope="session")
def plan(request: pytest.FixtureRequest, judged: Judged) -> Plan:
    """Plan of the soak, for a port that conforms as far as is known."""
    report = judged.report(judged.dtypes)
    if report.verdict != "conforms" or report.deviations:
        pytest.skip(f"needs a port without deviations: {report.headline}")
    config = request.config
    policy = setting(config, "policy", "auto")
    return make_plan(
        setting(config, "port", DEFAULT),
        seed=int(setting(config, "seed", "0")),
        name=setting(config, "convention", "auto"),
        policy_name="native" if policy == "auto" else policy,
    )


def test_unit(plan: Plan, unit: int) -> None:
    """A unit finds nothing, and decides everything."""
    result = run_unit(plan, unit)
    failure = result["failure"]
    if failure:
        place = f"step {failure['call']}, parameter {failure['parameter']}"
        pytest.fail(
            f"unit {unit}: {result['kind']} is broken in {result['dtype']}\n"
            f"  {failure['quantity']} at {place}, element {failure['element']}\n"
            f"  exact {float(Fraction(failure['expected']['lo']))!r}\n"
            f"  got   {failure['got']}\n"
            f"repeat with: asgd soak {plan.port} --seed {plan.seed} --units {unit + 1}",
            pytrace=False,
        )
    assert not result["undecided"], f"{result['undecided']} numbers stayed undecided"
