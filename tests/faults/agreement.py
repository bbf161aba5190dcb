"""Where rules agree with what a port showed: every number of many traces at once.

Each number is compared with what a rule makes of the port's own numbers before that step, within
the rule's running error. A table has one row for each element of each parameter at each step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.reference import formats

from ..ports.protocol import Observation
from ..ports.scenario import Scenario, Set, Step
from .moments import Moments
from .running_error import Running, choose, lifted
from .variant import Hyper, Moment, Sources, Variant

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Runs = Sequence[tuple[Scenario, Sequence[Observation]]]

_PLAIN = (
    *("t", "call", "index", "count", "position", "size", "first_t", "past_first_t"),
    *("updates", "taken", "since"),
    *("ahead", "ahead_in_group", "active"),
)
# How many times the error of a number exceeds its tolerance, so that almost all show it.
_SEEN = 16.0
_FLAGS = ("opening", "foremost", "behind", "behind_in_group", "idle")
_RANGES = {
    24: (2.0**-149, 2.0**128),
    11: (2.0**-24, 2.0**16),
    8: (2.0**-133, 2.0**128),
}
"""Of float32, float16 and bfloat16: spacing of the subnormal numbers; what overflows."""


@dataclass(frozen=True)
class Expected:
    """What a rule expects of one quantity, and where the port agrees."""

    number: Running
    other: Running | None
    agrees: Bools
    seen: Floats
    given: tuple[Floats, ...] = ()

    def differs(self, base: "Expected") -> Bools:
        """Where the expectation is another than that of ``base``."""
        found = _differ(self.number, base.number)
        if self.other is not None and base.other is not None:
            found |= _differ(self.other, base.other)
        elif (self.other is None) != (base.other is None):
            found |= True
        # What goes in matters beside a second fault: an average that starts elsewhere as soon as
        # it has a weight, and another weight of an average that happens to be theta.
        for one, another in zip(self.given, base.given, strict=True):
            found |= _unlike(one, another)
        return found


def _unlike(x: Any, y: Any) -> Bools:
    return np.asarray((x != y) & ~((x != x) & (y != y)))  # noqa: PLR0124 - nan


def _differ(one: Running, other: Running) -> Bools:
    return _unlike(one.value, other.value) | _unlike(one.error, other.error)


class Table:
    """Traces of a port as rows.

    Parameters
    ----------
    dtype : str
        Of the port.
    runs : sequence of (Scenario, sequence of Observation)
        What it was asked, and what it showed.
    counts : sequence of int, optional
        Steps that the parameters had taken before; none by default.
    flushes : bool
        Whether the port may flush subnormal numbers to zero.
    """

    def __init__(
        self,
        dtype: str,
        runs: Runs,
        counts: Sequence[int] | None = None,
        *,
        flushes: bool = False,
    ) -> None:
        self.dtype = dtype
        fmt = formats[dtype]
        self._u, self._tiny = fmt.u, fmt.smallest_normal if flushes else fmt.tiny
        steps = list(_steps(runs, counts))
        moments = [step.moment for step in steps]
        sizes = [len(step.after) for step in steps]
        self._rep = np.repeat(np.arange(len(steps)), sizes)
        self._begin = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, int)
        self._steps = steps
        join = self._join
        self.run = self._column([step.run for step in steps])
        self.theta = join([step.theta for step in steps])
        self.after = join([step.after for step in steps])
        self.start = join([step.start for step in steps])
        self.grad = join([step.grad or (0.0,) * len(step.after) for step in steps])
        self.present = self._column([step.grad is not None for step in steps])
        self.fresh = self._column(
            [m.t - (s.grad is not None) == 0 for m, s in zip(moments, steps, strict=True)]
        )
        gone = (np.nan,)
        self.before = join([step.before or gone * len(step.after) for step in steps])
        self.average = join([step.average or gone * len(step.after) for step in steps])
        shown = self._column([step.average is not None for step in steps])
        # An undefined average, which `literal` has, says nothing of the next one.
        self.compared = shown & (~np.isnan(self.before) | self.fresh)
        self._plain = {
            name: self._column([getattr(m, name) for m in moments]) for name in (*_PLAIN, *_FLAGS)
        }
        self._hyper = self._column([_numbers(m) for m in moments])
        self._etas: dict[Any, Running] = {}
        self._velocities: dict[float, Running] = {}
        self._cache: dict[tuple[Variant, str], Expected] = {}

    def __len__(self) -> int:
        return len(self._rep)

    def _column(self, values: Sequence[Any]) -> Any:
        return np.array(values)[self._rep]

    @staticmethod
    def _join(vectors: Sequence[Sequence[float]]) -> Floats:
        return np.array([x for vector in vectors for x in vector], float)

    def place(self, row: int) -> tuple[int, int, int, int]:
        """Run, call, parameter and element of a row."""
        at = int(self._rep[row])
        step = self._steps[at]
        return step.run, step.call, step.moment.index, row - int(self._begin[at])

    @cached_property
    def gauges(self) -> Bools:
        """Rows that show eta: theta was 0, and the gradient 1 or -1."""
        return np.asarray((self.theta == 0) & (abs(self.grad) == 1) & self.present)

    @cached_property
    def measured(self) -> Floats:
        """Step size that a gauge shows in the same step; nan where there is none."""
        found = np.full(len(self._steps), np.nan)
        rows = np.flatnonzero(self.gauges)[::-1]
        found[self._rep[rows]] = abs(self.after[rows])
        return found[self._rep]

    @cached_property
    def finite(self) -> Bools:
        """Rows of steps in which everything is finite."""
        fine = np.isfinite(self.theta) & np.isfinite(self.grad) & np.isfinite(self.after)
        whole = np.ones(len(self._steps), bool)
        np.logical_and.at(whole, self._rep, fine)
        return whole[self._rep]

    def shown(self, quantity: str) -> Floats:
        """Values of eta or mu that the port read out; nan where it did not."""
        values = [getattr(step, quantity) for step in self._steps]
        column: Floats = self._column([np.nan if x is None else x for x in values])
        return column

    @cached_property
    def _moment(self) -> Moment:
        hypers = [self._lifted(self._hyper[:, k]) for k in range(self._hyper.shape[1])]
        count = len(Sources._fields)
        return Moment(
            **self._plain,
            now=Sources(*hypers[:count]),
            past=Sources(*hypers[count:-1]),
            preceding=hypers[-1],
            grad=Running(self.grad, 0.0, self._u),
            theta=Running(self.theta, 0.0, self._u),
            start=Running(self.start, 0.0, self._u),
            sum=Running(self._sums, 8 * self._u * abs(self._sums), self._u),
            velocity=self._velocity,
            head=lambda x: lifted(x, self._u).map(lambda y: y[self._begin[self._rep]]),
            overall=self._overall,
        )

    @cached_property
    def _sums(self) -> Floats:
        """Sum of theta after the steps before this one at which t was t0 or more."""
        sums: list[Floats] = []
        now: dict[tuple[int, int], tuple[int, Floats]] = {}
        for step in self._steps:
            key, taken = (step.run, step.moment.index), step.moment.taken
            count, total = now.get(key, (0, np.zeros(len(step.after))))
            sums.append(total)
            now[key] = (taken, total + np.array(step.after)) if taken > count else (count, total)
        return np.concatenate(sums) if sums else np.zeros(0)

    def _velocity(self, factor: float) -> Running:
        """Sum of signed and penalized gradients that decays by ``factor`` at each step."""
        if factor in self._velocities:
            return self._velocities[factor]
        values: list[Floats] = []
        errors: list[Floats] = []
        now: dict[tuple[int, int], tuple[Floats, Floats]] = {}
        for step in self._steps:
            none = np.zeros(len(step.after))
            key, h = (step.run, step.moment.index), step.moment.now.own
            value, error = now.get(key, (none, none))
            if step.grad is not None:
                grad, penalty = np.array(step.grad), h.weight_decay * np.array(step.theta)
                value = factor * value + (-grad if h.maximize else grad) + penalty
                error = factor * error + 8 * self._u * (abs(value) + abs(grad) + abs(penalty))
                now[key] = value, error
            values.append(value)
            errors.append(error)
        found = Running(np.concatenate(values), np.concatenate(errors), self._u)
        return self._velocities.setdefault(factor, found)

    def _overall(self, x: Any) -> Running:
        """Mean over the elements of each step."""
        x = lifted(x, self._u)
        sizes = np.bincount(self._rep, minlength=len(self._steps))
        value, largest, error = (
            np.bincount(self._rep, y, len(self._steps)) / np.maximum(sizes, 1)
            for y in (x.value, abs(x.value), np.broadcast_to(x.error, x.value.shape))
        )
        # The sum of n numbers loses n - 1 roundings at most.
        error = error + (sizes + 2) * self._u * largest
        return Running(value[self._rep], error[self._rep], self._u)

    def _lifted(self, columns: Floats) -> Hyper:
        numbers = [Running(x, abs(x) * self._u, self._u) for x in columns.T[:4]]
        lr, lambd, alpha, penalty = numbers
        return Hyper(lr, lambd, alpha, columns[:, 4], penalty, columns[:, 5] != 0)

    def moment(self, variant: Variant) -> Moment:
        """All moments as ``variant`` sees them."""
        moment = self._moment
        first = self.fresh if variant.skips else self._plain["call"] == 1
        zero = 0.0 if variant.start_at_zero else 1.0
        known = np.where(np.isnan(self.before), self.theta, self.before)
        moment.average = Running(np.where(first, zero * self.start, known), 0.0, self._u)
        return moment

    def eta(self, variant: Variant) -> Running:
        """Step sizes, as precise as the variant has them."""
        key = (
            variant.size,
            variant.eta_lag,
            variant.stored,
            variant.clock,
            variant.origin,
            variant.late,
            variant.reader,
            variant.eta_clock,
            variant.in_loop,
            variant.narrow,
            variant.bracket,
            variant.eta_from,
        )
        if key not in self._etas:
            number = lifted(variant.eta(self._moment), self._u)
            self._etas[key] = self._coarse(variant, number)
        return self._etas[key]

    def _coarse(self, variant: Variant, eta: Running) -> Running:
        u = _roundoff(variant, "eta", self._u)
        return eta.widened(8 * u * abs(eta.value))

    def keeps_lr(self, variant: Variant) -> bool:
        """Whether eta is right where few bits suffice: where it is lr, which nothing divides."""
        bits = [n.bits for n in variant.narrow if n.quantity == "eta"]
        if not bits:
            return True
        eta = self.eta(variant).value
        rates = [variant.source(at).lr.value for at in (self._moment.now, self._moment.past)]
        exact = np.any([eta == lr for lr in rates], axis=0) & _fits(eta, min(bits))
        others = tuple(n for n in variant.narrow if n.quantity != "eta")
        wide = self.expected_theta(replace(variant, narrow=others))
        return bool(wide.agrees[exact].all())

    def keeps_weights(self, variant: Variant) -> bool:
        """Whether averages are right where few bits suffice for mu: where it is a power of two."""
        bits = [n.bits for n in variant.narrow if n.quantity == "mu"]
        if not bits:
            return True
        with np.errstate(all="ignore"):
            mu = lifted(variant.mu(self.moment(variant)), self._u).value
        exact = self.present & _fits(mu, min(bits))
        others = tuple(n for n in variant.narrow if n.quantity != "mu")
        wide = self.expected_average(replace(variant, narrow=others))
        return bool(wide.agrees[exact].all())

    def loses(self, variant: Variant) -> bool:
        """Whether an eta or a decay of too few bits shows in most numbers in which it must.

        Else a rule of few bits would explain whatever is nearly right.
        """
        eta = self.eta(variant).value
        with np.errstate(all="ignore"):
            decay = 1 - eta * variant.source(self._moment.now).lambd.value
            quantities = {"eta": (eta, self.after - self.theta), "decay": (decay, self.theta)}
            return all(self._shows(variant, name, *numbers) for name, numbers in quantities.items())

    def _shows(self, variant: Variant, quantity: str, exact: Floats, factor: Floats) -> bool:
        bits = [n.bits for n in variant.narrow if n.quantity == quantity]
        if not bits:
            return True
        others = tuple(n for n in variant.narrow if n.quantity != quantity)
        wide = self.expected_theta(replace(variant, narrow=others))
        lost = 2.0 ** -min(bits) * abs(factor)
        must = self.present & ~_fits(exact, min(bits)) & (lost > _SEEN * wide.number.error)
        return not must.any() or bool(np.mean(wide.agrees[must]) <= 0.5)

    def expected_theta(self, variant: Variant, *, measured: bool = False) -> Expected:
        """What ``variant`` expects of theta, with its own eta or that which a gauge shows."""
        key = (variant.of_theta, "measured" if measured else "theta")
        if key not in self._cache:
            with np.errstate(all="ignore"):
                self._cache[key] = self._theta(variant, measured=measured)
        return self._cache[key]

    def _theta(self, variant: Variant, *, measured: bool) -> Expected:
        moment = self.moment(variant)
        eta = self.eta(variant)
        if measured:
            eta = Running(self.measured, 8 * self._u * self.measured, self._u)
        number, agrees = self._next(variant, moment, eta)
        other = None
        starts = variant.starts(moment)
        if np.any(starts) and not measured:
            # lr, stored when the state is made, or the formula at t = 0.
            first = self._coarse(variant, lifted(variant.source(moment.now).lr * 1.0, self._u))
            other, also = self._next(variant, moment, choose(np.asarray(starts), first, eta))
            agrees = agrees | also
        if variant.skips:
            number = choose(self.present, number, Running(self.theta, 0.0, self._u))
            agrees = np.where(self.present, agrees, _same(self.theta, self.after))
        for narrow in variant.narrow:
            if narrow.quantity == "eta" and narrow.stored:
                agrees = agrees & (~self.gauges | _fits(self.after, narrow.bits))
            if narrow.quantity == "theta":
                agrees = agrees & _fits(self.after, narrow.bits)
        return Expected(number, other, agrees, self.after)

    def _next(self, variant: Variant, moment: Moment, eta: Running) -> tuple[Running, Bools]:
        number = self._narrowed(variant, "theta", lifted(variant.theta(moment, eta), self._u))
        beyond = np.zeros(len(self), bool)
        for narrow in variant.narrow:
            if narrow.quantity == "decay":
                # 1 - eta lambd: lambd, the product and the difference are rounded.
                lambd = variant.source(moment.now).lambd.value
                share = abs(eta.value * lambd)
                factor = np.where(share > 0, abs(1 - share) + 2 * share, 0.0)
                number = number.widened(2.0**-narrow.bits * abs(self.theta) * factor)
                # What float32 does not reach may be infinite there, and its product with 0 is nan.
                most = np.maximum(np.maximum(lambd, abs(eta.value)), share)
                beyond |= (most > _RANGES[narrow.bits][1]) & ~np.isfinite(self.after)
        return number, number.near(self.after, self._tiny) | beyond

    def _narrowed(self, variant: Variant, quantity: str, number: Running) -> Running:
        for narrow in variant.narrow:
            if narrow.quantity == quantity:
                tiny, most = _RANGES[narrow.bits]
                value = np.where(abs(number.value) > most, np.inf, number.value)
                error = number.error + 2.0**-narrow.bits * abs(number.value) + tiny
                number = Running(value, error, self._u)
        return number

    def expected_average(self, variant: Variant) -> Expected:
        """What ``variant`` expects of the average, given the port's theta."""
        key = (variant, "average")
        if key not in self._cache:
            with np.errstate(all="ignore"):
                self._cache[key] = self._average(variant)
        return self._cache[key]

    def _average(self, variant: Variant) -> Expected:
        moment = self.moment(variant)
        old = moment.average.value
        taken = variant.average(moment, Running(self.after, 0.0, self._u))
        assert taken is not None
        number = self._narrowed(variant, "average", lifted(taken, self._u))
        u = _roundoff(variant, "mu", self._u)
        sizes = (number.value, self.after, old)
        spread = sum(np.where(np.isfinite(x), abs(x), 0.0) for x in sizes)
        number = number.widened(8 * u * spread)
        agrees = number.near(self.average, self._tiny)
        if variant.skips:
            number = choose(self.present, number, Running(old, 0.0, self._u))
            # What is shown before a parameter's first step may be theta, whatever it starts from.
            kept = _same(old, self.average) | self.fresh & _same(self.start, self.average)
            agrees = np.where(self.present, agrees, kept)
        for narrow in variant.narrow:
            if narrow.quantity == "mu" and narrow.stored:
                gauges = (old == 0) & (self.after == 1) & self.present
                agrees = agrees & (~gauges | _fits(self.average, narrow.bits))
            if narrow.quantity == "average":
                agrees = agrees & _fits(self.average, narrow.bits)
        anything = ~self.compared | variant.undefined(moment)
        weight = lifted(variant.mu(moment), self._u).value
        return Expected(number, None, agrees | anything, self.average, (old, weight))

    def agrees(self, variant: Variant) -> bool:
        """Whether ``variant`` gives every theta and average."""
        theta, average = self.expected_theta(variant), self.expected_average(variant)
        return bool(theta.agrees.all() and average.agrees.all())


