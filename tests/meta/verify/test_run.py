"""What a run does to the process that it happens in."""

import gc

import pytest

from asgd.tests.ports.protocol import PortError
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify


class Asked:
    """A port that notes how often cycles are looked for, and says no more."""

    def hello(self):
        self.threshold = gc.get_threshold()
        raise PortError("that is all")


@pytest.fixture
def _as_before():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(("usual", "meanwhile"), [(700, 50_000), (10**6, 10**6), (0, 0)])
@pytest.mark.usefixtures("_as_before")
def test_cycles_are_seldom_looked_for(usual, meanwhile):
    """And what the process has set is as it was afterwards: never stays never."""
    gc.set_threshold(usual, 7, 9)
    port = Asked()
    assert verify(port, "asked", Options()).error
    assert port.threshold[0] == meanwhile
    assert gc.get_threshold() == (usual, 7, 9)
