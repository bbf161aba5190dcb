"""The fast engine: a block of steps at once, as exact matrix products (uses NumPy).

At the end of a block theta and the average are held as balls, and these are the inputs of the next
block: so memory and the length of the functionals stay bounded however long the trajectory is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .balls import Balls, scaled
from .coefficients import (
    Fixed,
    FixedTransition,
    Transition,
    average_row,
    gain_exponent,
    theta_row,
    to_fixed,
)
from .slices import Coefficients, collect, cut_coefficients, cut_inputs, diagonals, width

Floats = NDArray[np.float64]

# Fraction bits of the coefficients, and bits of the enclosures that they are taken from.
_SCALE, PRECISION = 120, 136
# Numbers in one piece of a block: its slices stay in the cache.
_PIECE = 1 << 16
# Stands for the exponent of 0 among exponents of floats.
_LOWEST = -1 << 20
_DEPTH = {"float32": 3, "float64": 4}
_LONG = 4
_UPWARD = 1 + 2.0**-40


def depth(dtype: str, block: int) -> int:
    """Slices of about 20 bits each for block number ``block``, from 0.

    A block makes balls some 2**-10 units in the last place of a slice wider, and the widths of all
    blocks add up; so a long trajectory has one slice more.
    """
    return _DEPTH[dtype] + (block >= _LONG)


@dataclass(frozen=True)
class State:
    """Theta and the average between two steps."""

    theta: Balls
    average: Balls


def advance(
    state: State,
    grads: Floats,
    steps: Sequence[Transition],
    wanted: Sequence[int],
    depth: int,
) -> list[State]:
    """States after the steps ``wanted`` of a block.

    Parameters
    ----------
    state : State
        Before the block.
    grads : (k, n) float64
        Gradient of each step.
    steps : sequence of k Transition
        The steps.
    wanted : sequence of int
        Numbers of steps, from 1 to k.
    depth : int
        Slices, which decide on the width of the balls.

    Raises
    ------
    OverflowError
        If a coefficient is beyond the floats.
    """
    top = gain_exponent(steps)
    fixed = [to_fixed(step, _SCALE, top) for step in steps]
    rows = [row for k in wanted for row in _rows(fixed, k)]
    w = width(len(rows[0]), depth)
    coefficients = cut_coefficients(rows, _SCALE, depth, w)
    columns = grads.shape[1]
    out = [np.empty((len(rows), columns)) for _ in range(3)]
    size = max(16, _PIECE // len(rows[0]))
    for start in range(0, columns, size):
        piece = slice(start, min(start + size, columns))
        part = State(state.theta[piece], state.average[piece])
        balls = _piece(part, grads[:, piece], coefficients, top, depth)
        for whole, values in zip(out, (balls.high, balls.low, balls.radius), strict=True):
            whole[:, piece] = values
    balls = Balls(*out)
    return [State(balls[2 * i], balls[2 * i + 1]) for i in range(len(wanted))]


def _rows(fixed: Sequence[FixedTransition], k: int) -> list[list[Fixed]]:
    """Functionals of theta and of the average after step k, over the inputs of `_inputs`."""
    padding: list[Fixed] = [(0, 0)] * (len(fixed) - k)
    out = []
    for make in (theta_row, average_row):
        p, q, *gains = make(fixed[:k], _SCALE)
        out.append([p, p, q, q, *gains, *padding])
    return out


def _inputs(state: State, grads: Floats, top: int) -> tuple[Floats, NDArray[np.int64], bool]:
    """Inputs, each column divided by a power of two that makes it at most 1.

    Returns
    -------
    y : (4 + k, n) float64
        Theta and the average, high and low parts, and the gradients times 2**top.
    exponents : (n,) int
        Those of the powers.
    exact : bool
        Whether nothing underflowed; else each number is off by less than 2**-1022.
    """
    inner = np.stack(
        [state.theta.high, state.theta.low, state.average.high, state.average.low], dtype=np.float64
    )
    exponents = np.maximum(_tops(inner), _tops(grads) + top)
    exponents[exponents < _LOWEST // 2] = 0
    y = np.empty((4 + len(grads), grads.shape[1]))
    np.ldexp(inner, -exponents, out=y[:4])
    exact = np.array_equal(np.ldexp(y[:4], exponents), inner)
    shift = top - exponents
    if np.abs(shift).max(initial=0) < 1000:
        # Multiplying by a power of two is what ldexp does, and faster.
        np.multiply(grads, np.ldexp(1.0, shift), out=y[4:])
        back = y[4:] * np.ldexp(1.0, -shift)
    else:
        np.ldexp(grads, shift, out=y[4:])
        back = np.ldexp(y[4:], -shift)
    return y, exponents, exact and np.array_equal(back, grads)


def _tops(x: Floats) -> NDArray[np.int64]:
    """Exponent of the largest magnitude in each column."""
    largest = np.maximum(x.max(axis=0, initial=0.0), -x.min(axis=0, initial=0.0))
    return np.where(largest > 0, np.frexp(largest)[1], _LOWEST).astype(np.int64)


def _piece(state: State, grads: Floats, a: Coefficients, top: int, depth: int) -> Balls:
    """Balls of all functionals for some of the columns."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        y, exponents, exact = _inputs(state, grads, top)
        slices, rest = cut_inputs(y, depth, a.w)
        sums, left_out = diagonals(a, slices, depth)
        high, low, missed = collect(sums, a.w)
        units = (a.exponents + 2 - 2 * a.w)[:, None]
        rest += 0.0 if exact else 2.0**-1000
        known = a.errors + left_out + rest * a.sizes.sum(axis=1) * _UPWARD
        radius = known[:, None] + np.ldexp(missed, units)
        for column, ball in ((0, state.theta), (2, state.average)):
            if ball.radius.any():
                carried = np.ldexp(ball.radius, -exponents) + np.where(ball.radius, 2.0**-1000, 0)
                radius += a.sizes[:, column, None] * carried
        radius *= np.where(radius > 0, _UPWARD, 1.0)
        return scaled(
            np.ldexp(high, units), np.ldexp(low, units), radius, exponents.astype(np.intc)
        )


def initial(theta: Any) -> State:
    """State before the first step: the average starts as theta_0."""
    balls = Balls.of(np.asarray(theta, np.float64))
    return State(balls, balls)
