"""Which right form a port computes, where the plain policy does not hold.

A policy of a right form is chosen only for a port whose every bit an order of its family gives:
nothing wrong can hide behind it.
"""

from asgd.spec import POLICIES, Policy

from ..faults.evaluation_orders import LOGARITHMIC
from ..faults.fingerprint import fingerprint, lives
from ..faults.scaled_storage import reproduces
from ..laws.outcome import Subject

_FAMILIES = {LOGARITHMIC: "log-step-size"}


def right_form(subject: Subject) -> Policy | None:
    """Policy of the right form that a port computes, to the bit; None where there is none."""
    if not {"average"} <= subject.hello.reads:
        return None
    runs = [(scenario, subject.trace(scenario)) for scenario in lives()]
    for family, name in _FAMILIES.items():
        if fingerprint(runs, subject.convention, subject.dtype, family).reproduces:
            return POLICIES[name]
    if reproduces(runs, subject.convention, subject.dtype):
        return POLICIES["scaled-storage"]
    return None
