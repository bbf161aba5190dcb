"""A law: the scenarios that exercise it, and what must hold in them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from asgd.spec import Convention, EquationName

from ..oracle.judgement import Judgement
from ..oracle.stepwise import Rule
from ..ports.protocol import Hello, Observation
from ..ports.scenario import Scenario

LawName = (
    EquationName
    | Literal[
        "window",
        "long",
        "sizes",
        "layouts",
        "added",
        "special",
        "resume",
        "repeat",
        "twins",
        "gradients",
        "refusal",
    ]
)
"""Name of a law: its equation's, or one of the lifecycle's."""

Supports = frozenset[str]
Check = Callable[[Scenario, Sequence[Observation], Rule], Iterator[Judgement]]


def _all(convention: Convention) -> object:
    return convention


@dataclass(frozen=True)
class Law:
    """A law: designed scenarios, drawn scenarios, and what is judged in their traces.

    Attributes
    ----------
    equation : EquationName
        The equation it holds a port to.
    needs : set of str
        What must be readable for the law to say anything: "theta" always is.
    designed : callable
        Fixed scenarios that tell the known faults apart, for what the port supports.
    drawn : str
        Name of its strategy in `scenarios.strategies`, which takes a dtype and what is supported.
    check : callable
        Judgements of a trace.
    name : LawName
        Name of the law, where it is another than the equation's.
    depends : callable
        Part of a convention that the check reads, unless the policy admits a right form.
    """

    equation: EquationName
    needs: frozenset[str]
    designed: Callable[[Supports], list[Scenario]]
    drawn: str
    check: Check
    name: LawName | Literal[""] = ""
    depends: Callable[[Convention], object] = _all

    @property
    def key(self) -> LawName:
        """Name of the law."""
        return self.name or self.equation


def worst(judgements: Iterator[Judgement]) -> tuple[Judgement | None, dict[str, Any]]:
    """First failure, and what was counted: judged, undecided, and the largest error in bounds."""
    counts: dict[str, Any] = {"judged": 0, "undecided": 0, "largest": 0.0, "quantities": set()}
    for judgement in judgements:
        counts["judged"] += 1
        counts["quantities"].add(judgement.quantity)
        if judgement.verdict == "fail":
            return judgement, counts
        if judgement.verdict == "undecided":
            counts["undecided"] += 1
        elif judgement.tolerance:
            counts["largest"] = max(counts["largest"], judgement.error_bounds)
    return None, counts


def missing(law: Law, hello: Hello) -> tuple[str, ...]:
    """What the law needs to see and the port does not show."""
    return tuple(sorted(law.needs - hello.reads))
