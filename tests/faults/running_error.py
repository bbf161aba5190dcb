"""Running-error arithmetic: a float, and how far a port in some dtype may be from it.

A rule is run on these numbers to compare it with what a port shows, where the question is which of
many rules it is. Verdicts never rest on them: those are `asgd.reference`'s.
"""

import math
from dataclasses import dataclass
from typing import Any

# Roundings of an operation in any order of evaluation, and those of the float that is carried.
_SLACK = 8.0


@dataclass(frozen=True, slots=True)
class Running:
    """A number: its value, the error that a port may have in it, and that port's unit roundoff."""

    value: float
    error: float
    u: float

    def _with(self, value: float, error: float) -> "Running":
        return Running(value, error + _SLACK * self.u * abs(value), self.u)

    def _lift(self, other: Any) -> "Running":
        return other if isinstance(other, Running) else Running(float(other), 0.0, self.u)

    def __neg__(self) -> "Running":
        return Running(-self.value, self.error, self.u)

    def __add__(self, other: Any) -> "Running":
        other = self._lift(other)
        return self._with(self.value + other.value, self.error + other.error)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Running":
        return self + -self._lift(other)

    def __rsub__(self, other: Any) -> "Running":
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> "Running":
        other = self._lift(other)
        error = abs(self.value) * other.error + abs(other.value) * self.error
        return self._with(self.value * other.value, error + self.error * other.error)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Running":
        other = self._lift(other)
        if other.value == 0:
            return Running(math.nan, math.inf, self.u)
        error = (self.error + abs(self.value / other.value) * other.error) / abs(other.value)
        return self._with(self.value / other.value, error)

    def __rtruediv__(self, other: Any) -> "Running":
        return self._lift(other) / self

    def __pow__(self, other: Any) -> "Running":
        other = self._lift(other)
        if self.value <= 0:
            value = 1.0 if other.value == 0 else 0.0
            return Running(value, 0.0 if self.error == 0 else math.inf, self.u)
        try:
            value = math.pow(self.value, other.value)
        except OverflowError:
            return Running(math.inf, math.inf, self.u)
        log = abs(math.log(self.value))
        relative = abs(other.value) * self.error / self.value + log * (
            other.error + self.u * abs(other.value)
        )
        return self._with(value, relative * value)

    def __gt__(self, other: Any) -> bool:
        return self.value > self._lift(other).value

    def __lt__(self, other: Any) -> bool:
        return self.value < self._lift(other).value

    def reach(self, tiny: float) -> float:
        """How far a port that is computing this number may be from it."""
        return 2 * self.error + _SLACK * tiny

    def near(self, got: float, tiny: float) -> bool:
        """Whether a port that has ``got`` may be computing this number."""
        if not math.isfinite(self.value):
            return not math.isfinite(got)  # equal orders differ in which of inf and nan it is
        return self.error < math.inf and abs(got - self.value) <= self.reach(tiny)
