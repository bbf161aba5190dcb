"""Half a diagnosis: what a port does to theta, or to the average, where the other half is unknown.

The average is explained from the thetas that the port had, and theta without the average. So a rule
that nobody knows in one half does not hide a known fault in the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from asgd.spec import Convention

from .diagnose import Explanation, Traces, explain_half

HALVES = {
    "theta": ("gradient", "step_size", "descend"),
    "average": ("averaging_weight", "average"),
}
"""Equations of theta, and of the average."""


@dataclass(frozen=True)
class Half:
    """Explanation of one half of a port.

    Attributes
    ----------
    equations : tuple of str
        Equations of that half.
    explanations : tuple of Explanation
        The simplest ones; each has at least one fault.
    """

    equations: tuple[str, ...]
    explanations: tuple[Explanation, ...]


def explain_partly(traces: Traces, conventions: Sequence[Convention]) -> Half | None:
    """Half that a known fault explains, of a port that is unknown as a whole.

    None where both halves are unknown, or the half that is known has no fault: then there is
    nothing to name.
    """
    for name, equations in HALVES.items():
        found = explain_half(traces, conventions, theta=name == "theta")
        if found and found[0].faults:
            return Half(equations, tuple(found))
    return None
