"""The truth: the equations in arbitrary precision, and the certificate that proves their values.

`gradient` to `step` are the definition, to be read. Called with `real` numbers they give mpmath
values; called with `Enclosure` they give intervals of integers that contain the exact result.
"""

from . import equations
from .certified.enclosure import Enclosure, decide
from .certified.trajectory import trajectory
from .numbers import Real, names_overflow, real
from .optimizer import ASGD, Parameter
from .rounding import Format, formats, ulp

gradient = names_overflow(equations.gradient)
step_size = names_overflow(equations.step_size)
descend = names_overflow(equations.descend)
averaging_weight = names_overflow(equations.averaging_weight)
average = names_overflow(equations.average)
step = names_overflow(equations.step)

__all__ = [
    "ASGD",
    "Enclosure",
    "Format",
    "Parameter",
    "Real",
    "average",
    "averaging_weight",
    "decide",
    "descend",
    "formats",
    "gradient",
    "real",
    "step",
    "step_size",
    "trajectory",
    "ulp",
]
