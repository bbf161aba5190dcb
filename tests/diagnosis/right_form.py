"""Which right form a port computes, where the plain policy does not hold.

A policy of a right form is chosen only for a port whose every bit an order of its family gives:
nothing wrong can hide behind it.
"""

from collections.abc import Sequence
from dataclasses import replace

from asgd.spec import POLICIES, Policy

from ..faults.scaled_storage import reproduces
from ..laws.outcome import Failure, Subject
from ..oracle.stepwise import judge
from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from .dense_runs import dense_runs, dense_steps
from .orders import Fingerprint
from .window_sums import sums_window

_BOTH = frozenset({"theta", "average"})


def right_form(
    subject: Subject, found: Fingerprint | None, failures: Sequence[Failure]
) -> Policy | None:
    """Policy of the right form that a port computes, to the bit; None where there is none.

    Parameters
    ----------
    subject : Subject
        The port.
    found : Fingerprint or None
        Its evaluation orders, as far as they are known.
    failures : sequence of Failure
        Where it deviates under the plain policy.
    """
    if found is None or found.averages is None:
        return None
    if found.form is not None:
        return found.form
    runs = [(scenario, subject.trace(scenario)) for scenario in dense_runs()]
    # Where an order of E3 as it is printed gives theta, no other form of it explains anything.
    if all(orders.alive for orders in found.updates.values()):
        form = POLICIES["window-sum"]
        # A sum that is kept is no other form than the plain one, until the plain one fails it.
        if not any(_explains(form, subject, failure) for failure in failures):
            return None
        steps = [
            list(dense_steps(number, *run, subject.convention, subject.dtype))
            for number, run in enumerate(runs, 1)
        ]
        return form if sums_window(steps, found.averages, subject.dtype) else None
    form = POLICIES["scaled-storage"]
    # To look for the order takes longer than to see that the policy would not help.
    if any(_fails(form, subject, run) for run in runs):
        return None
    return form if reproduces(runs, subject.convention, subject.dtype) else None


def _explains(form: Policy, subject: Subject, failure: Failure) -> bool:
    """Whether a failure of the average is none under the policy of a form."""
    if failure.judgement.quantity not in ("average", "mu"):
        return False
    return not _fails(form, subject, (failure.scenario, subject.trace(failure.scenario)))


def _fails(form: Policy, subject: Subject, run: tuple[Scenario, Sequence[Observation]]) -> bool:
    loose = replace(subject, policy=form).rule
    return any(one.verdict == "fail" for one in judge(*run, loose, _BOTH))
