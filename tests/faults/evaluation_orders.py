"""Evaluation orders of E2, E3 and E5: which one a port computes, told by its bits.

An order is a tree (`evaluation_trees.py`) and what its scalars are computed in. `fingerprint.py`
finds those that give every bit of a port.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from asgd.spec import Hyperparameters

from .evaluation_trees import Evaluation, Tree, polynomial, trees

DIRECT, LOGARITHMIC = "direct", "log-step-size"
"""Families of E2: lr is a factor, or its logarithm is a term."""

SCALARS = frozenset({"eta", "lambd", "weight_decay", "mu", "rest", "n", "before"})
"""Leaves that all elements share."""


@dataclass(frozen=True)
class Numbers:
    """What scalars are computed in.

    Attributes
    ----------
    scalar : str
        Dtype of what all elements share.
    stored : bool
        Whether hyperparameters are rounded to the arrays' dtype first.
    """

    scalar: str
    stored: bool

    def __str__(self) -> str:
        return f"scalars in {self.scalar}" + (", rounded first" if self.stored else "")


def numbers(dtype: str) -> tuple[Numbers, ...]:
    """Ways to compute scalars that differ, beside arrays of ``dtype``."""
    if dtype == "float64":
        return (Numbers("float64", stored=False),)
    wide = (Numbers("float64", stored=stored) for stored in (False, True))
    return Numbers("float32", stored=False), *wide


@dataclass(frozen=True)
class Size:
    """An order of E2.

    Attributes
    ----------
    name : str
        Its formula.
    family : str
        `DIRECT` or `LOGARITHMIC`.
    compute : callable
        Step size from the values of t, lr, lambd and alpha, in their dtype.
    """

    name: str
    family: str
    compute: Callable[[Mapping[str, Any]], Any]

    def __str__(self) -> str:
        return self.name


_LIBM: dict[str, Callable[[float], float]] = {
    "log": math.log,
    "log1p": math.log1p,
    "exp": math.exp,
    "log2": math.log2,
    "exp2": math.exp2,
    "log10": math.log10,
    "exp10": partial(math.pow, 10.0),
}


def _function(name: str, x: Any) -> Any:
    """Elementary function of a scalar: libm's for float64, NumPy's for float32."""
    if x.dtype != np.float32:
        with suppress(OverflowError, ValueError):
            return np.float64(_LIBM[name](float(x)))
    return np.power(x.dtype.type(10), x) if name == "exp10" else getattr(np, name)(x)


def _power(x: Any, y: Any) -> Any:
    if x.dtype == np.float32:
        return np.power(x, y)
    try:
        return np.float64(math.pow(float(x), float(y)))
    except OverflowError:
        return np.float64(np.inf)


_FORMS: dict[str, tuple[str, Callable[[Any, Any, Any], Any]]] = {
    "lr / x^alpha": (DIRECT, lambda x, lr, a: lr / _power(x, a)),
    "lr * x^-alpha": (DIRECT, lambda x, lr, a: lr * _power(x, -a)),
    "1 / x^alpha * lr": (DIRECT, lambda x, lr, a: 1 / _power(x, a) * lr),
}
# Those of a logarithm, whichever one it is.
_OF_LOGARITHM: dict[str, tuple[str, Callable[[Any, Any, Any], Any]]] = {
    "lr * exp(-alpha * {})": (DIRECT, lambda y, lr, a: lr * _function("exp", -a * y)),
    "lr / exp(alpha * {})": (DIRECT, lambda y, lr, a: lr / _function("exp", a * y)),
    "1 / exp(alpha * {}) * lr": (DIRECT, lambda y, lr, a: 1 / _function("exp", a * y) * lr),
    "exp(log(lr) - alpha * {})": (
        LOGARITHMIC,
        lambda y, lr, a: _difference("log", "exp", y, lr, a),
    ),
}


_BASES = {"log2": "exp2", "log10": "exp10"}
"""Logarithms of another base, and what undoes them."""


@cache
def step_sizes() -> tuple[Size, ...]:
    """All orders of E2."""
    out = []
    for tree in trees(polynomial("1", "lambd lr t")):
        for form, (family, make) in _FORMS.items():
            out.append(Size(form.replace("x", str(tree)), family, _of_bracket(tree, make)))
        for form, (family, make) in _OF_LOGARITHM.items():
            compute = _of_logarithm(tree, "log", make)
            out.append(Size(form.format(f"log{tree}"), family, compute))
        for log, exp in _BASES.items():
            name = f"{exp}({log}(lr) - alpha * {log}{tree})"
            make = partial(_difference, log, exp)
            out.append(Size(name, LOGARITHMIC, _of_logarithm(tree, log, make)))
    for tree in trees(polynomial("lambd lr t")):
        for form, (family, make) in _OF_LOGARITHM.items():
            compute = _of_logarithm(tree, "log1p", make)
            out.append(Size(form.format(f"log1p({tree})"), family, compute))
    return tuple(out)


def _difference(log: str, exp: str, y: Any, lr: Any, alpha: Any) -> Any:
    """Step size from the logarithm ``y`` of the bracket, whatever its base."""
    return _function(exp, _function(log, lr) - alpha * y)


def _scalar(tree: Tree, values: Mapping[str, Any]) -> Any:
    kind = values["lr"].dtype.name
    return Evaluation(values, kind, frozenset({"t", "lr", "lambd"}), kind)(tree)


def _of_bracket(tree: Tree, make: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    return lambda v: make(_scalar(tree, v), v["lr"], v["alpha"])


def _of_logarithm(tree: Tree, log: str, make: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    return lambda v: make(_function(log, _scalar(tree, v)), v["lr"], v["alpha"])


def step_size(
    order: Size, kinds: Numbers, t: int, hyper: Hyperparameters, dtype: str
) -> tuple[Any, Any]:
    """Step size of an order: as it is computed, and in the arrays' dtype."""
    first, wide = (np.dtype(d).type for d in (dtype, kinds.scalar))
    with np.errstate(all="ignore"):
        given = {"lr": hyper.lr, "lambd": hyper.lambd, "alpha": hyper.alpha, "t": t}
        values = {
            k: wide(first(v)) if kinds.stored and k != "t" else wide(v) for k, v in given.items()
        }
        eta = wide(order.compute(values))
        return eta, first(eta)