@dataclass(frozen=True)
class _OneStep:
    run: int
    call: int
    moment: Moment
    grad: Sequence[float] | None
    theta: Sequence[float]
    after: Sequence[float]
    start: Sequence[float]
    before: Sequence[float] | None
    average: Sequence[float] | None
    eta: float | None
    mu: float | None


def _steps(runs: Runs, counts: Sequence[int] | None) -> Iterator[_OneStep]:
    for run, (scenario, trace) in enumerate(runs):
        walk = Moments(scenario.groups, float, counts)
        theta, average = list(scenario.params), [*map(_maybe, scenario.params)]
        shown = iter(enumerate(trace, 1))
        for event in scenario.events:
            if isinstance(event, Set):
                walk.set(event)
            if not isinstance(event, Step):
                continue
            present = walk.moments(event.grads)
            call, seen = next(shown)
            for i, (moment, grad) in enumerate(zip(present, event.grads, strict=True)):
                yield _OneStep(
                    run=run,
                    call=call,
                    moment=moment or walk.absent(i),
                    grad=grad,
                    theta=theta[i],
                    after=seen.theta[i],
                    start=scenario.params[i],
                    before=average[i],
                    average=seen.average[i],
                    eta=seen.eta[i],
                    mu=seen.mu[i],
                )
                theta[i], average[i] = seen.theta[i], seen.average[i]


def _maybe(x: Any) -> Any:
    return x


def _numbers(moment: Moment) -> list[list[float]]:
    """Hyperparameters of a moment, t0 and maximize last."""
    return [
        [h.lr, h.lambd, h.alpha, h.weight_decay, h.t0, float(h.maximize)]
        for h in (*moment.now, *moment.past, moment.preceding)
    ]


def _roundoff(variant: Variant, quantity: str, u: float) -> float:
    return max([u, *(2.0**-n.bits for n in variant.narrow if n.quantity == quantity)])


def _fits(x: Floats, bits: int) -> Bools:
    """Whether numbers have at most so many significant bits."""
    with np.errstate(invalid="ignore"):
        scaled = np.frexp(x)[0] * 2.0**bits
        return np.asarray((scaled == np.floor(scaled)) | ~np.isfinite(x))


def _same(old: Floats, new: Floats) -> Bools:
    return np.asarray((old == new) | np.isnan(old))
