"""Which right form a port computes, where the plain policy does not hold.

A policy of a right form is chosen only for a port whose every bit an order of its family gives:
nothing wrong can hide behind it.
"""

from dataclasses import replace

from asgd.spec import POLICIES, Policy

from ..faults.scaled_storage import reproduces
from ..laws.outcome import Subject
from ..oracle.stepwise import judge
from .dense_runs import dense_runs
from .orders import Fingerprint

_BOTH = frozenset({"theta", "average"})


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
    if all(orders.alive for orders in found.updates.values()):
        # Where an order of E3 as it is printed gives theta, no other form explains anything.
        return None
    stored = POLICIES["scaled-storage"]
    runs = [(scenario, subject.trace(scenario)) for scenario in dense_runs()]
    loose = replace(subject, policy=stored).rule
    # To look for the order takes longer than to see that the policy would not help.
    judged = (one for run in runs for one in judge(*run, loose, _BOTH))
    if any(one.verdict == "fail" for one in judged):
        return None
    return stored if reproduces(runs, subject.convention, subject.dtype) else None
