"""Certified trajectories: theta and the average, correctly rounded, at any step (uses NumPy).

Blocks of steps are exact matrix products; what their balls leave undecided is followed in integer
fixed point, at doubling precision, and with fractions where the step sizes are rational, so that a
tie is decided too. What is undecided then is said to be.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any

import numpy as np

from asgd.spec import Convention, Hyperparameters, check_hyperparameter
from asgd.spec import convention as find_convention

from ..rounding import formats
from .balls import Balls, Values, rounded, unknown, with_better
from .blocks import PRECISION, State, advance, depth, initial
from .coefficients import Tick, stays_defined
from .enclosure import HIGHEST_PRECISION
from .inputs import Floats, Problem, certain_transition
from .refine import settle

# Steps of a block, states that it gives, and numbers of gradients that it holds, at most: the cost
# of the coefficients grows with the product of the first two, memory with the last.
_STEPS, _STATES, _NUMBERS = 512, 16, 1 << 22

ENGINES = ("sliced", "integers")
"""The fast engine, and the simple one."""


@dataclass(frozen=True)
class Moment:
    """Truth after one call.

    Attributes
    ----------
    call : int
        Index of the call, from 1.
    t : int
        Steps taken.
    theta : Values
        The parameter.
    average : Values or None
        The average; None where the convention leaves it undefined.
    """

    call: int
    t: int
    theta: Values
    average: Values | None


def trajectory(
    theta0: Any,
    grads: Iterable[Any],
    *,
    lr: float,
    lambd: float,
    alpha: float,
    t0: float,
    weight_decay: float,
    maximize: bool = False,
    convention: str | Convention = "documented",
    changes: Mapping[int, Mapping[str, Any]] | None = None,
    calls: Collection[int] | None = None,
    dtype: str = "float64",
    engine: str = "sliced",
    highest: int = HIGHEST_PRECISION,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Moment]:
    """Certified theta and average after each step, or after some (E6).

    Parameters
    ----------
    theta0 : (n,) floats
        Initial value, exact.
    grads : (T, n) array, or re-iterable of (n,) floats and None
        Gradient of each call, exact; None: no gradient, and the parameter is left alone. An object
        that makes its rows anew at each iteration keeps memory bounded.
    lr, lambd, alpha, t0, weight_decay, maximize
        Hyperparameters, exact.
    convention : str or Convention
        Reading of ASGD.
    changes : mapping of int to mapping, optional
        Hyperparameters that change before a call.
    calls : set of int, optional
        Calls to report, from 1; None: all.
    dtype : str
        float32 or float64: what values are rounded to.
    engine : str
        "sliced" or "integers". Both give the same values; the second is the simple one.
    highest : int
        Fraction bits beyond which a value is *undecided*.
    progress : callable, optional
        Called with the number of calls done, after each block.

    Yields
    ------
    Moment

    Raises
    ------
    TypeError
        If ``grads`` can be iterated over only once.
    ValueError
        If a number is not finite or outside its domain, or a shape or a name is wrong.

    Examples
    --------
    >>> (end,) = trajectory(
    ...     [1.0], [[1.0]], lr=0.5, lambd=0.0, alpha=0.75, t0=0, weight_decay=0.0, dtype="float32")
    >>> float(end.theta.rounded[0]), float(end.average.rounded[0])
    (0.5, 0.75)
    """
    if dtype not in formats:
        raise ValueError(f"dtype must be one of {', '.join(formats)}, got {dtype!r}")
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if iter(grads) is grads:
        raise TypeError("grads must be iterable more than once, got an iterator")
    theta = np.asarray(theta0, np.float64)
    if theta.ndim != 1 or not np.isfinite(theta).all():
        raise ValueError(f"theta0 must be finite and of one dimension, got {theta0!r:.80}")
    rule = convention if isinstance(convention, Convention) else find_convention(convention)
    given = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
    hyper = Hyperparameters(**_checked(given), maximize=maximize)
    checked = {call: _checked(change) for call, change in (changes or {}).items()}
    problem = Problem(theta, grads, hyper, checked, rule)
    chosen = None if calls is None else frozenset(calls)
    return _moments(problem, chosen, dtype, engine, highest, progress or (lambda _: None))


def _checked(hyper: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters but ``maximize`` as exact floats, each within its domain."""
    return {
        name: bool(value) if name == "maximize" else check_hyperparameter(name, value)
        for name, value in hyper.items()
    }


