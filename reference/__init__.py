"""The truth: the equations in arbitrary precision, and the certificate that proves their values.

`gradient` to `step` are the definition, to be read. Called with `real` numbers they give mpmath
values; called with `Enclosure` they give intervals of integers that contain the exact result.
"""

from .certified.enclosure import Enclosure, decide
from .certified.trajectory import trajectory
from .equations import average, averaging_weight, descend, gradient, step, step_size
from .numbers import Real, real
from .optimizer import ASGD, Parameter
from .rounding import Format, formats, ulp

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
