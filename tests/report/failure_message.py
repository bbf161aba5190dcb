"""A failure in words."""

from asgd.spec import EQUATIONS

from ..laws.outcome import Failure, Subject
from .numbers import decimal


def sentence(failure: Failure, equation: str, subject: Subject) -> str:
    """What broke, where, by how much, and in which scenario."""
    judgement, entry = failure.judgement, EQUATIONS[equation]
    low, _ = judgement.exact.bounds()
    rule = f"{subject.dtype}, convention {subject.convention.name}, policy {subject.policy.name}"
    where = f"step {judgement.call}, parameter {judgement.parameter}, element {judgement.element}"
    ulps = f"{judgement.error_ulp(subject.rule.arithmetic):.3g} ulp"
    bounds = f"{judgement.error_bounds:.3g} times what rounding may cost"
    lines = [
        f"{entry.id} {entry.name} is broken ({rule})",
        f"  {judgement.quantity} at {where}",
        f"  exact {decimal(low)}",
        f"  got   {judgement.got!r} = {judgement.got.hex()}",
        f"  off by {ulps}, {bounds}",
        *(f"  group {i}: {group}" for i, group in enumerate(failure.scenario.groups)),
        *(f"  {event}" for event in failure.scenario.events[: judgement.call + 2]),
        f"  what it should be: asgd explain {entry.id}",
    ]
    return "\n".join(lines)