@dataclass(frozen=True)
class _Block:
    """Calls up to ``call``: steps, their gradients, and the calls to report.

    A mark is a call and how many steps of the block are taken by then.
    """

    call: int
    rows: tuple[Floats, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[tuple[int, int], ...]


def _blocks(problem: Problem, calls: Collection[int] | None) -> Iterator[_Block]:
    most = min(_STEPS, max(16, _NUMBERS // max(1, problem.theta.size)))
    rows: list[Floats] = []
    marks: list[tuple[int, int]] = []
    taken: list[Tick] = []
    call = 0
    for call, (row, tick) in enumerate(
        islice(problem.steps(), None if calls is None else max(calls, default=0)), 1
    ):
        if row is not None and tick is not None:
            rows.append(row)
            taken.append(tick)
        if calls is None or call in calls:
            marks.append((call, len(rows)))
        if len(rows) >= most or len(marks) >= _STATES:
            yield _Block(call, tuple(rows), tuple(taken), tuple(marks))
            rows, taken, marks = [], [], []
    if rows or marks:
        yield _Block(call, tuple(rows), tuple(taken), tuple(marks))


def _moments(
    problem: Problem,
    calls: Collection[int] | None,
    dtype: str,
    engine: str,
    highest: int,
    progress: Callable[[int], None],
) -> Iterator[Moment]:
    state, t, defined = initial(problem.theta), 0, True
    for number, block in enumerate(_blocks(problem, calls)):
        steps = [certain_transition(tick, problem.rule, PRECISION) for tick in block.ticks]
        rows = np.stack(block.rows) if block.rows else np.empty((0, problem.theta.size))
        states = _states(state, rows, steps, block, engine, depth(dtype, number))
        there = list(accumulate(steps, stays_defined, initial=defined))
        shown = [(call, k, there[k]) for call, k in block.marks]
        yield from _settled(problem, shown, states, t, dtype, highest)
        state, t = states[len(steps)], t + len(steps)
        defined = there[-1]
        progress(block.call)


def _states(
    state: State, rows: Floats, steps: Any, block: _Block, engine: str, slices: int
) -> dict[int, State]:
    """States after the steps that are reported, and at the end of the block, by step."""
    wanted = sorted({k for _, k in block.marks if k} | {len(steps)})
    found = {0: state}
    if not steps:
        return found
    if engine == "integers":
        nothing = State(unknown(rows.shape[1]), unknown(rows.shape[1]))
        return found | dict.fromkeys(wanted, nothing)
    try:
        return found | dict(zip(wanted, advance(state, rows, steps, wanted, slices), strict=True))
    except OverflowError:
        # Coefficients beyond the floats: nothing is known here, and integers have to do it.
        nothing = State(unknown(rows.shape[1]), unknown(rows.shape[1]))
        return found | dict.fromkeys(wanted, nothing)


def _settled(
    problem: Problem,
    shown: list[tuple[int, int, bool]],
    states: Mapping[int, State],
    t: int,
    dtype: str,
    highest: int,
) -> Iterator[Moment]:
    balls: dict[tuple[str, int], Balls] = {}
    for call, k, there in shown:
        balls["theta", call] = states[k].theta
        if there:
            balls["average", call] = states[k].average
    values = {place: rounded(ball, dtype) for place, ball in balls.items()}
    undecided = {place: np.flatnonzero(~known) for place, (_, known) in values.items()}
    settled = settle(problem, undecided, formats[dtype], highest)

    def final(quantity: str, call: int) -> Values:
        numbers, known = values[quantity, call]
        return with_better(numbers, known, balls[quantity, call], settled.at(quantity, call))

    for call, k, there in shown:
        yield Moment(call, t + k, final("theta", call), final("average", call) if there else None)
