"""Domains and defaults of the hyperparameters (``hyperparameters.toml``)."""

import math
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, NamedTuple

from .data import tables

_TABLE = tables("hyperparameters.toml")

DEFAULTS: Mapping[str, float] = MappingProxyType({n: e["default"] for n, e in _TABLE.items()})
"""Default by name, in the order of the document's signature."""


class Hyperparameters(NamedTuple):
    """The hyperparameters of one step of one parameter, checked."""

    lr: float
    lambd: float
    alpha: float
    t0: float
    weight_decay: float
    maximize: bool


def domain(name: str) -> str:
    """Domain of the hyperparameter ``name``, as errors print it."""
    return "[0, inf)" if _TABLE[name]["finite"] else "[0, inf]"


def shown(value: Any, longest: int = 80) -> str:
    """``value`` as a message shows it: short, whatever it is.

    Examples
    --------
    >>> shown(-1.0)
    '-1.0'
    >>> len(shown(10**5000)) < 80
    True
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise when it is shown
        # Python itself writes no integer of many thousand digits.
        return f"a value of type {type(value).__name__} that cannot be shown"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def check_hyperparameter(name: str, value: Any) -> float:
    """``value`` as an exact float, if it lies in the domain of the hyperparameter ``name``.

    Raises
    ------
    TypeError
        If it is not a real number (a bool is not).
    ValueError
        If it is outside the domain, or nan.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(
            f"{name} must be a real number in {domain(name)}, got {shown(value)} "
            f"of type {type(value).__name__}"
        )
    try:
        number = float(value)
    except OverflowError:
        sign: Any = value
        number = math.inf if sign > 0 else -math.inf
    # A nan fails both comparisons, so it is refused too.
    if not 0 <= number <= math.inf or (_TABLE[name]["finite"] and number == math.inf):
        raise ValueError(f"{name} must be in {domain(name)}, got {shown(value)}")
    return number
