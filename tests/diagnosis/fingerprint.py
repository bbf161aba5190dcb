"""Fingerprint: the evaluation orders that give every bit of a port.

A port is followed step by step from its own numbers, and an order stays in question while it gives
every bit. The step size is read from an element that is 0 and has gradient 1: every order of E3
makes -eta of it, rounded to the dtype of the arrays.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Convention

from ..faults.evaluation_orders import (
    SCALARS,
    Mean,
    Numbers,
    Size,
    descents,
    mean,
    means,
    numbers,
    step_size,
    step_sizes,
)
from ..faults.evaluation_trees import Evaluation, Tree
from ..oracle.one_number import true_step_size
from ..ports.protocol import Observation
from ..ports.scenario import Scenario
from .dense_runs import DenseStep, dense_steps
from .orders import Decays, Fingerprint, Order, Orders

Array = NDArray[Any]

_SINGLE = Numbers("float32", stored=False)
_MASTER = "theta kept in float64, rounded where it is shown"


def fingerprint(
    runs: Iterable[tuple[Scenario, Sequence[Observation]]], convention: Convention, dtype: str
) -> Fingerprint:
    """Orders that reproduce every bit of a port, or the nearest.

    Parameters
    ----------
    runs : iterable of (Scenario, trace)
        `dense_runs`, and what was seen in them.
    convention : Convention
        Reading of ASGD.
    dtype : str
        Dtype of the port.
    """
    steps = [
        step
        for number, (scenario, trace) in enumerate(runs, 1)
        for step in dense_steps(number, scenario, trace, convention, dtype)
    ]
    kinds = numbers(dtype)
    sizes = Orders(tuple(Order(s, kind) for s in step_sizes() for kind in kinds), len(kinds))
    shown = [step for step in steps if step.n is not None and step.mean is not None]
    # A mean in float64 may have its weight in float32.
    ways = tuple(dict.fromkeys((*kinds, _SINGLE)))
    every = [Order(rule, kind) for rule in means() for kind in ways]
    averages = Orders((*every, *map(Order, shown[0].kept)), len(ways)) if shown else None
    updates: dict[Decays, Orders] = {}
    for step in steps:
        sizes.narrow(_gives_eta(step, dtype), step.place)
        decays = bool(step.hyper.lambd), bool(step.hyper.weight_decay)
        if decays not in updates:
            updates[decays] = Orders(_candidates(decays, updates, dtype, steps), len(kinds))
        updates[decays].narrow(_gives_theta(step, dtype), step.place)
        if averages is not None and step in shown:
            averages.narrow(_gives_average(step, dtype), step.place)
    error = max((_ulps(step, dtype) for step in steps), default=0.0)
    return Fingerprint(sizes, error, updates, averages)


def _candidates(
    decays: Decays, known: Mapping[Decays, Orders], dtype: str, steps: Sequence[DenseStep]
) -> tuple[Order, ...]:
    """Orders to try: those that go with what is known without the penalty, if any is right."""
    every = tuple(_descents(decays, dtype))
    simpler = known.get((decays[0], False))
    if simpler is None or not simpler.alive:
        return every
    made = {_without_penalty(order.rule) for order in simpler.alive}
    likely = [order for order in every if _without_penalty(order.rule) in made]
    first = next(s for s in steps if bool(s.hyper.weight_decay) == decays[1])
    return tuple(likely) if any(map(_gives_theta(first, dtype), likely)) else every


def _without_penalty(tree: Any, sign: int = 1) -> Any:
    """What is computed where weight_decay is 0, in whatever order operands stand; None if 0."""
    if not isinstance(tree, Tree):
        return tree
    sign = -sign if tree.negative else sign
    if tree.op == "leaf":
        return None if tree.args[0] == "weight_decay" else (sign, *tree.args)
    *factors, last = tree.args
    term = None
    if tree.op != "+":
        # The sign of a product is that of all its factors.
        factors = factors if tree.op == "fma" else [*factors, last]
        parts = [_without_penalty(factor.size) for factor in factors]
        negative = sum(factor.negative for factor in factors) % 2
        term = None if None in parts else (-sign if negative else sign, "*", frozenset(parts))
        if tree.op == "*":
            return term
    else:
        term = _without_penalty(factors[0], sign)
    other = _without_penalty(last, sign)
    if term is None or other is None:
        return term or other
    return (tree.op, frozenset((term, other))) if tree.op == "+" else ("fma", term, other)


def _descents(decays: Decays, dtype: str) -> Iterator[Order]:
    lambd, weight_decay = decays
    for tree in descents(lambd=lambd, weight_decay=weight_decay):
        if dtype == "float64" or not _has_scalars(tree):
            yield Order(tree)
        else:
            yield from (Order(tree, kind) for kind in numbers(dtype))
    if dtype == "float32":
        yield Order(_MASTER)


def _has_scalars(tree: Tree) -> bool:
    """Whether an operation has operands that all elements share."""
    if tree.op == "leaf":
        return False
    return tree.variables <= SCALARS | {"1"} or any(map(_has_scalars, tree.args))


def _gives_eta(step: DenseStep, dtype: str) -> Callable[[Order], bool]:
    def gives(order: Order) -> bool:
        assert isinstance(order.rule, Size)
        assert order.kinds is not None
        pair = step_size(order.rule, order.kinds, step.clock, step.scheduled, dtype)
        wide, rounded = map(float, pair)
        return rounded == step.gauge and step.eta in (None, wide, rounded)

    return gives


def _ulps(step: DenseStep, dtype: str) -> float:
    """Error of the step size, in ulp."""
    exact = true_step_size(step.clock, step.scheduled)
    spacing = float(np.spacing(np.dtype(dtype).type(exact)))
    due = float(np.dtype(dtype).type(exact))
    return abs(step.gauge - due) / spacing


def _gives_theta(step: DenseStep, dtype: str) -> Callable[[Order], bool]:
    """Whether an order gives the bits of theta."""
    first = np.dtype(dtype).type
    evaluations: dict[Numbers, Evaluation] = {}

    def gives(order: Order) -> bool:
        if not isinstance(order.rule, Tree):
            return _same(step.master.astype(dtype), step.after)
        kinds = order.kinds or Numbers(dtype, stored=False)
        if kinds not in evaluations:
            decays = {"lambd": step.hyper.lambd, "weight_decay": step.hyper.weight_decay}
            if kinds.stored:
                decays = {name: float(first(x)) for name, x in decays.items()}
            wide = step.wide if kinds.scalar != dtype else step.gauge
            eta = wide if float(first(wide)) == step.gauge else step.gauge
            values = {"theta": step.theta, "grad": step.grad, "eta": eta, **decays}
            evaluations[kinds] = Evaluation(values, dtype, SCALARS, kinds.scalar)
        return _same(evaluations[kinds](order.rule), step.after)

    return gives


def _gives_average(step: DenseStep, dtype: str) -> Callable[[Order], bool]:
    """Whether an order gives the bits of the average; where n is 1, a copy does too."""
    seen, n, before = step.mean, step.n, step.average
    assert seen is not None
    assert n is not None
    if n == 1 and _same(step.after, seen):
        return lambda _: True

    def gives(order: Order) -> bool:
        if not isinstance(order.rule, Mean):
            made = step.kept.get(str(order.rule))
            return made is not None and _same(made.astype(dtype), seen)
        if before is None or order.kinds is None:
            return False
        return _same(mean(order.rule, order.kinds, before, step.after, n, dtype), seen)

    return gives


def _same(made: Array, seen: Array) -> bool:
    return bool(np.all((made == seen) | (np.isnan(made) & np.isnan(seen))))
