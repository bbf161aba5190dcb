"""Running-error arithmetic: floats, and how far a port in some dtype may be from them.

A rule is run on these numbers to compare it with what a port shows, where the question is which of
many rules it is. Verdicts never rest on them: those are `asgd.reference`'s. The floats may be
arrays: one number for each place that is compared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Roundings of an operation in any order of evaluation, and those of the float that is carried.
_SLACK = 8.0


@dataclass(frozen=True, slots=True)
class Running:
    """Numbers: values, the errors that a port may have in them, and that port's unit roundoff."""

    value: Any
    error: Any
    u: float

    __array_ufunc__ = None  # An array on the left leaves the operation to us.

    def _with(self, value: Any, error: Any) -> "Running":
        return Running(value, error + _SLACK * self.u * abs(value), self.u)

    def _lift(self, other: Any) -> "Running":
        if isinstance(other, Running):
            return other
        return Running(np.asarray(other, float), 0.0, self.u)

    def __neg__(self) -> "Running":
        return Running(-self.value, self.error, self.u)

    def __add__(self, other: Any) -> "Running":
        other = self._lift(other)
        return self._with(self.value + other.value, self.error + other.error)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Running":
        other = self._lift(other)
        return self._with(self.value - other.value, self.error + other.error)

    def __rsub__(self, other: Any) -> "Running":
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> "Running":
        other = self._lift(other)
        error = abs(self.value) * other.error + abs(other.value) * self.error
        return self._with(self.value * other.value, error + self.error * other.error)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Running":
        other = self._lift(other)
        value = np.divide(self.value, other.value)
        error = (self.error + abs(value) * other.error) / abs(other.value)
        zero = np.equal(other.value, 0)
        return self._with(np.where(zero, np.nan, value), np.where(zero, np.inf, error))

    def __rtruediv__(self, other: Any) -> "Running":
        return self._lift(other) / self

    def __pow__(self, other: Any) -> "Running":
        other = self._lift(other)
        positive = np.greater(self.value, 0)
        base = np.where(positive, self.value, 1.0)
        value = np.power(base, other.value)
        relative = abs(other.value) * self.error / base + abs(np.log(base)) * (
            other.error + self.u * abs(other.value)
        )
        error = np.where(np.isfinite(value), relative * value, np.inf)
        exact = np.equal(self.error, 0)
        value = np.where(positive, value, np.where(np.equal(other.value, 0), 1.0, 0.0))
        error = np.where(positive, error, np.where(exact, 0.0, np.inf))
        return self._with(value, error)

    def __gt__(self, other: Any) -> Any:
        return self.value > self._lift(other).value

    def __lt__(self, other: Any) -> Any:
        return self.value < self._lift(other).value

    def widened(self, error: Any) -> "Running":
        """The same with more error."""
        return Running(self.value, self.error + error, self.u)

    def map(self, change: Callable[[Any], Any]) -> "Running":
        """The same with values and errors rearranged by ``change``."""
        error = np.broadcast_to(self.error, np.shape(self.value))
        return Running(change(self.value), change(error), self.u)

    def reach(self, tiny: float) -> Any:
        """How far a port that is computing this number may be from it."""
        return 2 * self.error + _SLACK * tiny

    def near(self, got: Any, tiny: float) -> Any:
        """Whether a port that has ``got`` may be computing this number."""
        inside = np.less(self.error, np.inf) & (abs(got - self.value) <= self.reach(tiny))
        # Equal orders differ in which of inf and nan it is.
        return np.where(np.isfinite(self.value), inside, ~np.isfinite(got))


def lifted(x: Any, u: float) -> Running:
    """``x`` as a running number."""
    return x if isinstance(x, Running) else Running(np.asarray(x, float), 0.0, u)


def choose(condition: Any, one: Any, other: Any) -> Any:
    """``one`` where the condition holds, else ``other``; in any arithmetic."""
    if not isinstance(condition, np.ndarray):
        return one if condition else other
    if isinstance(one, Running) or isinstance(other, Running):
        u = one.u if isinstance(one, Running) else other.u
        one, other = lifted(one, u), lifted(other, u)
        value = np.where(condition, one.value, other.value)
        return Running(value, np.where(condition, one.error, other.error), u)
    return np.where(condition, one, other)


def at_least(x: Any, low: float) -> Any:
    """``x``, or ``low`` where that is more; in any arithmetic."""
    return choose(np.less(x, low) if isinstance(x, np.ndarray) else x < low, low, x)


def is_zero(x: Any) -> Any:
    """Where ``x`` is 0; in any arithmetic."""
    return np.equal(x.value, 0) if isinstance(x, Running) else x == 0


def sign(x: Any) -> Any:
    """-1, 0 or 1, exactly; in any arithmetic."""
    if isinstance(x, Running):
        return Running(np.sign(x.value), np.zeros_like(x.value), x.u)
    return np.sign(x)


def overall(x: Any) -> Any:
    """The mean of all elements in the place of each; in any arithmetic."""
    if isinstance(x, Running):
        shape = np.shape(x.value)
        # The sum of n numbers loses n - 1 roundings at most.
        lost = (shape[-1] + 2 if shape else 2) * x.u * overall(abs(x.value))
        return Running(overall(x.value), overall(np.broadcast_to(x.error, shape)) + lost, x.u)
    if not np.size(x) or not np.shape(x):
        return x
    return np.broadcast_to(np.mean(x, axis=-1, keepdims=True), np.shape(x))


def head(x: Any) -> Any:
    """The first element of ``x`` in the place of all; in any arithmetic."""
    if isinstance(x, Running):
        return x.map(head)
    return np.broadcast_to(x[..., :1], x.shape) if np.shape(x) else x
