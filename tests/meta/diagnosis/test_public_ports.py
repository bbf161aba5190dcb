"""What is said of bugs and forms of public code, in both dtypes."""

from pathlib import Path

import public_ports
import pytest
from naming import names_of

from asgd.tests.ports.adapters import adapt
from asgd.tests.ports.loading import load
from asgd.tests.ports.protocol import DTYPES
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify


def names(port, name, dtype):
    """Names that the verdict gives in one dtype."""
    [found] = verify(port, name, Options(dtypes=(dtype,))).dtypes
    return names_of(found)


@pytest.mark.nightly  # Whole verdicts.
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", public_ports.PUBLIC)
def test_public_bugs_are_named(name, dtype):
    """What is irrelevant does not change a name: how averages are shown, how t0 is read."""
    port = adapt(getattr(public_ports, name), f"public_ports:{name}")
    expected, single = public_ports.PUBLIC[name]
    if dtype == "float32" and single is not None:
        expected = single
    assert names(port, name, dtype) == expected


_TORCH = [
    ("TensorLr", "float64", {"eta-float32-stored", "mu-float32-stored", "eta-widened-at-load"}),
    ("TensorLr", "float32", set()),
    ("Wide", "float32", {"eta-narrowed-at-load"}),
    (
        "Capturable",
        "float64",
        {
            "eta-float32-stored",
            "mu-float32-stored",
            "decay-float32-computed",
            "eta-widened-at-load",
        },
    ),
    ("Capturable", "float32", set()),
    ("OfParts", "float64", {"averaging-without-start"}),
    ("OfParts", "float32", {"averaging-without-start"}),
]


@pytest.mark.nightly  # Whole verdicts, and torch is imported.
@pytest.mark.parametrize(("name", "dtype", "expected"), _TORCH)
def test_what_rests_on_torch_is_named(name, dtype, expected):
    """In a child process: torch's default dtype is the whole process's."""
    pytest.importorskip("torch")
    path = Path(public_ports.__file__).with_name("torch_ports.py")
    assert names(load(f"{path}:{name}"), name, dtype) == expected
