"""ASGD in NumPy, float32 and float64: the equations as kernels, and the optimizer people use."""

from .equations import average, averaging_weight, descend, gradient, step
from .optimizer import ASGD, Parameter
from .step_size import step_size

__all__ = [
    "ASGD",
    "Parameter",
    "average",
    "averaging_weight",
    "descend",
    "gradient",
    "step",
    "step_size",
]
