"""Orders of evaluation that stay in question, and what is said of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from asgd.spec import POLICIES, Policy

from ..faults.evaluation_orders import LOGARITHMIC, Mean, Numbers, Size
from ..faults.evaluation_trees import Tree

Decays = tuple[bool, bool]
"""Whether lambd, and whether weight_decay, is not 0: E3 has other orders then."""
Place = tuple[int, int]
"""Run and call, from 1."""


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
        """Policy of the right form that the port computes to the bit, or None.

        Nothing wrong hides behind it; and where an order of E2 as it is printed gives all the bits,
        another form explains nothing.
        """
        families = {o.rule.family for o in self.sizes.alive if isinstance(o.rule, Size)}
        return POLICIES["log-step-size"] if self.reproduces and families == {LOGARITHMIC} else None


def _bare(text: str) -> str:
    """Without parentheses around all of it."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            whole = text.startswith("(") and place == len(text) - 1
            return text[1:-1] if whole else text
    return text
