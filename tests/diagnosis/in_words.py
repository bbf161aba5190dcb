"""What is seen in numbers that were read out, in words."""

import math
from collections.abc import Iterator, Sequence

from .precision import significant_bits

_NARROW = ((24, "float32"), (11, "float16"), (8, "bfloat16"))
# Beyond this many roundoffs of the dtype, numbers differ.
_SAME = 2.0**6
# A weight below this is none: it is what solving for the weights leaves.
_COUNTS = 2.0**-16
# Smaller relative errors come from a rounding or a constant, not from another formula.
_SMALL = 2.0**-16


def differing(got: Sequence[float], expected: Sequence[float], u: float) -> list[int]:
    """Places at which two rows of numbers differ."""
    pairs = zip(got, expected, strict=False)
    return [k for k, (x, y) in enumerate(pairs) if not _near(x, y, u)]


def _near(x: float, y: float, u: float) -> bool:
    return x == y or abs(x - y) <= _SAME * u * max(abs(x), abs(y)) or (x != x and y != y)  # noqa: PLR0124


def _alike(one: Sequence[float], other: Sequence[float], u: float) -> bool:
    return not differing(one, other, u)


def of_numbers(got: Sequence[float], expected: Sequence[float], u: float) -> str:
    """What one row of numbers has to do with what it should be; "" where nothing is seen.

    Parameters
    ----------
    got, expected : sequence of float
        At successive steps.
    u : float
        Unit roundoff of the port's dtype.
    """
    if not all(map(math.isfinite, got)):
        return "not finite"
    return next(_seen(got, expected, u), "") if differing(got, expected, u) else ""


def _seen(got: Sequence[float], expected: Sequence[float], u: float) -> Iterator[str]:
    """All that fits, the most telling first."""
    if all(expected):
        ratios = [x / y for x, y in zip(got, expected, strict=True)]
        error = max(abs(ratio - 1) for ratio in ratios)
        size = f"off by 2^{math.log2(error):.0f} at most, relatively"
        for bits, name in _NARROW:
            narrow = all(significant_bits(x) <= bits for x in got)
            if narrow and u < 2.0**-bits and error <= 2.0 ** (1 - bits):
                yield f"{size}: {name} precision"
        if error < _SMALL:
            yield size
        if len(got) > 1 and all(_near(ratio, ratios[0], u) for ratio in ratios):
            yield f"{ratios[0]:.6g} times what they should be"
        yield from _warm_up(ratios, u)
    if len(got) > 2:
        if not differing(got[1:], expected[:-1], u):
            yield "each is that of the step before"
        if not differing(got[:-1], expected[1:], u):
            yield "each is that of the step after"
        if all(_near(x, got[0], u) for x in got):
            yield "the same at every step"


def _warm_up(ratios: Sequence[float], u: float) -> Iterator[str]:
    low = [ratio for ratio in ratios if not _near(ratio, 1.0, u)]
    steady = [ratios[0] * (k + 1) for k in range(len(low))]
    if len(ratios) > 2 and len(low) > 1 and ratios[0] < 1 and _alike(steady, ratios, u):
        yield f"a share of what they should be that grows by {ratios[0]:.6g} a step"


def of_weights(got: Sequence[float], expected: Sequence[float], u: float) -> str:
    """Which iterates count in the average, and which should."""
    if all(abs(x - y) <= max(_COUNTS, _SAME * u) for x, y in zip(got, expected, strict=False)):
        return ""
    counted, due = ({k for k, w in enumerate(row) if abs(w) > _COUNTS} for row in (got, expected))
    said = []
    if counted != due:
        said.append(f"{len(counted)} terms where {len(due)} are expected")
        for verb, which in (("count", counted - due), ("do not count", due - counted)):
            if which:
                one = {"count": "counts", "do not count": "does not count"}
                said.append(f"{_iterates(which)} {one[verb] if len(which) == 1 else verb}")
    elif len(counted) > 1:
        said.append("the same terms with other weights")
    total = sum(got)
    if abs(total - 1) > _COUNTS:
        said.append(f"their sum is {total:.6g}")
    return "; ".join(said)


def _iterates(which: set[int]) -> str:
    """Names of iterates; runs of them from the first to the last."""
    names = []
    for k in sorted(which):
        if k - 1 not in which:
            last = next(j for j in range(k, k + len(which) + 1) if j + 1 not in which)
            names.append(f"theta_{k}" + (f" to theta_{last}" if last > k else ""))
    return " and ".join(names)


def digits(got: Sequence[float], expected: Sequence[float], u: float) -> int:
    """Significant digits, 6 to 17, in which all numbers that differ are seen to differ."""
    pairs = [(got[k], expected[k]) for k in differing(got, expected, u)]
    for count in range(6, 17):
        if all(f"{x:.{count}g}" != f"{y:.{count}g}" for x, y in pairs):
            return count
    return 17
