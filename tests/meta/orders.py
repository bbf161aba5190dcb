"""Correct ports in many orders of evaluation, made of pieces; none of them may be refused.

They are written from ``spec/asgd.md`` alone, and share no arithmetic with our kernels, our truth,
or the variants: what they have in common with those is the text of the equations.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import CONVENTIONS

Array = NDArray[Any]
Hyper = dict[str, Any]

# E2: the step size, in whatever type the numbers are.


def _bracket(t: int, lr: Any, lambd: Any) -> Any:
    return 1 + lambd * lr * _like(t, lr)


def divided(t: int, lr: Any, lambd: Any, alpha: Any) -> Any:
    """As the document prints it."""
    return lr / np.power(_bracket(t, lr, lambd), alpha)


def negative_power(t: int, lr: Any, lambd: Any, alpha: Any) -> Any:
    """The power's sign turned, and t first in the bracket."""
    return lr * np.power(1 + _like(t, lr) * (lr * lambd), -alpha)


def reciprocal(t: int, lr: Any, lambd: Any, alpha: Any) -> Any:
    """One over the power, and then times lr."""
    return 1 / np.power(1 + lr * _like(t, lr) * lambd, alpha) * lr


def logarithm(t: int, lr: Any, lambd: Any, alpha: Any) -> Any:
    """By exp and log1p, as kernels without pow do."""
    return lr * np.exp(-alpha * np.log1p(lambd * lr * _like(t, lr)))


def exponential(t: int, lr: Any, lambd: Any, alpha: Any) -> Any:
    """By exp and log of the rounded bracket."""
    return lr / np.exp(alpha * np.log(_bracket(t, lr, lambd)))


# E1 and E3: the update; ``grad`` has its sign already.


