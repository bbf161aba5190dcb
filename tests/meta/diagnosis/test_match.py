"""What is nearly right is not taken for a quantity of too few bits."""

import math

import pytest
from everyday_ports import Float32Pow, Plain

from asgd.spec import policy
from asgd.tests.diagnosis.convention import find_identity
from asgd.tests.ports.importing import import_port
from asgd.tests.ports.protocol import greet


class ShortSeries(Plain):
    """For a small z the power is the beginning of its series."""

    def eta(self, g, t):
        z = g["lambd"] * g["lr"] * t
        return g["lr"] * (1 - g["alpha"] * z) if z < 1e-3 else super().eta(g, t)


class WeightEpsilon(Plain):
    """The divisor of mu is kept from zero."""

    def mu(self, g, t):
        t0 = g["t0"]
        n = max(1, t + 1 - (t0 if math.isinf(t0) else math.ceil(t0)))
        return 1 / (n + 1e-8) if n > 1 else 1


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (ShortSeries, []),
        (WeightEpsilon, []),
        (Float32Pow, ["eta-float32-computed"]),
    ],
)
def test_few_bits_must_show(make, names):
    """Where they would, and nowhere else."""
    port = import_port(make)
    found = find_identity(port, greet(port), "float64", "auto", policy("native"))
    assert [name for one in found.explanations for name in one.faults] == names
