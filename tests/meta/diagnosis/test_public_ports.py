"""What is said of bugs and forms of public code, in both dtypes."""

import public_ports
import pytest

from asgd.tests.ports.adapters import adapt
from asgd.tests.ports.protocol import DTYPES
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify


def names(port, name, dtype):
    """Names that the verdict gives in one dtype."""
    [found] = verify(port, name, Options(dtypes=(dtype,))).dtypes
    return {deviation.id for deviation in found.deviations}


@pytest.mark.slow  # Whole verdicts.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", public_ports.PUBLIC)
def test_public_bugs_are_named(name, dtype):
    """What is irrelevant does not change a name: how averages are shown, how t0 is read."""
    port = adapt(getattr(public_ports, name), f"public_ports:{name}")
    expected, single = public_ports.PUBLIC[name]
    if dtype == "float32" and single is not None:
        expected = single
    assert names(port, name, dtype) == expected
