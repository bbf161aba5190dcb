"""Runs whose bits few orders of evaluation share, and what is seen in their steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.reference import formats
from asgd.reference.rounding import round_fraction
from asgd.spec import Convention, Hyperparameters

from ..oracle.one_number import true_step_size
from ..ports.protocol import Observation
from ..ports.scenario import Scenario, single
from ..ports.timeline import turns
from .orders import Place

Array = NDArray[Any]

STEPS = 8
"""Steps of each of the two runs: what is said of an order is said of these."""
_SIZE = 16


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


@dataclass(frozen=True, eq=False)
class DenseStep:
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


def dense_steps(
    number: int,
    scenario: Scenario,
    trace: Sequence[Observation],
    convention: Convention,
    dtype: str,
) -> Iterator[DenseStep]:
    """Steps of the run of that number, as they were seen."""
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
        yield DenseStep(
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
