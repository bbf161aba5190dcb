"""Which convention a port computes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, POLICIES, Convention, Policy, convention

from ..faults.agreement import Table
from ..laws.hold import DesignedRuns, run_designed
from ..laws.law import worst
from ..laws.outcome import looser
from ..oracle.judgement import Judgement
from ..oracle.stepwise import Oracle, Rule
from ..ports.protocol import Hello, Port
from .match import Explanation, explain
from .per_equation import Parts, parts
from .precision import keeps_subnormals
from .probes import probes, traced


class Match(NamedTuple):
    """How well a convention explains a port under a policy: whether nothing contradicts it."""

    convention: Convention
    policy: Policy
    fits: bool


class Judged:
    """Designed runs of a port; each is judged once for all rules that its law judges it alike by.

    Parameters
    ----------
    runs : list of (law, scenario, trace)
        The runs.
    dtype : str
        Of the port.
    oracle : Oracle
        What exact values are made of.
    """

    def __init__(self, runs: DesignedRuns, dtype: str, oracle: Oracle = "integers") -> None:
        self._runs, self._dtype, self._oracle = runs, dtype, oracle
        self._known: dict[Any, int] = {}

    def broken(self, convention: Convention, policy: Policy) -> Iterator[str]:
        """Equations whose laws are broken under a rule, each once."""
        found = set()
        for number, (law, _, _) in enumerate(self._runs):
            if law.equation not in found and self._judge(number, convention, policy, _breaks):
                found.add(law.equation)
                yield law.equation

    def contradictions(self, convention: Convention, policy: Policy) -> int:
        """How many numbers contradict a rule."""
        runs = range(len(self._runs))
        return sum(self._judge(number, convention, policy, _failures) for number in runs)

    def _judge(
        self,
        number: int,
        convention: Convention,
        policy: Policy,
        count: Callable[[Iterator[Judgement]], int],
    ) -> int:
        law, scenario, trace = self._runs[number]
        part = convention if policy.is_right_form else law.depends(convention)
        key = number, policy.name, part, count
        if key not in self._known:
            rule = Rule(convention, Arithmetic(formats[self._dtype], policy), self._oracle)
            self._known[key] = count(law.check(scenario, trace, rule))
        return self._known[key]


def _breaks(judgements: Iterator[Judgement]) -> int:
    return worst(judgements)[0] is not None


def _failures(judgements: Iterator[Judgement]) -> int:
    return sum(judgement.verdict == "fail" for judgement in judgements)


def identify(
    judged: Judged, conventions: Sequence[Convention], policies: Sequence[Policy]
) -> list[Match]:
    """Conventions, the one that explains the designed runs best first.

    They are asked under each policy in turn, until one fits. If none does, the nearest is the one
    of which the fewest laws are broken, and of several the one that fewest numbers contradict.
    """
    for policy in policies:
        found = [Match(c, policy, not any(judged.broken(c, policy))) for c in conventions]
        if any(match.fits for match in found):
            return sorted(found, key=lambda match: not match.fits)

    def laws(match: Match) -> int:
        return len(list(judged.broken(match.convention, match.policy)))

    best = [min((Match(c, p, fits=False) for p in policies), key=laws) for c in conventions]
    best.sort(key=laws)
    first = [match for match in best if laws(match) == laws(best[0])]
    if len(first) > 1:
        first.sort(key=lambda match: judged.contradictions(match.convention, match.policy))
    return [*first, *best[len(first) :]]


@dataclass(frozen=True)
class Identity:
    """Which rule a port computes, as far as the designed scenarios tell.

    Attributes
    ----------
    convention : Convention
        What it is judged against.
    fits : bool
        Whether nothing contradicts that convention, precision aside.
    also : tuple of str
        Other conventions that fit all that was seen.
    explanations : tuple of Explanation
        Where it does not fit: its simplest explanations, none if it is unknown.
    parts : Parts
        Where there are none: what can be named all the same.
    """

    convention: Convention
    fits: bool
    also: tuple[str, ...] = ()
    explanations: tuple[Explanation, ...] = ()
    parts: Parts = field(default_factory=Parts)


def find_identity(
    port: Port,
    hello: Hello,
    dtype: str,
    name: str,
    required: Policy,
    oracle: Oracle = "integers",
) -> Identity:
    """Identity of a port, among all conventions (``auto``) or as a variant of the one named."""
    traces = run_designed(port, hello, dtype)
    # A port that flushes subnormal numbers may compute a convention all the same; if it keeps some,
    # that is asked where no convention fits otherwise.
    flushed = flushing = POLICIES.get(f"{required.name}-ftz", required)
    if any(keeps_subnormals(trace, dtype) for _, _, trace in traces):
        flushed = required

    judged = Judged(traces, dtype, oracle)
    conventions = list(CONVENTIONS.values()) if name == "auto" else [convention(name)]
    matches = identify(judged, conventions, looser(flushed))
    if not matches[0].fits and flushed != flushing:
        some = identify(judged, conventions, looser(flushing))
        if some[0].fits:
            matches, flushed = some, flushing
    best = matches[0]
    also = tuple(m.convention.name for m in matches[1:] if m.fits)
    if best.fits and best.policy == flushed:
        return Identity(best.convention, fits=True, also=also)
    if best.fits:
        conventions = [m.convention for m in matches if m.fits]
    laws = [law.key for law, _, _ in traces]
    runs = [(scenario, trace) for _, scenario, trace in traces]
    runs += traced(port, probes(hello, dtype), dtype)
    table = Table(dtype, runs, flushes=flushed.ftz)
    found = tuple(explain(table, conventions))
    if best.fits:
        return Identity(best.convention, fits=True, also=also, explanations=found)
    if found:
        return Identity(found[0].convention, fits=False, explanations=found)
    chosen, named = parts(table, laws, [m.convention for m in matches])
    return Identity(chosen, fits=False, parts=named)
