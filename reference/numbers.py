"""Exact reals: the type of every number in the equations, and the mpmath context behind it."""

from fractions import Fraction
from functools import lru_cache
from numbers import Rational
from typing import Any, Protocol

import mpmath

PRECISION = 256


class Real(Protocol):
    """A number of arbitrary precision: an mpmath ``mpf``, or an `Enclosure`.

    A Python float is not a Real (its arithmetic does not accept one), so a float in the equations
    is a type error; `real` and `Enclosure.of` take one in, exactly.
    """

    def __add__(self, other: "Real | int", /) -> "Real": ...
    def __radd__(self, other: "Real | int", /) -> "Real": ...
    def __sub__(self, other: "Real | int", /) -> "Real": ...
    def __rsub__(self, other: "Real | int", /) -> "Real": ...
    def __mul__(self, other: "Real | int", /) -> "Real": ...
    def __rmul__(self, other: "Real | int", /) -> "Real": ...
    def __truediv__(self, other: "Real | int", /) -> "Real": ...
    def __rtruediv__(self, other: "Real | int", /) -> "Real": ...
    def __pow__(self, other: "Real | int", /) -> "Real": ...
    def __neg__(self) -> "Real": ...
    def __lt__(self, other: "Real | int", /) -> bool: ...
    def __gt__(self, other: "Real | int", /) -> bool: ...


@lru_cache(maxsize=64)
def context(precision: int) -> Any:
    """Private mpmath context of ``precision`` bits.

    mpmath's own ``mp`` is shared by the whole process, so its precision is nobody's to set.
    """
    private = mpmath.MPContext()
    private.prec = precision
    return private


def real(x: Any, precision: int = PRECISION) -> Any:
    """``x`` as an mpmath number of a private context of ``precision`` bits.

    Parameters
    ----------
    x : int, float, Fraction, NumPy scalar or mpf
        A number that has an exact value. Binary numbers of at most ``precision`` bits stay exact;
        a fraction is rounded to nearest.
    precision : int
        Bits of every operation on the result.

    Returns
    -------
    mpf
        A `Real`.

    Raises
    ------
    TypeError
        If ``x`` is not a number of a known exact value.
    """
    mp = context(precision)
    if hasattr(x, "_mpf_"):
        return mp.make_mpf(x._mpf_)
    if isinstance(x, int):
        return mp.mpf(x)
    if isinstance(x, Fraction | Rational):
        return mp.mpf(int(x.numerator)) / mp.mpf(int(x.denominator))
    if isinstance(x, float) or hasattr(x, "dtype"):
        value = x.item() if hasattr(x, "item") else x
        if isinstance(value, int | float):
            return mp.mpf(value)
    raise TypeError(f"x must be a number of exact value, got {x!r} of type {type(x).__name__}")
