"""Search for a certificate that lies: sums of products over all exponents, against exact numbers.

    python tests/meta/studies/certificates.py --sums 10000000 --seed 0

A sum has one to three coefficients, intervals or exact, of exponents from -1,500 to 1,500, and as
many float64 numbers of any exponent, subnormals and zeros among them. Its ball must contain the
exact interval, and where a rounded value is called known, it must be the right one. Exits with 1
where a ball does not, or a rounding is not.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from asgd.reference.certified.balls import Balls, rounded
from asgd.reference.certified.enclosure import Enclosure
from asgd.reference.certified.one_step import weighted_sums
from asgd.reference.rounding import formats, round_fraction

_ROWS, _COLUMNS = 16, 64
_REPORT_EVERY = 500_000

Floats = NDArray[np.float64]


def coefficient(rng: random.Random) -> Enclosure:
    """An interval, mostly near what float64 can hold, at its ends, or at those of the filter."""
    exponent = rng.choice(
        [
            rng.randint(-1500, 1500),
            rng.randint(-1100, -1000),
            rng.randint(-960, -850),
            rng.randint(-60, 60),
            rng.randint(430, 500),
        ]
    )
    kind = rng.random()
    if kind < 0.03:
        return Enclosure(0, 0, exponent)
    if kind < 0.13:  # 1 + 2**-far, which two numbers cannot hold
        far = rng.randint(1, 1300)
        number = (1 << far) + 1
        return Enclosure(number, number, exponent - far, 2000)
    bits = rng.choice([1, 3, 53, 54, 120, 300])
    low = rng.choice([-1, 1]) * (rng.getrandbits(bits) | 1)
    wide = rng.choice([0, 0, 0, 1, rng.getrandbits(10)])
    return Enclosure(low, low + wide, exponent - bits, rng.choice([128, 1200]))


def numbers(rng: np.random.Generator) -> Floats:
    """Finite numbers, (rows, columns): ordinary ones, powers, extremes and zeros."""
    shape = (_ROWS, _COLUMNS)
    exponents = np.where(
        rng.random(shape) < 0.5, rng.integers(-60, 60, shape), rng.integers(-1074, 1023, shape)
    )
    small = rng.integers(1, 4, shape).astype(np.float64)
    mantissas = np.where(rng.random(shape) < 0.5, small, rng.standard_normal(shape))
    with np.errstate(over="ignore"):
        found = np.ldexp(mantissas, exponents.astype(np.intc))
    return np.where(np.isfinite(found) & (rng.random(shape) > 0.05), found, 0.0)


class Block(NamedTuple):
    """Sums that were looked at, how many of them have a finite ball, and what is wrong."""

    sums: int
    bounded: int
    wrong: list[str]


def blocks(seed: int) -> Iterator[Block]:
    """Blocks of random sums, without end."""
    rng, arrays = random.Random(seed), np.random.default_rng(seed)
    while True:
        terms = rng.choice([1, 1, 2, 3])
        rows = [[coefficient(rng) for _ in range(_ROWS)] for _ in range(terms)]
        inputs = [numbers(arrays) for _ in range(terms)]
        balls = weighted_sums(rows, inputs)
        bounded = int(np.isfinite(balls.radius).sum())
        yield Block(balls.radius.size, bounded, lies(rows, inputs, balls))


def lies(rows: list[list[Enclosure]], inputs: list[Floats], balls: Balls) -> list[str]:
    """What a block of sums claims and does not hold."""
    found = []
    if np.isnan([balls.high, balls.low, balls.radius]).any():
        found.append("a ball that is not a number")
    known = {name: rounded(balls, name) for name in formats}
    for t in range(_ROWS):
        ends = [coefficients[t].bounds() for coefficients in rows]
        for j in range(_COLUMNS):
            if np.isinf(balls.radius[t, j]) and not any(sure[t, j] for _, sure in known.values()):
                continue
            exact = [(Fraction(float(x[t, j])), *end) for x, end in zip(inputs, ends, strict=True)]
            low = sum(min(x * a, x * b) for x, a, b in exact)
            high = sum(max(x * a, x * b) for x, a, b in exact)
            where = f"{[c[t] for c in rows]} {[x[t, j].hex() for x in inputs]}"
            if np.isfinite(balls.radius[t, j]):
                center = Fraction(balls.high[t, j]) + Fraction(balls.low[t, j])
                radius = Fraction(balls.radius[t, j])
                if not center - radius <= low <= high <= center + radius:
                    found.append(f"outside its ball: {where}")
            for name, (values, sure) in known.items():
                right = {round_fraction(Fraction(end), formats[name]) for end in (low, high)}
                if sure[t, j] and right != {float(values[t, j])}:
                    found.append(f"wrong in {name}: {where}")
    return found


def main() -> int:
    """Search, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sums", type=int, default=1_000_000, help="how many, rounded up")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    done = bounded = wrong = 0
    for block in blocks(arguments.seed):
        done += block.sums
        bounded += block.bounded
        wrong += len(block.wrong)
        for line in block.wrong:
            print(line)
        if done % _REPORT_EVERY < block.sums or done >= arguments.sums:
            print(f"{done} sums, {bounded} with a finite ball, {wrong} wrong", flush=True)
        if done >= arguments.sums:
            break
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
