"""Numbers for drawn scenarios: simple, ordinary and far ones, each made from one code of 64 bits.

Several codes make one integer, which is one draw of Hypothesis: draws are what takes time. The code
0 is the simplest number, which is what a failure is shrunk to. The share of each kind is chosen
here alone.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from asgd.spec import Hyperparameters

WIDTH = 64


class Range(NamedTuple):
    """Numbers of a dtype: bits of a mantissa, and exponents with which a tolerance is finite."""

    digits: int
    lowest: int
    highest: int


RANGES = {"float32": Range(24, -149, 100), "float64": Range(53, -1074, 900)}


def value(dtype: str, code: int) -> float:
    """A parameter's or a gradient's number: any of the dtype."""
    numbers = RANGES[dtype]
    code, kind = divmod(code, 16)
    if kind < 12:
        return ordinary(dtype, code * 12 + kind)
    code, sign = _signed(code)
    if kind == 12:
        return 0.0
    low, high = [(-60, 60), (numbers.lowest, -60), (numbers.lowest, numbers.highest)][kind - 13]
    return sign * _on_grid(_scaled(code, numbers.digits, low, high), numbers)


def ordinary(dtype: str, code: int) -> float:
    """A number below 16, with as many bits as the dtype holds, or few."""
    code, kind = divmod(code, 3)
    code, sign = _signed(code)
    if kind == 0:
        return sign * (code % 64) / 16
    return sign * _scaled(code, 24 if kind == 1 else RANGES[dtype].digits, -3, 4)


def rate(dtype: str, code: int, *, zeros: int = 0) -> float:
    """A lr, lambd or weight_decay: 0 for ``zeros`` of 64 codes.

    It is a float64 number, whatever the dtype: a port takes it exactly, or rounds it once.
    """
    code, chance = divmod(code, 64)
    # The code 0 does not mean zero: a failure is shrunk to a step that moves.
    if chance >= 64 - zeros:
        return 0.0
    code, kind = divmod(code, 8)
    if kind < 3:
        return (1 + code % 16) / 16
    numbers = RANGES[dtype]
    ranges = ((-8, 3), (-8, 3), (-21, -7), (2, 10), (numbers.lowest // 2, numbers.highest // 2))
    return _scaled(code, 53, *ranges[kind - 3])


def power(code: int) -> float:
    """An alpha."""
    code, kind = divmod(code, 8)
    if kind < 2:
        return (0.75, 0.5, 1.0, 2.0 / 3.0, 0.0)[code % 5]
    ranges = ((-4, 1), (-4, 1), (-4, 1), (1, 3), (2, 5), (-20, 10))
    return _scaled(code, 53, *ranges[kind - 2])


def moderate(dtype: str, hypers: Sequence[Hyperparameters], steps: int) -> list[Hyperparameters]:
    """``hypers``, with alphas whose powers do not overflow: in Python, that would be an error.

    Nor do they in a port that takes lr, lambd and alpha from several of them, squares one of these
    or adds 1 to alpha: whether it raises as well would be luck.
    """
    lr, lambd = (
        math.log2(max(1.0, *(getattr(hyper, name) for hyper in hypers))) for name in ("lr", "lambd")
    )
    bracket = 1 + lr + lambd + math.log2(steps)
    highest = RANGES[dtype].highest
    most = max(0.0, min(highest / bracket - 1, highest / (bracket + max(lr, lambd))))
    return [hyper._replace(alpha=min(hyper.alpha, most)) for hyper in hypers]


def start(code: int) -> float:
    """A t0: at a step, between two, far away, never."""
    code, kind = divmod(code, 8)
    if kind < 4:
        return float(code % 12)
    if kind < 6:
        # Between two steps, also so near to one that a careless tolerance takes it for that.
        code, whole = divmod(code, 8)
        return whole + (0.5, 0.25, 0.75, 2.0**-20, 1 - 2.0**-20)[code % 5]
    if kind == 6:
        return float((13, 16, 20, 24, 31, 32, 50, 100)[code % 8])
    return (1e6, 300.0, 70000.0, 2.0**24 + 2, 2.0**31, 2.0**32 + 3, 1e10, math.inf)[code % 8]


def _scaled(code: int, digits: int, low: int, high: int) -> float:
    """A number of ``digits`` bits in [2**low, 2**high), or on the grid of subnormals."""
    code, exponent = divmod(code, high - low)
    mantissa = 1 + code % (1 << (digits - 1)) / (1 << (digits - 1))
    return math.ldexp(mantissa, low + exponent)


def _signed(code: int) -> tuple[int, float]:
    code, sign = divmod(code, 2)
    return code, -1.0 if sign else 1.0


def _on_grid(x: float, numbers: Range) -> float:
    """``x`` as the dtype holds it: subnormals have fewer bits."""
    _, exponent = math.frexp(x)
    drop = numbers.lowest - (exponent - numbers.digits)
    if drop <= 0:
        return x
    return math.ldexp(round(math.ldexp(x, -numbers.lowest)), numbers.lowest)
