"""Evidence for a name: what a port showed, and where a fault, and no other of its, explains it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from asgd.spec import EQUATIONS, FAULTS

from ..faults.agreement import Table
from ..faults.variant import Variant
from ..laws.equations import LAWS
from ..laws.law import missing
from ..laws.outcome import Failure, Subject
from ..oracle.judgement import Judgement
from ..oracle.stepwise import judge
from ..ports.scenario import Scenario
from .match import Explanation
from .probes import probes, traced

Shows = Callable[[Judgement, Scenario, Sequence[Any]], bool]
"""Whether a failure in a trace of a scenario shows a fault."""

_BOTH = frozenset({"theta", "average"})


@dataclass(frozen=True)
class Evidence:
    """Traces of a port, where it was found wrong first."""

    runs: tuple[tuple[Scenario, Any], ...]
    dtype: str
    flushes: bool = False

    @classmethod
    def of(cls, subject: Subject, failures: Iterable[Failure]) -> "Evidence":
        """Traces of the failures, the designed scenarios, and the probes."""
        scenarios = [failure.scenario for failure in failures]
        for equation in EQUATIONS:
            law = LAWS[equation]
            if not missing(law, subject.hello):
                scenarios += law.designed(subject.hello.supports)
        scenarios += probes(subject.hello, subject.dtype)
        runs = traced(subject.port, dict.fromkeys(scenarios), subject.dtype)
        return cls(tuple(runs), subject.dtype, subject.policy.ftz)

    @cached_property
    def table(self) -> Table:
        """All of it as rows."""
        return Table(self.dtype, self.runs, flushes=self.flushes)

    def witness(self, found: Explanation, ident: str, subject: Subject) -> Failure | None:
        """First failure that is explained by a fault, and not by the others of its port."""
        places: dict[int, set[tuple[str, int, int, int]]] = {}
        for quantity, row in _rows(self.table, found.without(ident)):
            run, call, parameter, element = self.table.place(row)
            places.setdefault(run, set()).add((quantity, call, parameter, element))
        for run in sorted(places, key=lambda run: self._plain(run, ident)):
            scenario, trace = self.runs[run]
            for judgement in judge(scenario, trace, subject.rule, _BOTH):
                if judgement.verdict == "fail" and _place(judgement) in places[run]:
                    return Failure(judgement, scenario)
        return None

    def _plain(self, run: int, ident: str) -> tuple[bool, int]:
        """Scenarios of the fault's own law first."""
        own = LAWS[FAULTS[ident].equation].designed(frozenset())
        return self.runs[run][0] not in own, run

    def misread(self, variant: Variant, subject: Subject) -> Failure | None:
        """First eta that is shown wrongly, where it is not the one that was used."""
        shown, used = self.table.shown("eta"), self.table.eta(variant)
        wrong = self.table.present & ~np.isnan(shown) & ~used.near(shown, 0.0)
        wrong &= ~np.asarray(variant.starts(self.table.moment(variant)))
        for run in np.unique(self.table.run[wrong]):
            scenario, trace = self.runs[run]
            for judgement in judge(scenario, trace, subject.rule, frozenset({"eta"})):
                if judgement.verdict == "fail":
                    return Failure(judgement, scenario)
        return None


def _place(judgement: Judgement) -> tuple[str, int, int, int]:
    place = judgement.place
    return judgement.quantity, place.call, place.parameter, place.element


def _rows(table: Table, variant: Variant) -> list[tuple[str, int]]:
    """Rows in which a port does not agree with a variant."""
    theta = np.flatnonzero(~table.expected_theta(variant).agrees)
    average = np.flatnonzero(~table.expected_average(variant).agrees)
    return [("theta", int(row)) for row in theta] + [("average", int(row)) for row in average]


def shows_fault(
    found: Explanation,
    ident: str,
    subject: Subject,
    judgement: Judgement,
    scenario: Scenario,
    trace: Sequence[Any],
) -> bool:
    """Whether a failure shows a fault: the port's rule explains it, and not without the fault."""
    table = Table(subject.dtype, [(scenario, trace)], flushes=subject.policy.ftz)
    if not table.agrees(found.variant):
        return False
    wrong = {
        (quantity, *table.place(row)[1:]) for quantity, row in _rows(table, found.without(ident))
    }
    return _place(judgement) in wrong
