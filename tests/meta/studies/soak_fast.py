"""Long checks of `fast`, too long for the suite: step sizes against Arb, averages over 10^6 steps.

    python tests/meta/studies/soak_fast.py step_size --count 1000000 --seed 0
    python tests/meta/studies/soak_fast.py average --steps 1000000

Both print what was found, and exit with 1 where a bound of spec/kernels.md is broken.
"""

import argparse
import math
import sys
from fractions import Fraction

import numpy as np
from flint import arb, ctx

from asgd.fast import step_size
from asgd.fast.kernels import accumulate
from asgd.fast.window import Window, mean
from asgd.reference import formats

_BITS = 200


def draw(rng):
    """Hyperparameters and a largest step: realistic, strong, from tiny to huge, and round ones."""

    def number(low, high):
        return math.ldexp(0.5 + rng.random(), int(rng.integers(low, high)))

    kind = rng.integers(4)
    if kind == 0:
        return 0.01 * rng.random(), 1e-4 * rng.random(), 0.75, 10**7
    if kind == 1:
        return number(-20, 10), number(-60, 20), 20 * rng.random(), 10**6
    if kind == 2:
        return number(-300, 300), number(-600, 300), 2 * rng.random(), 2**40
    return rng.random(), rng.random(), float(rng.choice([0.5, 1.0, 2 / 3, 2.0])), 10**5


def exact(x):
    """Ball of radius zero around a float."""
    part, exponent = math.frexp(x)
    return arb(int(part * 2**53)) * arb(2) ** (exponent - 53)


def is_nearest(value, got, fmt):
    """Whether no number of the format is nearer to ``value`` than ``got``; None: undecided."""
    part, exponent = math.frexp(got)
    quantum = max(exponent - fmt.digits, fmt.lowest) if got else fmt.lowest
    above = below = arb(2) ** (quantum - 1)
    # The gap below a power of two is half as wide, among normal numbers.
    if part == 0.5 and quantum > fmt.lowest:
        below = below / 2
    distance = value - exact(got)
    if distance <= above and distance >= -below:
        return True
    return False if distance > above or distance < -below else None


def soak_step_size(count, seed):
    """Rounded step sizes; infinite ones are left to the tests."""
    ctx.prec = _BITS
    rng = np.random.default_rng(seed)
    checked = wrong = undecided = 0
    while checked < count:
        lr, lambd, alpha, last = draw(rng)
        t = rng.integers(1, last, 250)
        for fmt in formats.values():
            with np.errstate(over="ignore"):
                eta = step_size(t, lr=lr, lambd=lambd, alpha=alpha, dtype=fmt.name)
            for step, got in zip(t.tolist(), eta.tolist(), strict=True):
                if math.isinf(got):
                    continue
                checked += 1
                z = exact(lambd) * exact(lr) * step
                verdict = is_nearest(exact(lr) / (1 + z) ** exact(alpha), got, fmt)
                undecided += verdict is None
                if verdict is False:
                    wrong += 1
                    print(f"wrong: {fmt.name} t={step} {lr=} {lambd=} {alpha=} {got=}")
    print(f"{checked} step sizes: {wrong} wrongly rounded, {undecided} undecided")
    return not wrong


def soak_average(steps):
    """Means of noise around a value, of a convergence, and of plain noise, against exact ones."""
    ok, size, chunk = True, 4, 10_000
    for fmt in formats.values():
        for kind in ("noisy", "converging", "noise"):
            rng = np.random.default_rng(0)
            centre = rng.uniform(0.5, 2, size)
            low = None if fmt.name == "float32" else np.zeros(size)
            window, total = Window(0.0, np.zeros(size), low), [0] * size
            scratch = np.empty(size) if low is None else np.empty((2, size))
            for start in range(0, steps, chunk):
                noise = rng.standard_normal((chunk, size))
                t = np.arange(start + 1, start + chunk + 1)[:, None]
                kinds = {"noisy": centre + noise / 8, "converging": centre * (1 + 1 / t)}
                iterates = kinds.get(kind, noise).astype(fmt.name)
                for theta in iterates:
                    accumulate(window.high, window.low, theta, scratch)
                for j in range(size):
                    # In units of 2**-200 they are integers, and add up exactly and fast.
                    for x in iterates[:, j].tolist():
                        numerator, denominator = x.as_integer_ratio()
                        total[j] += numerator << (200 - denominator.bit_length() + 1)
            count = -(-steps // chunk) * chunk
            got = mean(window, float(count), np.dtype(fmt.name))
            errors = [
                abs(Fraction(float(q)) * count * 2**200 - s) / (abs(s) * Fraction(fmt.u))
                for q, s in zip(got, total, strict=True)
            ]
            print(f"{fmt.name}, {kind}: {float(max(errors)):.3f} u after {count} steps")
            ok &= max(errors) <= 1
    return ok


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["step_size", "average"])
    parser.add_argument("--count", type=int, default=10**6)
    parser.add_argument("--steps", type=int, default=10**6)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    good = soak_average(given.steps) if given.what == "average" else None
    if good is None:
        good = soak_step_size(given.count, given.seed)
    sys.exit(not good)
