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
from ..ports.counter import RESTED
from ..scenarios.lifecycle import long
from .dense_runs import dense_runs
from .orders import Fingerprint
from .window_sums import Run, sums_window

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
    if found is None:
        return None
    if found.form is not None:
        return found.form
    runs = [(scenario, subject.trace(scenario)) for scenario in dense_runs()]
    # Where an order of E3 as it is printed gives theta, no other form of it explains anything.
    if all(orders.alive for orders in found.updates.values()):
        return None if found.averages is None else _form_of_average(subject, runs, failures)
    form = POLICIES["scaled-storage"]
    # To look for the order takes longer than to see that the policy would not help.
    if any(_fails(form, subject, run) for run in runs):
        return None
    # An average that an order of E5 gives from theta, or that is not shown, is in no storage.
    plain = found.averages is None or bool(found.averages.alive)
    return form if reproduces(runs, subject.convention, subject.dtype, plain=plain) else None


def _form_of_average(
    subject: Subject, runs: Sequence[Run], failures: Sequence[Failure]
) -> Policy | None:
    """Policy of averages that are made anew, where they break the plain one and nothing else does.

    Their bound grows with the window, so the bits are asked for over long runs, too: those in which
    the plain policy is broken, and that of the law `long`.
    """
    form = POLICIES["window-sum"]
    broken = [f.scenario for f in failures if f.judgement.quantity in {"average", "mu"}]
    # Where all is 0 until the last steps of a long run, no sum of a window rounds.
    if any(one.groups[0].hyper == RESTED for one in broken):
        return None
    seen = [(scenario, subject.trace(scenario)) for scenario in broken]
    seen = [run for run in seen if _fails(subject.policy, subject, run)]
    if not seen or any(_fails(form, subject, run) for run in seen):
        return None
    lasting = [(scenario, subject.trace(scenario)) for scenario in long(subject.hello.supports)]
    every = [*runs, *seen, *lasting]
    return form if sums_window(every, subject.convention, subject.dtype) else None


def _fails(policy: Policy, subject: Subject, run: Run) -> bool:
    rule = replace(subject, policy=policy).rule
    return any(one.verdict == "fail" for one in judge(*run, rule, _BOTH))
