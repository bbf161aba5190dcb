"""What ASGD is: numbered equations, conventions, domains, and the interface, as prose and data.

The prose is ``asgd.md`` (equations) and ``tolerance.md`` (what rounding may cost). This package
imports nothing else of ours, and computes nothing.
"""

from .conventions import CONVENTIONS, Convention, convention
from .equations import EQUATIONS, Equation, EquationName, equation_name
from .faults import FAULTS, Fault
from .hyperparameters import DEFAULTS, Hyperparameters, check_hyperparameter, domain
from .optimizer import Optimizer
from .policies import POLICIES, Policy, policy

__all__ = [
    "CONVENTIONS",
    "DEFAULTS",
    "EQUATIONS",
    "FAULTS",
    "POLICIES",
    "Convention",
    "Equation",
    "EquationName",
    "Fault",
    "Hyperparameters",
    "Optimizer",
    "Policy",
    "check_hyperparameter",
    "convention",
    "domain",
    "equation_name",
    "policy",
]
