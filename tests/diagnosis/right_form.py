"""Which right form a port computes, where the plain policy does not hold.

A policy of a right form is chosen only for a port whose every bit an order of its family gives:
nothing wrong can hide behind it.
"""

from asgd.spec import POLICIES, Policy

from ..faults.scaled_storage import reproduces
from ..laws.outcome import Subject
from .fingerprint import Fingerprint, lives


def right_form(subject: Subject, found: Fingerprint | None) -> Policy | None:
    """Policy of the right form that a port computes, to the bit; None where there is none.

    Parameters
    ----------
    subject : Subject
        The port.
    found : Fingerprint or None
        Its evaluation orders, as far as they are known.
    """
    if found is None or found.averages is None:
        return None
    if found.form is not None:
        return found.form
    runs = [(scenario, subject.trace(scenario)) for scenario in lives()]
    stored = reproduces(runs, subject.convention, subject.dtype)
    return POLICIES["scaled-storage"] if stored else None
