"""Orders of scaled storage: theta and the average as vectors and what they are divided by.

theta is W / D and the average (A + F W) / B, as in Bottou's svmasgd: a decay divides D, and the
average moves with a few scalars. What is kept is not shown, so an order is run from the start of a
scenario (spec/tolerance.md, "Scaled storage").
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product, takewhile
from typing import Any

import numpy as np

from asgd.spec import Convention, Hyperparameters

from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from ..ports.timeline import turns
from .evaluation_orders import Numbers, numbers, step_size, step_sizes
from .evaluation_trees import Evaluation, Tree, polynomial, trees

_SCALARS = frozenset({"eta", "lambd", "weight_decay", "mu", "D", "1/D", "F", "B", "1/B"})
_TWO_WAYS = (False, True)
_THETA = trees(polynomial("1/D W"))[0]


@dataclass(frozen=True)
class Storage:
    """An order of theta's storage.

    Attributes
    ----------
    kinds : Numbers
        What scalars are computed in.
    factor : bool
        Whether 1 / D is kept, and theta is W times that.
    reciprocals : bool
        Whether a quotient is a product with a reciprocal.
    shrink : Tree
        1 - eta lambd, or 1 - eta lambd - eta weight_decay.
    total : Tree
        Gradient with its penalty, where ``shrink`` lacks that.
    move : Tree
        W after the step.
    """

    kinds: Numbers
    factor: bool
    reciprocals: bool
    shrink: Tree
    total: Tree
    move: Tree


Growth = Callable[[Any, Any, Any], Any]

_GROWTHS: tuple[Growth, ...] = (
    lambda b, mu, _n: b / (1 - mu),
    lambda b, mu, _n: b * (1 / (1 - mu)),
    lambda b, _mu, n: b * n / (n - 1),
    lambda b, _mu, n: b * (n / (n - 1)),
)


@dataclass(frozen=True)
class Mean:
    """An order of the average's storage.

    Attributes
    ----------
    rounded : bool
        Whether mu is rounded to the arrays' dtype first.
    growth : callable
        B after the step, from B, mu and n = 1 / mu.
    reciprocals : bool
        Whether a division by B is a product with its reciprocal.
    fraction, sum, shown : Tree
        F and A after the step, and the average.
    """

    rounded: bool
    growth: Growth
    reciprocals: bool
    fraction: Tree
    sum: Tree
    shown: Tree


@dataclass(frozen=True)
class Seen:
    """A step of one parameter, and what a port showed after it; ``n`` is 1 / mu."""

    hyper: Hyperparameters
    clock: int
    scheduled: Hyperparameters
    theta: Sequence[float]
    grad: Sequence[float]
    n: float | None
    after: Sequence[float]
    mean: Sequence[float] | None
    eta: float | None


@dataclass(frozen=True)
class Kept:
    """A step, the numbers that it was made of and left, and theta as it is shown."""

    step: Seen
    values: dict[str, Any]
    theta: Any


@cache
def storages(kinds: tuple[Numbers, ...], penalized: bool) -> tuple[Storage, ...]:
    """All orders of theta's storage; ``penalized`` where weight_decay is not 0."""
    shrink, total = trees(polynomial("1", "-eta lambd")), trees(polynomial("grad"))
    ways = [(shrink, total)]
    if penalized:
        both = polynomial("1", "-eta lambd", "-eta weight_decay")
        ways = [(trees(both), total), (shrink, trees(polynomial("grad", "theta weight_decay")))]
    moves = trees(polynomial("W", "-D eta total"))
    return tuple(
        Storage(*order)
        for shrinks, totals in ways
        for order in product(kinds, _TWO_WAYS, _TWO_WAYS, shrinks, totals, moves)
    )


@cache
def averages() -> tuple[Mean, ...]:
    """All orders of the average's storage."""
    sums = trees(polynomial("A", "D F eta total"))
    fractions = trees(polynomial("F", "1/D B mu"))
    shown = trees(polynomial("1/B A", "1/B F W"))
    ways = product(_TWO_WAYS, _GROWTHS, _TWO_WAYS, fractions, sums, shown)
    return tuple(Mean(*order) for order in ways)


def reproduces(
    runs: Iterable[tuple[Scenario, Sequence[Observation]]],
    convention: Convention,
    dtype: str,
    *,
    plain: bool = False,
) -> bool:
    """Whether an order of scaled storage gives every bit of a port.

    Parameters
    ----------
    runs : iterable of (Scenario, trace)
        What was asked, of one parameter each, and seen.
    convention : Convention
        Reading of ASGD.
    dtype : str
        Dtype of the port.
    plain : bool
        Whether theta alone is in such storage.
    """
    found: list[dict[Program, list[Kept]]] = []
    for run in runs:
        found.append(_of_theta(list(seen(*run, convention)), dtype))
        # The first run has few orders: where none is right, the many of the next need no look.
        if not found[-1]:
            return False
    # One program has made all runs; it takes in a penalty as it likes, where there is one.
    for kinds in set.intersection(*map(set, found)):
        chains = [each[kinds] for each in found]
        if plain or any(
            all(_gives_average(order, chain, kinds, dtype) for chain in chains)
            for order in averages()
        ):
            return True
    return False


