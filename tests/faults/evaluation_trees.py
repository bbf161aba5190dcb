"""Evaluation trees: all orders in which a program may compute one formula.

A formula is a polynomial. Its trees are made by rules that are exact in real arithmetic: split a
sum in two, take out a common factor, split a product in two, and fuse a product with the sum that
it is a term of.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations
from typing import Any

import numpy as np

from .fused import fma

Monomial = tuple[str, ...]
"""Its variables, sorted; () is 1."""
Polynomial = frozenset[tuple[int, Monomial]]
"""Monomials with their signs, 1 or -1."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A formula as it is computed; made by `node`, so that equal trees are one object.

    Attributes
    ----------
    op : str
        "leaf", "*", "+" or "fma": x * y + z.
    args : tuple
        The variable of a leaf, "1" or its name; else the trees below.
    negative : bool
        Its value is subtracted, which rounds nothing.
    """

    op: str
    args: tuple[Any, ...]
    negative: bool = False

    def __neg__(self) -> "Tree":
        return node(self.op, self.args, not self.negative)

    @property
    def size(self) -> "Tree":
        """The same tree, not negative."""
        return node(self.op, self.args)

    def __str__(self) -> str:
        sign = "-" if self.negative else ""
        if self.op == "leaf":
            return f"{sign}{self.args[0]}"
        if self.op == "fma":
            return f"{sign}fma({', '.join(map(str, self.args))})"
        first, second = self.args
        if self.op == "*":
            return (
                f"{sign}{first} * ({second})" if second.op == "*" else f"{sign}{first} * {second}"
            )
        if first.negative and not second.negative:
            first, second = second, first
        between = "-" if second.negative else "+"
        return f"{sign}({first} {between} {second.size})"

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of its leaves."""
        if self.op == "leaf":
            return frozenset(self.args)
        return frozenset().union(*(arg.variables for arg in self.args))


@cache
def node(op: str, args: tuple[Any, ...], negative: bool = False) -> Tree:
    """The one tree of this operation and these arguments."""
    return Tree(op, args, negative)


def polynomial(*terms: str) -> Polynomial:
    """Polynomial of terms such as "theta" and "-eta lambd theta"; "1" is the constant."""
    out = set()
    for term in terms:
        names = term.removeprefix("-").split()
        out.add((-1 if term.startswith("-") else 1, tuple(sorted(n for n in names if n != "1"))))
    return frozenset(out)


@cache
def trees(formula: Polynomial, fused: bool = True) -> tuple[Tree, ...]:
    """All trees of ``formula``, with fused operations or without, none twice."""
    leading = min(formula, key=lambda term: (len(term[1]), term[1]))
    if leading[0] < 0:
        return tuple(-tree for tree in trees(frozenset((-s, m) for s, m in formula), fused))
    return tuple(dict.fromkeys(_trees(formula, fused)))


def _trees(formula: Polynomial, fused: bool) -> Iterator[Tree]:
    terms = sorted(formula, key=lambda term: (len(term[1]), term[1]))
    if len(terms) == 1:
        yield from _products(terms[0][1])
        return
    for factor in _common([monomial for _, monomial in terms]):
        rest = frozenset((sign, _without(monomial, factor)) for sign, monomial in terms)
        for first in _products(factor):
            for second in trees(rest, fused):
                yield _times(first, second)
    head, tail = terms[0], terms[1:]
    # The first term is in the first part, so that no split comes twice.
    for count in range(len(tail)):
        for chosen in combinations(tail, count):
            one = frozenset((head, *chosen))
            for first in trees(one, fused):
                for second in trees(formula - one, fused):
                    yield node("+", (first, second))
                    if fused:
                        yield from _fusions(first, second)


def _fusions(first: Tree, second: Tree) -> Iterator[Tree]:
    for product, other in ((first, second), (second, first)):
        if product.op == "*":
            x, y = product.args
            yield node("fma", (-x if product.negative else x, y, other))


