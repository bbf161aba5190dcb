"""What is said of ports with everyday bugs, as their authors would write them."""

from typing import Any

import everyday_ports
import more_everyday_ports
import plausible_ports
import pytest
from naming import names_of

from asgd.tests.ports.adapters import adapt
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

_MARKS: dict[str, Any] = {
    **dict.fromkeys(("PowerAndNoPenalty", "CachedEta"), ()),
    **dict.fromkeys(("TruncatedT0", "HalvedAndFlushed", "Float32Decay"), pytest.mark.slow),
}


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("module", "name"),
    [
        pytest.param(module, name, marks=_MARKS.get(name, pytest.mark.nightly))
        for module in (everyday_ports, more_everyday_ports, plausible_ports)
        for name in module.EVERYDAY
    ],
)
def test_everyday_bugs_are_named(module, name):
    """By the names that their author would understand, and by no other."""
    port = adapt(getattr(module, name), f"{module.__name__}:{name}")
    [found] = verify(port, name, Options(dtypes=("float64",))).dtypes
    assert names_of(found) == module.EVERYDAY[name]
