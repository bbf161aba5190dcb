"""The averaging window at one step (E4): what the average is a sum of."""

from dataclasses import dataclass
from fractions import Fraction

from asgd.reference.certified.coefficients import NEVER, window_weights
from asgd.spec import Convention


@dataclass(frozen=True)
class Window:
    """Exact weights with average' = old average + previous theta + new theta'.

    Attributes
    ----------
    old, previous, new : Fraction
        Weights of the average before, of theta before, and of theta after the step.
    mu : Fraction or None
        The averaging weight; None where the convention has no mu.
    begin : float
        t0 as the convention reads it; a large number for one that never comes.
    is_mean : bool
        Whether the step is average + mu (theta - average); else it is a plain sum.
    """

    old: Fraction
    previous: Fraction
    new: Fraction
    mu: Fraction | None
    begin: float
    is_mean: bool


def window(t: int, t0: float, convention: Convention) -> Window | None:
    """Window at step ``t``; None where the convention leaves the average undefined."""
    weights = window_weights(t, t0, convention, Fraction)
    if weights is None:
        return None
    old, previous, new = weights
    literal = convention.divisor == "t-t0" and t >= t0
    # A window that has just opened is a sum: its weights need not add up to 1.
    is_mean = not literal or (previous == 0 and old != 0)
    begin = min(convention.read_t0(t0), NEVER)
    return Window(old, previous, new, None if literal else new, begin, is_mean)
