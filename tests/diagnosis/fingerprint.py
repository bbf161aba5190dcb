"""Fingerprint: the evaluation orders that give every bit of a port.

A port is followed step by step from its own numbers, and an order stays in question while it gives
every bit. The step size is read from an element that is 0 and has gradient 1: every order of E3
makes -eta of it, rounded to the dtype of the arrays.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.reference import formats
from asgd.reference.rounding import round_fraction
from asgd.spec import POLICIES, Convention, Hyperparameters, Policy

from ..faults.evaluation_orders import (
    LOGARITHMIC,
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
from ..ports.scenario import Scenario, single
from ..ports.timeline import turns

Array = NDArray[Any]
Decays = tuple[bool, bool]
"""Whether lambd, and whether weight_decay, is not 0: E3 has other orders then."""
Place = tuple[int, int]
"""Run and call, from 1."""

STEPS = 8
"""Steps of each of the two runs: what is said of an order is said of these."""
_SIZE = 16
_SINGLE = Numbers("float32", stored=False)


@dataclass(frozen=True)
class Order:
    """An order of E2, E3 or E5, and what its scalars are computed in, where that matters."""

    rule: Size | Tree | Mean | str
    kinds: Numbers | None = None


@dataclass(frozen=True)
class Nearest:
    """The plainest order that goes the farthest, in words.

    Attributes
    ----------
    order : str
        Its formula.
    reproduces : bool
        Whether it gives every bit.
    first : int or None
        Step at which it first differs.
    """

    order: str
    reproduces: bool
    first: int | None


@dataclass
class Orders:
    """Orders of one equation that give a port's bits.

    Attributes
    ----------
    alive : tuple of Order
        Those that gave every bit so far; after the last step, those that reproduce the port.
    ways : int
        Ways to compute scalars that are tried.
    nearest : tuple of Order
        Where none does, those that went the farthest.
    first : (run, call) or None
        Where these first differ.
    """

    alive: tuple[Order, ...]
    ways: int
    nearest: tuple[Order, ...] = ()
    first: Place | None = None

    def narrow(self, gives: Callable[[Order], bool], place: Place) -> None:
        """Keep the orders that give the bits of one step."""
        kept = tuple(order for order in self.alive if gives(order))
        if self.alive and not kept:
            self.nearest, self.first = self.alive, place
        self.alive = kept

    @property
    def summary(self) -> Nearest:
        """The plainest of those that went the farthest, in words."""
        left = self.alive or self.nearest
        rules = {_bare(str(order.rule)) for order in left}
        plainest = min(rules, key=lambda text: ("fma" in text, len(text), text))
        kinds = [order.kinds for order in left if _bare(str(order.rule)) == plainest]
        # What scalars are computed in is said where one of the other ways gives other bits.
        free = None in kinds or len(kinds) == self.ways
        said = plainest if free else f"{plainest}, {kinds[0]}"
        return Nearest(said, bool(self.alive), self.first[1] if self.first else None)


@dataclass(frozen=True)
class Summary:
    """What is known of the orders of a port, by quantity; None where it is not shown.

    Attributes
    ----------
    error : float
        Largest error of the step size, in ulp of the arrays' dtype.
    theta, theta_without_penalty : Nearest or None
        With and without weight_decay.
    """

    reproduces: bool
    error: float
    eta: Nearest
    theta: Nearest | None
    theta_without_penalty: Nearest | None
    average: Nearest | None


@dataclass
class Fingerprint:
    """Orders of a port, by equation.

    Attributes
    ----------
    sizes : Orders
        Of E2.
    error : float
        Largest error of the step size, in ulp of the arrays' dtype.
    updates : mapping of Decays to Orders
        Of E3.
    averages : Orders or None
        Of E5, where the average is shown.
    """

    sizes: Orders
    error: float
    updates: Mapping[Decays, Orders]
    averages: Orders | None

    @property
    def reproduces(self) -> bool:
        """Whether some orders give every bit of theta and of the average, given the step size."""
        return all(o.alive for o in self.updates.values()) and (
            self.averages is None or bool(self.averages.alive)
        )

    @property
    def summary(self) -> Summary:
        """All of it in words."""
        updates = {penalty: orders.summary for (_, penalty), orders in self.updates.items()}
        return Summary(
            self.reproduces,
            self.error,
            self.sizes.summary,
            updates.get(True),
            updates.get(False),
            None if self.averages is None else self.averages.summary,
        )

    @property
    def form(self) -> Policy | None:
        """Policy of the right form that the port computes to the bit; None where there is none.

        Nothing wrong hides behind it; and where an order of E2 as it is printed gives all the bits,
        another form explains nothing.
        """
        families = {o.rule.family for o in self.sizes.alive if isinstance(o.rule, Size)}
        known = self.averages is not None and self.reproduces
        return POLICIES["log-step-size"] if known and families == {LOGARITHMIC} else None


def dense_runs() -> tuple[Scenario, ...]:
    """Runs of dense numbers, with one decay and with two: few orders share all their bits.

    Behind the dense elements, one for each step is 0 until its gradient, 1.
    """
    rng = np.random.default_rng(0)
    out = []
    for weight_decay in (0.0, 0.15):
        hyper = Hyperparameters(0.3, 0.7, 0.75, 2.0, weight_decay, maximize=False)
        rows = rng.standard_normal((STEPS + 1, _SIZE)).astype(np.float32).astype(float).tolist()
        gauges = np.eye(STEPS + 1, STEPS, -1).tolist()
        start, *grads = (tuple(row + gauge) for row, gauge in zip(rows, gauges, strict=True))
        out.append(single(hyper, (start,), tuple((grad,) for grad in grads)))
    return tuple(out)


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
        for step in _steps(number, scenario, trace, convention, dtype)
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
    decays: Decays, known: Mapping[Decays, Orders], dtype: str, steps: Sequence["_Step"]
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


_MASTER = "theta kept in float64, rounded where it is shown"


@dataclass(frozen=True, eq=False)
class _Step:
    """One step, as it was seen."""

    place: Place
    clock: int
    hyper: Hyperparameters
    scheduled: Hyperparameters
    theta: Array
    grad: Array
    after: Array
    gauge: float
    eta: float | None
    master: Array
    n: float | None
    average: Array | None
    mean: Array | None
    kept: Mapping[str, Array] = field(default_factory=dict)

    @property
    def wide(self) -> float:
        """The step size in float64: what is shown, or the exact one, rounded."""
        if self.eta is not None:
            return self.eta
        h = self.scheduled
        return true_step_size(self.clock, h)


def _steps(
    number: int,
    scenario: Scenario,
    trace: Sequence[Observation],
    convention: Convention,
    dtype: str,
) -> Iterator[_Step]:
    theta = np.array(scenario.params[0], dtype)
    average: Array | None = theta
    master, iterates = theta.astype(float), [theta]
    masters, means, counts = [master], {}, [1.0]
    for call, ((event, made), seen) in enumerate(zip(turns(scenario), trace, strict=True), 1):
        turn, given = made[0], event.grads[0]
        assert turn is not None
        assert given is not None
        grad, after = np.array(given, dtype), np.array(seen.theta[0], dtype)
        scheduled = turn.scheduled(convention)
        n = max(1.0, turn.t - convention.mu_lag - convention.read_t0(scheduled.t0))
        clock = turn.t - convention.eta_lag
        eta = true_step_size(clock, scheduled)
        pull = grad + (turn.now.lambd + turn.now.weight_decay) * master
        master = master - eta * pull
        iterates.append(after)
        masters.append(master)
        counts.append(n)
        shown = seen.average[0]
        result = None if shown is None else np.array(shown, dtype)
        means = dict(_kept(iterates, masters, counts, dtype))
        yield _Step(
            (number, call),
            clock,
            turn.now,
            scheduled,
            theta,
            grad,
            after,
            float(abs(after[_SIZE + call - 1])),
            seen.eta[0],
            master,
            n if convention.divisor != "t-t0" or turn.t < scheduled.t0 else None,
            average,
            result,
            means,
        )
        theta, average = after, result


def _kept(
    iterates: Sequence[Array], masters: Sequence[Array], counts: Sequence[float], dtype: str
) -> Iterator[tuple[str, Array]]:
    """Averages of orders that keep a sum, or more bits than they show, by what they keep."""
    n = int(counts[-1])
    fmt = formats[dtype]
    with np.errstate(all="ignore"):
        for kind in dict.fromkeys((dtype, "float64")):
            total: Array = np.zeros_like(iterates[0], kind)
            for theta in iterates[-n:]:
                total = total + theta.astype(kind)
            yield f"sum of the window in {kind}, divided by n", (total / total.dtype.type(n))
            yield (
                f"sum of the window in {kind}, multiplied by 1 / n",
                total * (1 / total.dtype.type(n)),
            )
        columns = np.array(iterates[-n:]).T.tolist()
        if np.isfinite(columns).all():
            sums = [sum(map(Fraction, column), Fraction(0)) for column in columns]
            exact = [round_fraction(total / n, fmt) for total in sums]
            yield "the exact mean of the window, rounded once", np.array(exact)
        if dtype == "float32":
            for what, rows in (("theta", iterates), ("a float64 theta", masters)):
                mean: Array = rows[0].astype(float)
                for theta, count in zip(rows[1:], counts[1:], strict=True):
                    mean = theta if count == 1 else mean + (theta.astype(float) - mean) / count
                yield f"average of {what} kept in float64, rounded where it is shown", mean


def _gives_eta(step: _Step, dtype: str) -> Callable[[Order], bool]:
    def gives(order: Order) -> bool:
        assert isinstance(order.rule, Size)
        assert order.kinds is not None
        pair = step_size(order.rule, order.kinds, step.clock, step.scheduled, dtype)
        wide, rounded = map(float, pair)
        return rounded == step.gauge and step.eta in (None, wide, rounded)

    return gives


def _ulps(step: _Step, dtype: str) -> float:
    """Error of the step size, in ulp."""
    exact = true_step_size(step.clock, step.scheduled)
    spacing = float(np.spacing(np.dtype(dtype).type(exact)))
    due = float(np.dtype(dtype).type(exact))
    return abs(step.gauge - due) / spacing


def _gives_theta(step: _Step, dtype: str) -> Callable[[Order], bool]:
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


def _gives_average(step: _Step, dtype: str) -> Callable[[Order], bool]:
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


def _bare(text: str) -> str:
    """Without parentheses around all of it."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            whole = text.startswith("(") and place == len(text) - 1
            return text[1:-1] if whole else text
    return text
