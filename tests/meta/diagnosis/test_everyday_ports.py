"""What is said of ports with everyday bugs, as their authors would write them."""

import everyday_ports
import pytest

from asgd.tests.ports.adapters import adapt
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

_QUICK = ("PowerAndNoPenalty", "TruncatedT0")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if n in _QUICK else pytest.mark.nightly)
        for n in everyday_ports.EVERYDAY
    ],
)
def test_everyday_bugs_are_named(name):
    """By the names that their author would understand, and by no other."""
    port = adapt(getattr(everyday_ports, name), f"everyday_ports:{name}")
    [found] = verify(port, name, Options(dtypes=("float64",))).dtypes
    assert {d.id for d in found.deviations} == everyday_ports.EVERYDAY[name]
    assert found.convention is not None
