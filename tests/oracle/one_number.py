"""One number in integers: its exact value, the error allowed, and the verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from asgd.reference import Enclosure
from asgd.reference import equations as truth
from asgd.reference.certified.enclosure import HIGHEST_PRECISION, PRECISION, TooWideError
from asgd.reference.tolerance import (
    Arithmetic,
    average_tolerance,
    averaging_weight_error,
    step_size_error,
    weighted_sum_tolerance,
)
from asgd.spec import Hyperparameters

from .judgement import Judgement, Place, Quantity, Verdict
from .window import Window

# Below this no result of either format can be told from zero.
_NEGLIGIBLE = -1400


Number = Any
"""`Enclosure`, or a subclass: what exact values are made of."""
Rates = tuple[float, float, float]
"""lr, lambd and alpha."""


@lru_cache(maxsize=1 << 14)
def exact_step_size(
    t: int,
    lr: float,
    lambd: float,
    alpha: float,
    precision: int,
    number: Number = Enclosure,
) -> Enclosure:
    """Enclosure of E2, of a relative width below 2**-(precision - 32) unless it is negligible."""
    bits = precision
    while True:
        try:
            eta = truth.step_size(
                t,
                lr=number.of(lr, bits),
                lambd=number.of(lambd, bits),
                alpha=number.of(alpha, bits),
            )
            assert isinstance(eta, Enclosure)
            narrow = (eta.high - eta.low).bit_length() <= eta.high.bit_length() - precision + 32
            point = eta.low == eta.high
            if narrow or point or eta.high.bit_length() + eta.exponent < _NEGLIGIBLE:
                kept: Enclosure = number.of(eta, precision)
                return kept
        except TooWideError:
            pass
        bits *= 2


class StepSize:
    """eta of one step: its enclosure at any precision, and the error allowed.

    Attributes
    ----------
    rates : (int, (float, float, float))
        Steps; lr, lambd and alpha.
    error : (float, float)
        Relative and absolute.
    size : float
        Upper bound of eta.
    """

    def __init__(
        self,
        clock: int,
        hyper: Hyperparameters,
        arithmetic: Arithmetic,
        number: Number = Enclosure,
    ) -> None:
        self.number = number
        self.rates: tuple[int, Rates] = (clock, (hyper.lr, hyper.lambd, hyper.alpha))
        self.error = step_size_error(
            clock, lr=hyper.lr, lambd=hyper.lambd, alpha=hyper.alpha, arithmetic=arithmetic
        )
        self.size = self.enclosure(PRECISION).magnitude()

    def enclosure(self, precision: int) -> Enclosure:
        """Enclosure of eta."""
        clock, rates = self.rates
        return exact_step_size(clock, *rates, precision, self.number)

    def bound(self) -> float:
        """Error allowed in eta itself."""
        relative, absolute = self.error
        return relative * self.size + absolute


@lru_cache(maxsize=1 << 14)
def step_size_of(
    clock: int, hyper: Hyperparameters, arithmetic: Arithmetic, number: Number = Enclosure
) -> StepSize:
    """Step size after ``clock`` steps, made once."""
    return StepSize(clock, hyper, arithmetic, number)


@dataclass(frozen=True)
class Update:
    """theta of one element after one step."""

    theta: float
    grad: float
    hyper: Hyperparameters
    size: StepSize

    def enclosure(self, precision: int) -> Enclosure:
        """Enclosure of theta."""
        hyper, number = self.hyper, self.size.number
        theta = number.of(self.theta, precision)
        total = truth.gradient(
            number.of(self.grad, precision),
            theta,
            weight_decay=number.of(hyper.weight_decay, precision),
            maximize=hyper.maximize,
        )
        eta = self.size.enclosure(precision)
        updated = truth.descend(theta, total, eta=eta, lambd=number.of(hyper.lambd, precision))
        assert isinstance(updated, Enclosure)
        return updated


@dataclass(frozen=True)
class Term:
    """The average of one element after one step: a weighted sum of exact inputs."""

    inputs: tuple[float, ...]
    weights: tuple[Fraction, ...]
    tolerance: float
    number: Number = Enclosure

    def enclosure(self, precision: int) -> Enclosure:
        """Enclosure of the average."""
        of = self.number.of
        total: Enclosure = of(0, precision)
        for x, weight in zip(self.inputs, self.weights, strict=True):
            total = total + of(x, precision) * of(weight, precision)
        return total


def term(
    opened: Window,
    old: float | None,
    previous: float,
    theta: float,
    arithmetic: Arithmetic,
    number: Number = Enclosure,
    largest: float | None = None,
) -> Term | None:
    """Inputs, weights and tolerance of one element; None where nothing can be said."""
    if not opened.is_mean:
        return _sum(opened, previous, theta, arithmetic, number)
    if opened.mu == 1 and (old is None or not math.isfinite(old)):
        old = theta
    if old is None:
        return None
    term = Term((old, theta), (opened.old, opened.new), math.inf, number)
    if not (math.isfinite(old) and math.isfinite(theta)):
        return term
    mu = float(opened.new)
    tolerance = average_tolerance(
        old,
        theta,
        math.nextafter(abs(theta - old), math.inf),
        term.enclosure(PRECISION).magnitude(),
        mu=mu,
        mu_error=averaging_weight_error(mu, opened.begin, arithmetic=arithmetic),
        arithmetic=arithmetic,
        previous=previous,
        largest=largest,
    )
    return replace(term, tolerance=tolerance)


def _sum(
    opened: Window,
    previous: float,
    theta: float,
    arithmetic: Arithmetic,
    number: Number,
) -> Term:
    pairs = [(x, w) for x, w in ((previous, opened.previous), (theta, opened.new)) if w]
    inputs, weights = zip(*pairs, strict=True)
    term = Term(inputs, weights, math.inf, number)
    if not all(map(math.isfinite, inputs)):
        return term
    terms = sum(abs(x) * float(w) for x, w in zip(inputs, weights, strict=True))
    size = term.enclosure(PRECISION).magnitude()
    return replace(term, tolerance=weighted_sum_tolerance(terms, size, arithmetic=arithmetic))


def compare(
    quantity: Quantity,
    place: Place,
    enclose: Callable[[int], Enclosure],
    got: float,
    tolerance: float,
    exact: Enclosure | None = None,
) -> Judgement:
    """Judge one number, at the precision that it needs; ``exact`` is its first enclosure."""
    verdict: Verdict
    precision = PRECISION
    while True:
        exact = enclose(precision) if exact is None else exact
        verdict = "fail"
        if not math.isfinite(got):
            break
        difference = exact - Enclosure.of(got, precision)
        if difference.magnitude() <= tolerance:
            verdict = "pass"
            break
        bound = Enclosure.of(tolerance, precision)
        if (difference - bound).low > 0 or (difference + bound).high < 0:
            break
        precision *= 2
        if precision > HIGHEST_PRECISION:
            verdict = "undecided"
            break
        exact = None
    return Judgement(
        quantity=quantity,
        place=place,
        enclosed=exact,
        got=got,
        tolerance=tolerance,
        verdict=verdict,
    )


def true_step_size(t: int, hyper: Hyperparameters) -> float:
    """Step size after t steps (E2), to float64."""
    exact = exact_step_size(max(t, 0), hyper.lr, hyper.lambd, hyper.alpha, PRECISION)
    low, high = exact.bounds()
    return float((low + high) / 2)
