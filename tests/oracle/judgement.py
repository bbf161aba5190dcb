"""A judgement: one number of a port against its exact value."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from asgd.reference import Enclosure
from asgd.reference.rounding import ulp
from asgd.reference.tolerance import Arithmetic

Verdict = Literal["pass", "fail", "undecided"]
Quantity = Literal[
    "eta", "gradient", "theta", "mu", "average", "lr", "lambd", "alpha", "t0", "weight_decay"
]
"""What is judged; a hyperparameter where its refusal is."""

HYPERPARAMETERS: tuple[Quantity, ...] = ("lr", "lambd", "alpha", "t0", "weight_decay")


class Place(NamedTuple):
    """Where a number stands.

    Attributes
    ----------
    call : int
        Index of the step call, from 1.
    t : int
        Steps of the parameter, this one included.
    parameter, element : int
        Which number; element 0 for eta and mu.
    """

    call: int
    t: int
    parameter: int
    element: int = 0


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One number of a port against its exact value.

    Attributes
    ----------
    quantity : str
        What it is.
    place : Place
        Where it stands.
    enclosed : Enclosure, or callable
        Enclosure of the exact value, or what computes it where somebody asks.
    got : float
        What the port has.
    tolerance : float
        Derived bound of the error.
    verdict : "pass", "fail" or "undecided"
    share : float or None
        Upper bound of the error in units of the tolerance, where the filter has found one.
    wanted : float or None
        What is expected where that is no finite number; ``enclosed`` then says nothing.
    """

    quantity: Quantity
    place: Place
    enclosed: Enclosure | Callable[[], Enclosure]
    got: float
    tolerance: float = 0.0
    verdict: Verdict
    share: float | None = None
    wanted: float | None = None

    @property
    def exact(self) -> Enclosure:
        """Enclosure of the exact value."""
        return self.enclosed if isinstance(self.enclosed, Enclosure) else self.enclosed()

    def __getstate__(self) -> dict[str, Any]:
        """The fields, with the exact value computed, so that a judgement can be pickled."""
        return {**vars(self), "enclosed": self.exact}

    @property
    def call(self) -> int:
        """Index of the step call, from 1."""
        return self.place.call

    @property
    def t(self) -> int:
        """Steps of the parameter."""
        return self.place.t

    @property
    def parameter(self) -> int:
        """Index of the parameter."""
        return self.place.parameter

    @property
    def element(self) -> int:
        """Index of the element."""
        return self.place.element

    @property
    def error(self) -> float:
        """Distance from the enclosure of the exact value."""
        if not math.isfinite(self.got) or self.wanted is not None:
            return math.inf
        apart = self.exact - Enclosure.of(self.got)
        nearest = max(apart.low, -apart.high, 0)
        return Enclosure(nearest, nearest, apart.exponent).magnitude()

    @property
    def error_bounds(self) -> float:
        """Error in units of the tolerance."""
        if self.share is not None:
            return self.share
        return self.error / self.tolerance if self.tolerance else math.inf * bool(self.error)

    def error_ulp(self, arithmetic: Arithmetic) -> float:
        """Error in units in the last place of the larger one, the exact value or what was got."""
        larger = max(self.exact.magnitude(), abs(self.got))
        return self.error / ulp(larger, arithmetic.fmt)


def is_same(x: float, y: float) -> bool:
    """Whether two numbers are equal, or both nan; the sign of zero means nothing."""
    return x == y or (math.isnan(x) and math.isnan(y))


def equal(quantity: Quantity, place: Place, want: float, got: float) -> Judgement:
    """Judge a number that must be ``want`` bit for bit, the sign of zero aside."""
    return Judgement(
        quantity=quantity,
        place=place,
        enclosed=partial(Enclosure.of, want if math.isfinite(want) else 0),
        got=got,
        verdict="pass" if is_same(want, got) else "fail",
        wanted=None if math.isfinite(want) else want,
    )


def failed(quantity: Quantity, place: Place, got: float, wanted: float = math.nan) -> Judgement:
    """A number that is wrong, and no finite number is right: ``wanted`` is."""
    return Judgement(
        quantity=quantity,
        place=place,
        enclosed=Enclosure.of(0),
        got=got,
        verdict="fail",
        wanted=wanted,
    )