def seen(
    scenario: Scenario, trace: Sequence[Observation], convention: Convention
) -> Iterator[Seen]:
    """Steps of a scenario of one parameter."""
    theta: Sequence[float] = scenario.params[0]
    for (event, made), shown in zip(turns(scenario), trace, strict=True):
        turn, grad = made[0], event.grads[0]
        assert turn is not None
        assert grad is not None
        scheduled = turn.scheduled(convention)
        plain = convention.divisor != "t-t0" or turn.t < scheduled.t0
        yield Seen(
            turn.now,
            turn.t - convention.eta_lag,
            scheduled,
            theta,
            [-g for g in grad] if turn.now.maximize else grad,
            max(1.0, turn.t - convention.mu_lag - convention.read_t0(scheduled.t0))
            if plain
            else None,
            shown.theta[0],
            shown.average[0],
            shown.eta[0],
        )
        theta = shown.theta[0]


def step_sizes_of(run: Sequence[Seen], dtype: str) -> set[tuple[float, ...]]:
    """Step sizes of all orders of E2 that give those that are shown, as they are or rounded."""
    found = set()
    for size, kinds in product(step_sizes(), numbers(dtype)):
        pairs = [step_size(size, kinds, step.clock, step.scheduled, dtype) for step in run]
        shown = zip(pairs, run, strict=True)
        if all(step.eta is None or step.eta in map(float, pair) for pair, step in shown):
            found |= {tuple(map(float, each)) for each in zip(*pairs, strict=True)}
    return found


Program = tuple[Numbers, bool, bool, Tree]
"""What all runs of a port have in common."""


def program(order: Storage) -> Program:
    """An order, but for what it does with a penalty."""
    return order.kinds, order.factor, order.reciprocals, order.move


def _of_theta(run: Sequence[Seen], dtype: str) -> dict[Program, list[Kept]]:
    """Orders that give every theta of a run, with what they keep."""
    penalized = any(step.hyper.weight_decay for step in run)
    found: dict[Program, list[Kept]] = {}
    for etas in step_sizes_of(run, dtype):
        for order in storages(numbers(dtype), penalized):
            steps = kept(order, run, etas, dtype)
            right = list(takewhile(lambda one: same(one.theta, one.step.after), steps))
            if len(right) == len(run):
                found.setdefault(program(order), right)
    return found


def kept(order: Storage, run: Sequence[Seen], etas: Sequence[float], dtype: str) -> Iterator[Kept]:
    """What is kept at each step of a run."""
    first, wide = np.dtype(dtype).type, np.dtype(order.kinds.scalar).type
    theta = vector = np.array(run[0].theta, dtype)
    divisor, made = wide(1), partial(_evaluation, dtype=dtype, program=program(order))
    for step, eta in zip(run, etas, strict=True):
        decays = {"lambd": step.hyper.lambd, "weight_decay": step.hyper.weight_decay}
        if order.kinds.stored:
            decays = {name: float(first(x)) for name, x in decays.items()}
        values: dict[str, Any] = {"eta": eta, **decays, "W": vector, "theta": theta}
        values["grad"] = np.array(step.grad, dtype)
        shrink, total = made(values).number(order.shrink), made(values)(order.total)
        with np.errstate(all="ignore"):
            if order.factor:
                divisor = divisor * shrink
            else:
                divisor = divisor * (1 / shrink) if order.reciprocals else divisor / shrink
        values |= {"1/D" if order.factor else "D": divisor, "total": total}
        vector = values["W"] = made(values)(order.move)
        theta = made(values)(_THETA)
        yield Kept(step, values, theta)


def means(order: Mean, chain: Iterable[Kept], kinds: Program, dtype: str) -> Iterator[Any]:
    """Average after each step of a run whose theta is known."""
    first, wide = np.dtype(dtype).type, np.dtype(kinds[0].scalar).type
    total: Any = None
    fraction = grown = wide(1)
    for one in chain:
        n = wide(one.step.n)
        if n == 1:
            # What is averaged is theta, whatever it is divided by.
            total, factor = 0 * one.values["W"], one.values.get("1/D")
            fraction = wide(1) if factor is None else factor
            grown = one.values["D"] if factor is None else wide(1)
            yield one.theta
            continue
        mu = wide(first(1 / n)) if order.rounded else 1 / n
        values = one.values | {"A": total, "F": fraction, "mu": mu}
        total = _evaluation(values, dtype, kinds)(order.sum)
        with np.errstate(all="ignore"):
            grown = values["B"] = order.growth(grown, mu, n)
        fraction = _evaluation(values, dtype, kinds).number(order.fraction)
        values |= {"A": total, "F": fraction}
        yield _evaluation(values, dtype, kinds, order)(order.shown)


def _gives_average(order: Mean, chain: Sequence[Kept], kinds: Program, dtype: str) -> bool:
    """Whether an order gives every average of a run."""
    if any(one.step.n is None or one.step.mean is None for one in chain):
        return False
    made = means(order, chain, kinds, dtype)
    return all(same(mean, one.step.mean or ()) for mean, one in zip(made, chain, strict=True))


def same(made: Any, shown: Sequence[float]) -> bool:
    """Whether an array has every bit of what is shown, the sign of zero aside."""
    wanted = np.array(shown, made.dtype)
    return bool(np.all((made == wanted) | (np.isnan(made) & np.isnan(wanted))))


def _evaluation(
    values: dict[str, Any], dtype: str, program: Program, mean: Mean | None = None
) -> Evaluation:
    """Values of trees; what is kept is a number, and its reciprocal is one or a division."""
    kinds, _, reciprocals, _ = program
    given, quotients, wide = dict(values), {}, np.dtype(kinds.scalar).type
    for one, other in (("D", "1/D"), ("1/D", "D"), ("1/B", "B")):
        if one not in given and other in given:
            if mean.reciprocals if mean and other == "B" else reciprocals:
                with np.errstate(all="ignore"):
                    given[one] = 1 / wide(given[other])
            else:
                quotients[one] = ("1", other)
    return Evaluation(given, dtype, _SCALARS, kinds.scalar, quotients)
