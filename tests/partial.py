"""A diagnosis in parts: known faults of a port that is unknown as a whole.

The average is explained from the thetas that the port had, theta without the average, the step size
by elements that were 0, and the update by the step size that those show. So a rule that nobody
knows in one part does not hide a known fault in another.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from asgd.spec import Convention

from .diagnose import Explanation, Traces, explain_part

_EQUATIONS = {
    "theta": ("gradient", "step_size", "descend"),
    "eta": ("step_size",),
    "update": ("gradient", "descend"),
    "average": ("averaging_weight", "average"),
}


@dataclass(frozen=True)
class Part:
    """Explanation of a part of a port.

    Attributes
    ----------
    equations : tuple of str
        Equations of that part.
    explanations : tuple of Explanation
        The simplest ones; each has at least one fault.
    """

    equations: tuple[str, ...]
    explanations: tuple[Explanation, ...]


def explain_partly(traces: Traces, conventions: Sequence[Convention]) -> tuple[Part, ...]:
    """Parts that known faults explain, of a port that is unknown as a whole.

    A part that has no fault is not among them: then there is nothing to name.
    """
    found = {name: explain_part(traces, conventions, name) for name in ("theta", "average")}
    if not found["theta"]:
        found |= {name: explain_part(traces, conventions, name) for name in ("eta", "update")}
    return tuple(
        Part(equations, tuple(found[name]))
        for name, equations in _EQUATIONS.items()
        if found.get(name) and found[name][0].faults
    )
