"""Read-out: what a port computes, where no known rule fits.

The designed impulses show it directly. Elements that are 0 until their one gradient, 1, show eta at
each step, and afterwards the factor by which theta decays; one 1 that wanders through the elements
shows the weight of every iterate in the average.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from asgd.reference import formats
from asgd.spec import Convention, Hyperparameters

from .judge import exact_step_size
from .laws import LAWS
from .port import Hello, Observation, Port
from .probes import averaging_weight, step_size
from .scenario import Group, Scenario, Set, Step, drive

_PRECISION = 128
# A family's member must meet every number this well, in units of the dtype's roundoff: far looser
# than any bound, and far tighter than another formula comes by chance.
_GUESS = 2.0**10


@dataclass(frozen=True)
class Readout:
    """Numbers recovered from a port, beside the true ones of a convention.

    Attributes
    ----------
    hyper : str
        Hyperparameters they were recovered with.
    eta, true_eta : list of float
        Step size at steps 1, 2, ...
    decay, true_decay : list of float
        Factor by which theta shrinks at steps 2, 3, ... where its gradient is 0.
    weights : list of float
        Weight of theta_0, theta_1, ... in the last average; empty where that is not shown.
    guess : str
        Formula that the step sizes fit, of a small family, or "".
    linear : bool
        Whether twice the parameters and gradients give exactly twice the result.
    """

    hyper: str
    eta: list[float]
    true_eta: list[float]
    decay: list[float]
    true_decay: list[float]
    weights: list[float]
    guess: str
    linear: bool


def read_out(port: Port, hello: Hello, dtype: str, convention: Convention) -> Readout:
    """Recover the step sizes, decay and averaging weights of ``port``."""
    scenario = step_size(hello.supports)[0]
    trace = drive(port, scenario, dtype)
    hyper = scenario.groups[0].hyper
    eta = [-seen.theta[0][t] for t, seen in enumerate(trace)]
    decay = [_ratio(later.theta[0][0], earlier.theta[0][0]) for earlier, later in pairwise(trace)]
    clocks = [t - convention.eta_lag for t in range(1, len(trace) + 1)]
    true_eta = [true_step_size(t, hyper) for t in clocks]
    weights: list[float] = []
    if not LAWS["averaging_weight"].needs - hello.reads:
        weights = _weights(port, averaging_weight(hello.supports)[2], dtype)
    return Readout(
        hyper=f"lr={hyper.lr}, lambd={hyper.lambd}, alpha={hyper.alpha}",
        eta=eta,
        true_eta=true_eta,
        decay=decay,
        true_decay=[1 - hyper.lambd * x for x in true_eta[1:]],
        weights=weights,
        guess=guess(eta, hyper.lr, hyper.lambd, dtype),
        linear=is_linear(port, hello, dtype),
    )


def _weights(port: Port, scenario: Scenario, dtype: str) -> list[float]:
    """Weights w with average = sum of w_k theta_k, solved from as many elements as iterates."""
    trace = drive(port, scenario, dtype)
    shown = trace[-1].average[0]
    if shown is None:
        return []
    iterates = np.array([scenario.params[0], *(seen.theta[0] for seen in trace)])
    if not np.isfinite(iterates).all() or not np.isfinite(shown).all():
        return []
    solved: list[float] = np.linalg.lstsq(iterates.T, np.array(shown), rcond=None)[0].tolist()
    return solved


def is_float32(port: Port, hello: Hello, equation: str) -> bool:
    """Whether a float64 port's step sizes (E2) or averaging weights (E4) are float32 numbers.

    Impulses show them without a rounding: theta = -eta where theta was 0, and the average is mu
    where it was 0 and theta is 1.
    """
    if equation == "step_size":
        runs = [drive(port, s, "float64") for s in step_size(hello.supports)]
        shown = [seen.theta[0][t] for run in runs for t, seen in enumerate(run)]
    else:
        shown = []
        for scenario in averaging_weight(hello.supports):
            before: Sequence[float] | None = None
            for seen in drive(port, scenario, "float64"):
                after = seen.average[0]
                for j, theta in enumerate(seen.theta[0]):
                    if before and after and theta == 1 and before[j] == 0:
                        shown.append(after[j])
                before = after
    return all(x == float(np.float32(x)) for x in shown if math.isfinite(x))


def is_linear(port: Port, hello: Hello, dtype: str) -> bool:
    """Whether a scenario with every value doubled gives exactly doubled results.

    All of ASGD is linear in theta_0 and the gradients, and doubling is exact in floating point.
    Clipping, adaptive step sizes and algorithms of the same name are not.
    """
    scenario = LAWS["step"].designed(hello.supports)[0]
    # The numbers of the scenario are around 1; these are where a clip or a norm would show.
    for scale in (2.0, 2.0**10, 2.0**-10):
        one = drive(port, scenario, dtype)
        other = drive(port, scaled(scenario, scale), dtype)
        if not all(_is_scaled(a, b, scale) for a, b in zip(one, other, strict=True)):
            return False
    return True


def scaled(scenario: Scenario, scale: float) -> Scenario:
    """``scenario`` with initial values and gradients multiplied by a power of two."""

    def times(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(scale * x for x in values)

    groups = tuple(Group(g.hyper, tuple(times(p) for p in g.params)) for g in scenario.groups)
    events: list[Step | Set] = [
        Step(tuple(None if g is None else times(g) for g in event.grads))
        if isinstance(event, Step)
        else event
        for event in scenario.events
    ]
    return Scenario(groups, tuple(events))


def _is_scaled(one: Observation, other: Observation, scale: float) -> bool:
    pairs = [*zip(one.theta, other.theta, strict=True)]
    pairs += [
        (a, b)
        for a, b in zip(one.average, other.average, strict=True)
        if a is not None and b is not None
    ]
    numbers = [(x, y) for a, b in pairs for x, y in zip(a, b, strict=True)]
    return all(scale * x == y for x, y in numbers if math.isfinite(x))


def guess(eta: Sequence[float], lr: float, lambd: float, dtype: str) -> str:
    """Formula of a small family that all step sizes fit, its one constant read from two of them."""
    u = formats[dtype].u
    if len(eta) < 4 or not all(math.isfinite(x) and x > 0 for x in eta):
        return ""
    for text, formula in _families(eta, lr, lambd):
        if all(abs(x - formula(t)) <= _GUESS * u * abs(x) for t, x in enumerate(eta, 1)):
            return text
    return ""


def _families(
    eta: Sequence[float], lr: float, lambd: float
) -> Iterator[tuple[str, Callable[[int], float]]]:
    first, second, third = eta[:3]
    yield f"{_short(first)}, constant", lambda _: first
    power = -math.log2(second / first)
    yield f"{_short(first)} / t^{_short(power)}", lambda t: first * t**-power
    ratio = second / first
    yield f"{_short(first)} * {_short(ratio)}^(t - 1)", lambda t: first * ratio ** (t - 1)
    slope = 1 / second - 1 / first
    start = 1 / first - slope
    yield f"1 / ({_short(start)} + {_short(slope)} t)", lambda t: 1 / (start + slope * t)
    for lag, at in ((0, "t"), (1, "(t - 1)"), (-1, "(t + 1)")):
        # lr / (1 + lambd lr (t - lag))^p, with p read from the third step.
        base = 1 + lambd * lr * (3 - lag)
        if lr > 0 and base > 1:
            p = -math.log(third / lr) / math.log(base)
            decay = partial(_decay, lr=lr, z=lambd * lr, lag=lag, p=p)
            yield f"lr / (1 + lambd lr {at})^{_short(p)}", decay


def _decay(t: int, *, lr: float, z: float, lag: int, p: float) -> float:
    return lr / math.pow(1 + z * (t - lag), p)


def _short(x: float) -> str:
    return f"{x:.6g}"


def _ratio(x: float, y: float) -> float:
    return x / y if y else math.nan


def true_step_size(t: int, hyper: Hyperparameters) -> float:
    """Step size after t steps (E2), to float64."""
    exact = exact_step_size(max(t, 0), hyper.lr, hyper.lambd, hyper.alpha, _PRECISION)
    low, high = exact.bounds()
    return float((low + high) / 2)
