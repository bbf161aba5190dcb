"""Which evaluation order a port computes, told by its bits.

A port is followed step by step from its own numbers, and an order stays in question while it gives
every bit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asgd.spec import Convention, Hyperparameters

from ..ports.protocol import Observation
from ..ports.scenario import Scenario, single
from ..ports.timeline import turns
from .evaluation_orders import (
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
from .evaluation_trees import Evaluation, Tree

Decays = tuple[bool, bool]
"""Whether lambd, and whether weight_decay, is not 0: E3 has other orders then."""
Place = tuple[int, int]
"""Call, from 1, and parameter."""


@dataclass
class Orders:
    """Orders that give a port's bits.

    Attributes
    ----------
    alive : tuple
        Those that gave every bit so far; after the last step, those that reproduce the port.
    nearest : tuple
        Where none does, those that went the farthest.
    first : (call, parameter) or None
        Where these first differ.
    """

    alive: tuple[Any, ...]
    nearest: tuple[Any, ...] = ()
    first: Place | None = None

    def narrow(self, gives: Callable[[Any], bool], place: Place) -> None:
        """Keep the orders that give the bits of one step of one parameter."""
        kept = tuple(order for order in self.alive if gives(order))
        if self.alive and not kept:
            self.nearest, self.first = self.alive, place
        self.alive = kept


@dataclass
class Update:
    """Orders of E2 that give one and the same step sizes, and orders of E3 that go with them.

    Attributes
    ----------
    sizes : list of (Size, Numbers)
        Of E2.
    etas : tuple of float
        Their step sizes, as E3 takes them: rounded to the arrays' dtype, or not.
    descents : dict of Decays to Orders
        Of E3: (Tree, Numbers) each.
    """

    sizes: list[tuple[Size, Numbers]]
    etas: tuple[float, ...]
    descents: dict[Decays, Orders] = field(default_factory=dict)

    @property
    def reproduces(self) -> bool:
        """Whether each set of decays leaves an order that gives every bit."""
        return all(orders.alive for orders in self.descents.values())

    @property
    def first(self) -> Place:
        """Where its orders first differ."""
        return min(o.first for o in self.descents.values() if o.first is not None)


@dataclass
class Fingerprint:
    """Orders of a port, by equation.

    Attributes
    ----------
    updates : list of Update
        E2 and E3 together: all that reproduce theta, and eta where it is shown.
    nearest : Update or None
        Where none does, one that went the farthest; None where no order of E2 gives eta.
    averages : Orders
        E5: (Mean, Numbers) each.
    """

    updates: list[Update]
    nearest: Update | None
    averages: Orders

    @property
    def reproduces(self) -> bool:
        """Whether some orders give every bit of the port."""
        return bool(self.updates and self.averages.alive)


def lives() -> tuple[Scenario, ...]:
    """Lives of dense numbers, with one decay and with two: few orders share all their bits."""
    rng = np.random.default_rng(0)
    out = []
    for weight_decay in (0.0, 0.15):
        hyper = Hyperparameters(0.3, 0.7, 0.75, 2.0, weight_decay, maximize=False)
        rows = rng.standard_normal((9, 16)).astype(np.float32).astype(float).tolist()
        start, *grads = map(tuple, rows)
        out.append(single(hyper, (start,), tuple((grad,) for grad in grads)))
    return tuple(out)


def fingerprint(
    runs: Iterable[tuple[Scenario, Sequence[Observation]]],
    convention: Convention,
    dtype: str,
    family: str = "",
) -> Fingerprint:
    """Orders that reproduce every bit of a port, or the nearest.

    Parameters
    ----------
    runs : iterable of (Scenario, trace)
        What was asked, and seen: of `lives`, or of any other scenarios, which take longer.
    convention : Convention
        Reading of ASGD.
    dtype : str
        Dtype of the port.
    family : str
        Family of E2's orders, or "" for all.
    """
    steps = [step for scenario, trace in runs for step in seen_steps(scenario, trace, convention)]
    kinds = numbers(dtype)
    averages = Orders(tuple((order, kind) for order in means() for kind in kinds))
    for step in steps:
        if step.n is not None and step.average is not None and step.mean is not None:
            averages.narrow(_gives_average(step, dtype), step.place)
    every = updates(steps, dtype, family)
    for update in every:
        for step, eta in zip(steps, update.etas, strict=True):
            decays = bool(step.hyper.lambd), bool(step.hyper.weight_decay)
            if decays not in update.descents:
                orders = descents(lambd=decays[0], weight_decay=decays[1])
                update.descents[decays] = Orders(tuple((d, kind) for d in orders for kind in kinds))
            update.descents[decays].narrow(_gives_theta(step, eta, dtype), step.place)
            if not update.descents[decays].alive:
                break
    right = [update for update in every if update.reproduces]
    nearest = None if right else max(every, key=lambda update: update.first, default=None)
    return Fingerprint(right, nearest, averages)


def updates(steps: Sequence["SeenStep"], dtype: str, family: str = "") -> list[Update]:
    """Orders of E2 that give the step sizes that are shown, by the step sizes themselves."""
    found: dict[tuple[float, ...], Update] = {}
    for size in step_sizes():
        if family not in ("", size.family):
            continue
        for kinds in numbers(dtype):
            pairs = [step_size(size, kinds, s.clock, s.scheduled, dtype) for s in steps]
            shown = zip(pairs, steps, strict=True)
            if all(s.eta is None or s.eta in map(float, pair) for pair, s in shown):
                for etas in {tuple(map(float, each)) for each in zip(*pairs, strict=True)}:
                    found.setdefault(etas, Update([], etas)).sizes.append((size, kinds))
    return list(found.values())


@dataclass(frozen=True)
class SeenStep:
    """One step of one parameter, as it was seen."""

    place: Place
    clock: int
    hyper: Hyperparameters
    scheduled: Hyperparameters
    theta: Sequence[float]
    grad: Sequence[float]
    after: Sequence[float]
    eta: float | None
    n: float | None
    average: Sequence[float] | None
    mean: Sequence[float] | None


def seen_steps(
    scenario: Scenario, trace: Sequence[Observation], convention: Convention
) -> Iterator[SeenStep]:
    """Steps of a trace, parameter by parameter."""
    theta: list[Sequence[float]] = list(scenario.params)
    average: list[Sequence[float] | None] = list(scenario.params)
    for call, ((event, made), seen) in enumerate(zip(turns(scenario), trace, strict=True), 1):
        for i, (grad, turn) in enumerate(zip(event.grads, made, strict=True)):
            if grad is not None and turn is not None:
                scheduled = turn.scheduled(convention)
                t0 = convention.read_t0(scheduled.t0)
                n = max(1.0, turn.t - convention.mu_lag - t0)
                plain = convention.divisor != "t-t0" or turn.t < t0
                yield SeenStep(
                    (call, i),
                    turn.t - convention.eta_lag,
                    turn.now,
                    scheduled,
                    theta[i],
                    [-g for g in grad] if turn.now.maximize else grad,
                    seen.theta[i],
                    seen.eta[i],
                    n if plain else None,
                    average[i],
                    seen.average[i],
                )
            theta[i], average[i] = seen.theta[i], seen.average[i]


def _gives_theta(step: SeenStep, eta: float, dtype: str) -> Callable[[tuple[Tree, Numbers]], bool]:
    """Whether an order gives the bits of theta."""
    theta, grad = np.array(step.theta, dtype), np.array(step.grad, dtype)
    first = np.dtype(dtype).type
    evaluations: dict[Numbers, Evaluation] = {}

    def gives(order: tuple[Tree, Numbers]) -> bool:
        tree, kinds = order
        if kinds not in evaluations:
            decays = {"lambd": step.hyper.lambd, "weight_decay": step.hyper.weight_decay}
            if kinds.stored:
                decays = {name: float(first(x)) for name, x in decays.items()}
            values = {"theta": theta, "grad": grad, "eta": eta, **decays}
            evaluations[kinds] = Evaluation(values, dtype, SCALARS, kinds.scalar)
        return same(evaluations[kinds](tree), step.after)

    return gives


def _gives_average(step: SeenStep, dtype: str) -> Callable[[Any], bool]:
    """Whether an order gives the bits of the average; where n is 1, a copy does too."""
    average, theta = np.array(step.average, dtype), np.array(step.after, dtype)
    seen, n = step.mean, step.n
    assert seen is not None
    assert n is not None
    if n == 1 and same(theta, seen):
        return lambda _: True

    def gives(order: tuple[Mean, Numbers]) -> bool:
        return same(mean(*order, average, theta, n, dtype), seen)

    return gives


def same(made: Any, seen: Sequence[float]) -> bool:
    """Whether an array has every bit of what was seen, the sign of zero aside."""
    wanted = np.array(seen, made.dtype)
    return bool(np.all((made == wanted) | (np.isnan(made) & np.isnan(wanted))))
