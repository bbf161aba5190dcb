"""Certified trajectories: every step of one parameter as enclosures (the simple engine)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from asgd.spec import convention as find_convention

from .enclosure import PRECISION, Enclosure
from .equations import step

# Beyond any step that is taken; so the window of t0 = inf never opens.
_NEVER = 2.0**80


def trajectory(
    theta: Sequence[float],
    grads: Iterable[Sequence[float] | None],
    *,
    lr: float,
    lambd: float,
    alpha: float,
    t0: float,
    weight_decay: float,
    maximize: bool = False,
    convention: str = "documented",
    precision: int = PRECISION,
) -> Iterator[tuple[list[Enclosure], list[Enclosure] | None]]:
    """Enclosures of theta and the average after each step (E6).

    Parameters
    ----------
    theta : (n,) floats
        Initial value, exact.
    grads : iterable of (n,) floats, or None
        Gradient of each step, exact; None: no gradient, and the parameter is left alone.
    lr, lambd, alpha, t0, weight_decay, maximize
        Hyperparameters, exact.
    convention : str
        Reading of ASGD.
    precision : int
        Bits of the enclosures. They contain the exact values whatever it is.

    Yields
    ------
    theta : list of n Enclosure
    average : list of n Enclosure, or None where the convention leaves it undefined

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> from asgd.reference import formats
    >>> [(theta, average)] = trajectory(
    ...     [1.0], [[1.0]], lr=0.5, lambd=0.0, alpha=0.75, t0=0, weight_decay=0.0)
    >>> theta[0].rounded(formats["float32"]), average[0].rounded(formats["float32"])
    (0.5, 0.75)
    """
    rule = find_convention(convention)

    def exact(x: float) -> Enclosure:
        return Enclosure.of(x, precision)

    hyper: dict[str, Any] = {
        "lr": exact(lr),
        "lambd": exact(lambd),
        "alpha": exact(alpha),
        "t0": exact(min(rule.read_t0(t0), _NEVER)),
        "weight_decay": exact(weight_decay),
    }
    thetas = [exact(x) for x in theta]
    averages: list[Enclosure] | None = thetas
    t = 0
    for grad in grads:
        if grad is not None:
            t += 1
            pairs: list[Any] = [
                step(x, mean, t, exact(g), maximize=maximize, convention=rule, **hyper)
                for x, mean, g in zip(thetas, averages or thetas, grad, strict=True)
            ]
            thetas = [x for x, _ in pairs]
            averages = None if any(mean is None for _, mean in pairs) else [m for _, m in pairs]
        yield thetas, averages
