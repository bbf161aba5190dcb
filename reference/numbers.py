"""Exact reals: the type of every number in the equations, and the mpmath context behind it."""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache, wraps
from inspect import signature
from numbers import Rational
from typing import Any, ParamSpec, Protocol, TypeVar

import mpmath

from asgd.spec.hyperparameters import shown

PRECISION = 256

P = ParamSpec("P")
R = TypeVar("R")


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


def names_overflow(equation: Callable[P, R]) -> Callable[P, R]:
    """The equation, but where floats overflow in it, the error names the argument.

    Floats are no `Real`, and the equations do not look at what they are given.
    """
    parameters = tuple(signature(equation).parameters)

    @wraps(equation)
    def named(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return equation(*args, **kwargs)
        except OverflowError:
            given = {**dict(zip(parameters, args, strict=False)), **kwargs}
            name = next((name for name in parameters if _no_float(given.get(name))), None)
            what = f"{equation.__name__} goes beyond the floats that it was given"
            if name is not None:
                domain = "(-2**1024, 2**1024) beside floats"
                what = f"{name} must be in {domain}, got {shown(given[name])}"
            raise ValueError(f"{what}; exact numbers are made by asgd.reference.real") from None

    named.__module__ = __package__
    return named


def _no_float(x: Any) -> bool:
    """Whether ``x`` is a number beyond the floats."""
    try:
        float(x)
    except OverflowError:
        return True
    except (TypeError, ValueError):
        pass
    return False


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