@cache
def _products(monomial: Monomial) -> tuple[Tree, ...]:
    """All ways to multiply the variables of a monomial."""
    if len(monomial) <= 1:
        return (node("leaf", monomial or ("1",)),)
    out = []
    places = range(1, len(monomial))
    for count in range(len(monomial) - 1):
        for chosen in combinations(places, count):
            one = tuple(monomial[i] for i in (0, *chosen))
            other = tuple(monomial[i] for i in places if i not in chosen)
            out += [node("*", (x, y)) for x in _products(one) for y in _products(other)]
    return tuple(dict.fromkeys(out))


def _times(first: Tree, second: Tree) -> Tree:
    product = node("*", (first, second.size))
    return -product if second.negative else product


def _common(monomials: list[Monomial]) -> list[Monomial]:
    """Monomials, but 1, that divide all the others."""
    shared = monomials[0]
    for monomial in monomials[1:]:
        shared = tuple(name for name in shared if name in monomial)
    return [c for size in range(1, len(shared) + 1) for c in combinations(shared, size)]


def _without(monomial: Monomial, factor: Monomial) -> Monomial:
    left = list(monomial)
    for name in factor:
        left.remove(name)
    return tuple(left)


Multiply = Callable[[Any, Any], Any]


@dataclass
class Evaluation:
    """Values of trees, each made once.

    Attributes
    ----------
    values : mapping of str to scalar or array
        Numbers of the leaves. Those in ``scalars`` keep their own dtype until they meet an array.
    dtype : str
        Dtype of the arrays.
    scalars : set of str
        Names of what all elements share: a tree of these alone is computed in ``scalar``.
    scalar : str
        Dtype of such trees, and of their leaves.
    quotients : mapping of str to (str, str)
        Leaves that stand for a quotient of two others: x times one is x times the first, divided by
        the second.
    """

    values: Mapping[str, Any]
    dtype: str
    scalars: frozenset[str]
    scalar: str
    quotients: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._made: dict[Tree, Any] = {}
        self._wide = np.dtype(self.scalar).type
        self._kind = np.dtype(self.dtype).type

    def __call__(self, tree: Tree) -> Any:
        """Value of ``tree`` in the arrays' dtype."""
        with np.errstate(all="ignore"):
            return self._cast(self._value(tree))

    def _cast(self, x: Any) -> Any:
        return x if x.dtype == self.dtype else x.astype(self.dtype)

    def _value(self, tree: Tree) -> Any:
        plain = tree.size
        found = self._made.get(plain)
        if found is None:
            found = self._made[plain] = self._compute(plain)
        return -found if tree.negative else found

    def number(self, tree: Tree) -> Any:
        """Value of a tree of scalars alone, in their dtype."""
        with np.errstate(all="ignore"):
            return self._value(tree)

    def _quotient(self, numerator: str, denominator: str, x: Any) -> Any:
        """Times one leaf, and divided by another."""
        top, bottom = (self._wide(self.values.get(n, 1)) for n in (numerator, denominator))
        if np.ndim(x):
            x, top, bottom = map(self._cast, (x, top, bottom))
        return (x if numerator == "1" else x * top) / bottom

    def _compute(self, tree: Tree) -> Any:
        if tree.op == "leaf":
            name = tree.args[0]
            if name == "1":
                return self._wide(1)
            if name not in self.values:
                return self._quotient(*self.quotients[name], self._wide(1))
            return self._wide(self.values[name]) if name in self.scalars else self.values[name]
        if tree.op == "*":
            for leaf, other in (tree.args, tree.args[::-1]):
                if leaf.op == "leaf" and leaf.args[0] in self.quotients:
                    return self._quotient(*self.quotients[leaf.args[0]], self._value(other))
        args = [self._value(arg) for arg in tree.args]
        if not tree.variables <= self.scalars | {"1"}:
            args = [self._cast(arg) for arg in args]
        if tree.op == "fma":
            return fma(*args)
        first, second = args
        return first + second if tree.op == "+" else first * second
