"""Hyperparameters, parameters and gradients with which a wrong step shows at once.

As in `designed`, they are strong.
"""

from asgd.spec import Hyperparameters

from ..ports.scenario import Vector

STRONG = Hyperparameters(lr=0.5, lambd=0.5, alpha=0.75, t0=2.0, weight_decay=0.25, maximize=False)
OTHER = STRONG._replace(lr=0.125, lambd=2.0, alpha=0.5, t0=1.0, weight_decay=0.0)
THETA: Vector = (1.0, -0.75, 3.0)
GRAD: Vector = (0.5, 2.0, -1.25)


def wave(t: int, size: int) -> Vector:
    """Gradient of step ``t``: it changes from step to step, and from element to element."""
    return tuple((-1.0) ** (t + j) * (1 + 0.25 * t) + 0.125 * j for j in range(size))


def tiled(values: Vector, size: int) -> Vector:
    """A vector of a size, of these values over and over."""
    return (values * (size // len(values) + 1))[:size]