def factored(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """The gradient and both decays in one bracket."""
    return theta - eta * ((grad + decay * theta) + lambd * theta)


def decay_first(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """The two decays added before the gradient."""
    return theta - eta * (grad + (lambd * theta + decay * theta))


def merged(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """One decay, lambd + weight_decay."""
    return theta - eta * (grad + (lambd + decay) * theta)


def shrunk(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """torch's: theta times the rounded 1 - lambd eta."""
    return theta * (1 - lambd * eta) - eta * (grad + decay * theta)


def shrunk_merged(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """Both decays in one factor."""
    return theta * (1 - eta * (lambd + decay)) - eta * grad


def shrunk_twice(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """Both decays in one factor, subtracted one after the other."""
    return (1 - eta * lambd - eta * decay) * theta - eta * grad


def expanded_left(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """Fully expanded, from the left."""
    return ((theta - eta * grad) - eta * lambd * theta) - eta * decay * theta


def expanded_right(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """Fully expanded, the decays summed first and eta multiplied last."""
    return theta - (eta * grad + (eta * (lambd * theta) + eta * (decay * theta)))


def expanded_decays(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """Fully expanded, the gradient last."""
    return ((theta - (eta * decay) * theta) - (eta * lambd) * theta) - eta * grad


def fused(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """Three fused multiply-adds."""
    return fma(-eta, fma(lambd, theta, fma(decay, theta, grad)), theta)


def fused_shrunk(theta: Array, grad: Array, eta: Any, lambd: Any, decay: Any) -> Array:
    """As torch orders it, contracted by a compiler."""
    return fma(-eta, fma(decay, theta, grad), theta * fma(-lambd, eta, _like(1, eta)))


def fma(x: Any, y: Any, z: Any) -> Array:
    """X y + z with one rounding, by fractions; NumPy's own where a number is not finite."""
    shape = np.broadcast(x, y, z)
    numbers = np.array([_fma(*map(float, item)) for item in shape])
    return numbers.reshape(shape.shape).astype(np.result_type(x, y, z))


def _fma(x: float, y: float, z: float) -> float:
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        return x * y + z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)


# E5: averages, each changed in place; ``n`` is 1 / mu, and ``mu`` the rounded weight.


@dataclass
class Average:
    """The average of one parameter: what is shown, and what is hidden beside it."""

    shown: Any
    hidden: Any = None
    n: float = 0.0


Mean = Callable[[Average, Array, Any, Any], None]


def incremental(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """By the weight."""
    average.shown = average.shown + mu * (theta - average.shown)


def quotient(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """By a division of the increment (Welford)."""
    average.shown = average.shown + (theta - average.shown) / n


def lerp(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """By two weights."""
    average.shown = (1 - mu) * average.shown + mu * theta


def lerp_of_larger(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """From the nearer end, as torch.lerp."""
    apart = theta - average.shown
    near = mu < 0.5
    average.shown = average.shown + mu * apart if near else theta - apart * (1 - mu)


def two_quotients(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """By the weights (n - 1) / n and 1 / n."""
    average.shown = (n - 1) / n * average.shown + theta / n


def rebuilt_sum(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """The sum made anew from the average at every step."""
    average.shown = (average.shown * (n - 1) + theta) / n


def kept_sum(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """A sum that is kept, and divided to be shown."""
    _continue_sum(average, n)
    average.hidden = average.hidden + theta
    average.shown = average.hidden / n


def weighted_sum(average: Average, theta: Array, mu: Any, n: Any) -> None:
    """A sum that is kept, and shown times the rounded 1 / n."""
    _continue_sum(average, n)
    average.hidden = average.hidden + theta
    average.shown = average.hidden * mu


def compensated_sum(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """A sum with Kahan's compensation."""
    _continue_sum(average, n)
    total, lost = average.hidden if isinstance(average.hidden, tuple) else (average.hidden, 0)
    item = theta - lost
    grown = total + item
    average.hidden = (grown, (grown - total) - item)
    average.shown = grown / n


def compensated(average: Average, theta: Array, mu: Any, n: Any) -> None:  # noqa: ARG001
    """Incremental, with a hidden compensation."""
    lost = 0 if average.hidden is None else average.hidden
    rise = mu * ((theta - average.shown) - lost) + lost
    risen = average.shown + rise
    average.hidden = rise - (risen - average.shown)
    average.shown = risen


def _continue_sum(average: Average, n: Any) -> None:
    """Start the sum where the window opens, or is moved by a change of t0."""
    if average.hidden is None or float(n) != average.n + 1:
        average.hidden = average.shown * (n - 1)
    average.n = float(n)


# The port.


@dataclass(frozen=True)
class Order:
    """An order of evaluation.

    Attributes
    ----------
    size, update, mean : callable
        E2; E1 and E3; E5.
    scalar : str
        Format of eta and mu before they are rounded to the parameter's: "dtype" is that itself.
    stored : str or None
        Format that the hyperparameters are rounded to first; None: each use rounds what was given.
    master : bool
        theta and the average are kept wider, and rounded where they are shown.
    copies : bool
        Where mu = 1 the average is a copy of theta, and no result of the mean.
    before : "theta", "none" or "late"
        What is shown before the window: theta; nothing; nothing while mu = 1.
    undefined : "none", "nan" or "theta"
        What is shown where ``literal`` is undefined.
    flushes : bool
        Subnormal numbers are flushed to zero, read and written.
    reads, supports : tuple of str
        What the port has.
    """

    size: Callable[..., Any] = divided
    update: Callable[..., Any] = factored
    mean: Mean = incremental
    scalar: str = "dtype"
    stored: str | None = None
    master: bool = False
    copies: bool = True
    before: str = "theta"
    undefined: str = "nan"
    flushes: bool = False
    reads: tuple[str, ...] = ("average", "eta", "mu")
    supports: tuple[str, ...] = ("groups", "skip", "set", "save", "maximize")


_POOR = {"reads": ("average",), "supports": ()}

ORDERS: dict[str, Order] = {
    "printed": Order(),
    "torch": Order(update=shrunk, scalar="float64"),
    "merged": Order(negative_power, merged, lerp),
    "merged-shrunk": Order(reciprocal, shrunk_merged, rebuilt_sum, copies=False),
    "shrunk-twice": Order(logarithm, shrunk_twice, quotient, scalar="float64", before="none"),
    "expanded-left": Order(exponential, expanded_left, two_quotients, copies=False),
    "expanded-right": Order(divided, expanded_right, kept_sum, undefined="theta"),
    "expanded-decays": Order(negative_power, expanded_decays, lerp_of_larger, scalar="float64"),
    "decay-first": Order(logarithm, decay_first, compensated_sum, undefined="none"),
    "fused": Order(reciprocal, fused, quotient, copies=False),
    "fused-shrunk": Order(exponential, fused_shrunk, incremental, scalar="float64", copies=False),
    "compensated": Order(divided, factored, compensated, scalar="float64"),
    "rounded-first": Order(logarithm, shrunk, kept_sum, stored="dtype", before="none"),
    "late": Order(negative_power, merged, rebuilt_sum, stored="dtype", before="late"),
    "master": Order(divided, factored, incremental, scalar="float64", master=True),
    "master-sum": Order(reciprocal, shrunk_merged, kept_sum, master=True, before="none"),
    "weighted-sum": Order(exponential, merged, weighted_sum),
    "poor": Order(divided, shrunk, lerp, **_POOR),
    "blind": Order(exponential, expanded_left, incremental, reads=(), supports=("skip",)),
}
"""Orders that the policy ``native`` admits, by name."""

FLUSHED: dict[str, Order] = {
    name: replace(ORDERS[name], flushes=True) for name in ("torch", "decay-first")
}
"""Orders on hardware without subnormal numbers: policies ``*-ftz``."""

COARSE: dict[str, Order] = {
    name: replace(ORDERS[name], scalar="float32") for name in ("printed", "expanded-left")
}
"""Orders with eta and mu in float32: policy ``float32-eta``."""

_WIDER = {"float32": "float64", "float64": "longdouble"}


class OrderPort:
    """Correct port of a convention in one order of evaluation."""

    def __init__(self, order: Order, convention: str) -> None:
        self._order, self._rule = order, CONVENTIONS[convention]

    def hello(self) -> dict[str, Any]:
        """Say what the order has."""
        order = self._order
        return {
            "name": "order",
            "version": "1",
            "dtypes": ["float32", "float64"],
            "reads": list(order.reads),
            "supports": list(order.supports),
        }

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Start over."""
        self._dtype = dtype
        self._kept = _WIDER[dtype] if self._order.master else dtype
        self._scalar = dtype if self._order.scalar == "dtype" else self._order.scalar
        self._groups = [self._read(group) for group in groups]
        self._owner = [i for i, group in enumerate(groups) for _ in group["params"]]
        params = [p for group in groups for p in group["params"]]
        self._theta = [self._number(p, self._kept) for p in params]
        self._average = [Average(theta) for theta in self._theta]
        self._visible: list[Any] = list(self._theta)
        self._t = [0] * len(params)
        self._past: list[Hyper | None] = [None] * len(params)

    def _read(self, hyper: Mapping[str, Any]) -> Hyper:
        """Hyperparameters as the port keeps them."""
        kept = {key: value for key, value in hyper.items() if key != "params"}
        if self._order.stored is not None:
            for key in kept.keys() - {"maximize"}:
                kept[key] = float(np.dtype(self._dtype).type(kept[key]))
        return kept

    def _number(self, x: Any, dtype: str) -> Any:
        made = np.array(x, dtype)
        if self._order.flushes:
            return _flush(made).view(Flushed)
        return made if made.ndim else made[()]

    def step(self, grads: Sequence[Array | None]) -> dict[str, Any]:
        """Take a step of every parameter that has a gradient."""
        eta: list[float | None] = [None] * len(grads)
        mu: list[float | None] = [None] * len(grads)
        with np.errstate(all="ignore"):
            for i, grad in enumerate(grads):
                if grad is not None:
                    eta[i], mu[i] = self._one(i, self._number(grad, self._kept))
        answer: dict[str, Any] = {
            "theta": [self._shown(x) for x in self._theta],
            "average": [None if x is None else self._shown(x) for x in self._visible],
            "eta": eta,
            "mu": mu,
        }
        return {key: answer[key] for key in ("theta", *self._order.reads)}

    def _shown(self, x: Any) -> Array:
        return np.array(x, self._dtype)

    def _one(self, i: int, grad: Any) -> tuple[float, float | None]:
        now = self._groups[self._owner[i]]
        stored = self._rule.hyperparameters == "stored"
        scheduled = (self._past[i] or now) if stored else now
        self._past[i] = dict(now)
        self._t[i] += 1
        order, theta = self._order, self._theta[i]
        names = ("lr", "lambd", "alpha")
        wide = [self._number(scheduled[name], self._scalar) for name in names]
        eta = self._number(order.size(self._t[i] - self._rule.eta_lag, *wide), self._dtype)
        step = self._number(eta, self._kept)
        # A port that keeps more digits of theta does not lose those of the hyperparameters.
        lambd, decay = (self._number(now[name], self._kept) for name in ("lambd", "weight_decay"))
        sign = -grad if now.get("maximize") else grad
        self._theta[i] = order.update(theta, sign, step, lambd, decay)
        return float(eta), self._take(i, theta, scheduled["t0"])

    def _take(self, i: int, previous: Any, t0: float) -> float | None:
        """E4 and E5, or ``literal``'s sum; the weight that was used, if one was."""
        average, theta, t = self._average[i], self._theta[i], self._t[i]
        t0 = float(math.ceil(t0)) if self._rule.t0_reading == "ceil" and t0 < math.inf else t0
        printed = self._rule.divisor == "t-t0"
        if printed and t0 <= t and t - t0 <= 1:
            average.hidden = None
            self._printed(i, previous, t - t0)
            return None
        n = max(1.0, t - self._rule.mu_lag - t0)
        wide = 1 / self._number(n, self._scalar)
        mu = self._number(wide, self._dtype)
        if n == 1 and (self._order.copies or not np.all(np.isfinite(average.shown))):
            average.shown, average.hidden = theta, None
        else:
            self._order.mean(
                average, theta, self._number(mu, self._kept), self._number(n, self._kept)
            )
        opened = t - self._rule.mu_lag - t0 >= 1 if self._order.before == "none" else n > 1
        self._visible[i] = average.shown if self._order.before == "theta" or opened else None
        return float(mu)

    def _printed(self, i: int, previous: Any, lead: float) -> None:
        """The first terms of ``literal``: theta / lead, or two terms over 1, or undefined."""
        average, theta = self._average[i], self._theta[i]
        if lead == 0:
            average.shown = theta
            undefined = {"none": None, "nan": theta * math.nan, "theta": theta}
            self._visible[i] = undefined[self._order.undefined]
            return
        scale = self._number(lead, self._kept)
        average.shown = theta / scale if lead < 1 else previous + theta
        self._visible[i] = average.shown

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters of a group."""
        self._groups[group].update(self._read(hyper))

    def close(self) -> None:
        """Nothing is held."""


class Flushed(np.ndarray):  # type: ignore[type-arg]
    """Arrays whose operations read and write subnormal numbers as zero."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Flush what goes in and what comes out."""
        # Python's own numbers stay what they are, so that they do not widen the result.
        plain = [_flush(x) if isinstance(x, np.ndarray | np.generic) else x for x in inputs]
        result = getattr(ufunc, method)(*plain, **options)
        return result if result.dtype == bool else _flush(result).view(Flushed)


def _flush(x: Any) -> Array:
    array = np.asarray(x).view(np.ndarray)
    if array.dtype.kind != "f":
        return array
    return np.where(abs(array) < np.finfo(array.dtype).smallest_normal, 0 * array, array)


def _like(x: int, other: Any) -> Any:
    """``x`` in the type of ``other``."""
    made = np.array(x, other.dtype)
    return made.view(Flushed) if isinstance(other, Flushed) else made[()]
