"""What nobody knows in one part of a port does not hide a known fault in another."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from independent_faults import CATALOGUED, UNCATALOGUED, Plain, size

from asgd.spec import POLICIES, convention
from asgd.tests.diagnosis.convention import find_identity
from asgd.tests.diagnosis.root_cause import blamed
from asgd.tests.laws.equations import LAWS
from asgd.tests.laws.hold import hold
from asgd.tests.laws.outcome import Subject
from asgd.tests.ports.protocol import DTYPES, greet
from asgd.tests.report.build import build
from asgd.tests.report.text import conventions
from asgd.tests.verify.result import Deviation, Options, Result
from asgd.tests.verify.run import verify

KNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "theta": (
            "eta-power-inside",
            "eta-constant",
            "decay-missing",
            "gradient-by-lr",
            "maximize-flips-penalty",
        ),
        "average": (
            "averaging-from-start",
            "average-of-old-theta",
            "average-exponential",
            "averaging-never",
        ),
    }
)
UNKNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "theta": ("eta-alpha-times", "adaptive", "clip-by-value", "decay-lazy"),
        "average": ("mu-root", "t0-doubled", "average-last-three", "mu-floor"),
    }
)
PAIRS = [
    *(
        (known, unknown)
        for half, other in (("theta", "average"), ("average", "theta"))
        for k, known in enumerate(KNOWN[half])
        for unknown in (UNKNOWN[other][k % 4], UNKNOWN[other][(k + 1) % 4])
    ),
    ("eta-power-inside", "penalty-squared"),
    ("eta-constant", "decay-once"),
    ("decay-missing", "eta-alpha-times"),
    ("weight-decay-ignored", "eta-lambd-squared"),
    ("maximize-flips-penalty", "eta-epsilon"),
]


def both(known: str, unknown: str) -> Plain:
    """Port with the parts of two others."""
    plain = Plain().parts

    def replaced(port: Plain) -> dict[str, Any]:
        return {k: v for k, v in port.parts.items() if v.__name__ != plain[k].__name__}

    return Plain(**{**replaced(CATALOGUED[known]), **replaced(UNCATALOGUED[unknown])})


@pytest.mark.slow
@pytest.mark.sample(3, rest="nightly")
@pytest.mark.parametrize(
    ("known", "unknown", "dtype"), [(*pair, DTYPES[k // 2 % 2]) for k, pair in enumerate(PAIRS)]
)
def test_known_part_is_named(known: str, unknown: str, dtype: str) -> None:
    """Among all conventions."""
    port = both(known, unknown)
    identity = find_identity(port, greet(port), dtype, "auto", POLICIES["native"])
    assert identity.explanations == ()
    assert known in {ident for ids in identity.parts.faults.values() for ident in ids}


def _verified(known: str, unknown: str) -> Result:
    return verify(both(known, unknown), "two", Options(dtypes=("float64",)))


def _said(known: str, unknown: str) -> list[Deviation]:
    return _verified(known, unknown).dtypes[0].deviations


@pytest.mark.slow
def test_verdict_names_one_half_and_not_the_other() -> None:
    """In the equations' order, each with a failure of its own."""
    result = _verified("averaging-from-start", "eta-alpha-times")
    assert [(d.id, d.equation) for d in result.deviations] == [
        ("unknown", "step_size"),
        ("averaging-from-start", "averaging_weight"),
    ]
    # The convention of the part that fits is printed.
    [(_, text)] = conventions(build(result))
    assert text.endswith("(theta: no convention fits; average: documented)")
    said = _said("eta-power-inside", "mu-root")
    assert [(d.id, d.equation) for d in said] == [
        ("eta-power-inside", "step_size"),
        ("unknown", "averaging_weight"),
    ]


@pytest.mark.slow
def test_step_size_and_update_are_told_apart() -> None:
    """Though both make theta."""
    said = _said("decay-missing", "eta-alpha-times")
    assert [(d.id, d.equation) for d in said] == [
        ("unknown", "step_size"),
        ("decay-missing", "descend"),
    ]
    said = _said("eta-power-inside", "penalty-squared")
    assert [(d.id, d.equation) for d in said] == [
        ("not-linear", "gradient"),
        ("eta-power-inside", "step_size"),
    ]


@pytest.mark.slow
def test_what_is_not_linear_hides_no_known_average() -> None:
    """Clipping leaves the average as it is."""
    said = _said("average-exponential", "clip-by-value")
    assert [d.id for d in said] == ["not-linear", "average-exponential"]


def test_an_eta_that_is_wrong_later_is_blamed_on_its_equation():
    """The decay, which would show it, is followed as far as the failure lies."""
    port = Plain(size=lambda p, i, t, h: float(size(p, i, t, h)) * (1 + (t > 7) / 1024))
    subject = Subject(port, greet(port), "float64", convention("documented"), POLICIES["native"])
    failure = hold(LAWS["step_size"], subject, examples=0, seed=0).failure
    assert failure is not None
    assert failure.judgement.t == 8
    assert list(blamed({"step_size": failure}, subject)) == ["step_size"]