@cache
def descents(lambd: bool, weight_decay: bool) -> tuple[Tree, ...]:
    """All orders of E1 and E3, with one decay, both or none; the gradient has its sign."""
    terms = ["theta", "-eta grad"]
    terms += ["-eta lambd theta"] * lambd + ["-eta theta weight_decay"] * weight_decay
    return trees(polynomial(*terms))


_FACTOR = r"(\([^()]*\)|\w+)"


@dataclass(frozen=True)
class Mean:
    """An order of E5: a tree over theta, the average, mu, rest = 1 - mu, n = 1 / mu and n - 1.

    Attributes
    ----------
    tree : Tree
        Its formula, or what is divided by n in the end.
    divided : bool
        Whether it is.
    rest : str
        How rest is made: "1 - mu" or "(n - 1) / n".
    quotients : bool
        Whether x mu is x / n, and x rest is x (n - 1) / n.
    far : Tree or None
        Another formula, for a mu of 1/2 and more.
    """

    tree: Tree
    divided: bool = False
    rest: str = ""
    quotients: bool = False
    far: Tree | None = None

    def __str__(self) -> str:
        text = f"{self.tree} / n" if self.divided else str(self.tree)
        text = text if self.far is None else f"{text} below mu = 1/2, else {self.far}"
        text = text.replace("rest", f"({self.rest})") if self.rest else text
        if self.quotients:
            # Written as it is computed, from left to right: x mu is x / n.
            text = re.sub(rf"\b(mu|rest) \* {_FACTOR}", r"\2 * \1", text)
            text = re.sub(rf"{_FACTOR} \* mu\b", r"\1 / n", text)
            text = re.sub(rf"{_FACTOR} \* rest\b", r"\1 * (n - 1) / n", text)
            text = text.replace("rest", "(1 - 1 / n)").replace("mu", "1 / n")
        return text.replace("before", "(n - 1)")


def _lerps() -> Iterator[Mean]:
    """Orders that begin at the nearer end, with one difference of the two."""
    for near in trees(polynomial("average", "mu theta", "-average mu")):
        for far in trees(polynomial("theta", "-rest theta", "average rest")):
            if all("(average - theta)" in str(tree) for tree in (near, far)):
                yield Mean(near, rest="1 - mu", far=far)


@cache
def means() -> tuple[Mean, ...]:
    """All orders of E5 that keep nothing but the average."""
    out = [Mean(tree) for tree in trees(polynomial("average", "mu theta", "-average mu"))]
    for terms in (("average rest", "mu theta"), ("theta", "-rest theta", "average rest")):
        for rest in ("1 - mu", "(n - 1) / n"):
            out += [Mean(tree, rest=rest) for tree in trees(polynomial(*terms))]
    for terms in (("average before", "theta"), ("average n", "-average", "theta")):
        out += [Mean(tree, divided=True) for tree in trees(polynomial(*terms))]
    out += _lerps()
    plain = [mean for mean in out if not (mean.divided or mean.far) and "fma" not in str(mean.tree)]
    out += [Mean(m.tree, quotients=True) for m in plain]
    return tuple({str(order): order for order in out}.values())


def mean(order: Mean, kinds: Numbers, average: Any, theta: Any, n: float, dtype: str) -> Any:
    """Average of an order, where the newest iterate weighs 1 / n."""
    wide = np.dtype(kinds.scalar).type
    with np.errstate(all="ignore"):
        count = wide(n)
        mu, before = 1 / count, count - 1
        rest = before / count if order.rest.startswith("(") else 1 - mu
        values = {"average": average, "theta": theta, "mu": mu, "rest": rest, "n": count}
        quotients = {"mu": ("1", "n"), "rest": ("before", "n")} if order.quotients else {}
        values["before"] = before
        evaluation = Evaluation(values, dtype, SCALARS, kinds.scalar, quotients)
        made = evaluation(order.far if order.far is not None and mu >= wide(0.5) else order.tree)
        return made / made.dtype.type(count) if order.divided else made
