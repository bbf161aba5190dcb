"""Which convention a port computes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, POLICIES, Convention, Policy, convention

from ..faults.agreement import Table
from ..laws.hold import DesignedRuns, run_designed
from ..laws.law import worst
from ..laws.outcome import looser
from ..oracle.stepwise import Oracle, Rule
from ..ports.protocol import Hello, Port
from .match import Explanation, explain
from .per_equation import Parts, parts
from .precision import keeps_subnormals
from .probes import probes, traced


@dataclass(frozen=True)
class Match:
    """How well one convention explains a port: laws broken by its designed scenarios."""

    rule: Rule
    broken: frozenset[str]

    @property
    def convention(self) -> Convention:
        """The convention."""
        return self.rule.convention

    @property
    def policy(self) -> Policy:
        """Policy under which it was judged."""
        return self.rule.arithmetic.policy

    @property
    def fits(self) -> bool:
        """Whether nothing contradicts the convention."""
        return not self.broken


def identify(
    traces: DesignedRuns, dtype: str, policies: Sequence[Policy], oracle: Oracle = "integers"
) -> list[Match]:
    """Conventions, the one that explains the designed traces best first.

    Each trace is judged against every convention, under each policy in turn until one fits.
    """

    def match(convention: Convention) -> Match:
        matches = []
        for policy in policies:
            rule = Rule(convention, Arithmetic(formats[dtype], policy), oracle)
            broken = frozenset(_broken(traces, rule))
            matches.append(Match(rule, broken))
            if not broken:
                break
        return min(matches, key=lambda m: len(m.broken))

    matches = [match(convention) for convention in CONVENTIONS.values()]
    matches.sort(key=lambda m: len(m.broken))
    first = [m for m in matches if len(m.broken) == len(matches[0].broken)]
    if first[0].fits or len(first) == 1:
        return matches
    # None fits, and several come as near: the one that fewest numbers contradict is the nearest.
    first.sort(key=lambda m: _contradictions(traces, m.rule))
    return [*first, *matches[len(first) :]]


def _contradictions(traces: DesignedRuns, rule: Rule) -> int:
    """How many numbers contradict a rule."""
    return sum(
        judgement.verdict == "fail"
        for law, scenario, trace in traces
        for judgement in law.check(scenario, trace, rule)
    )


def _broken(traces: DesignedRuns, rule: Rule) -> Iterator[str]:
    broken = set()
    for law, scenario, trace in traces:
        if law.equation not in broken and worst(law.check(scenario, trace, rule))[0]:
            broken.add(law.equation)
            yield law.equation


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

    def matching(policy: Policy) -> list[Match]:
        found = identify(traces, dtype, looser(policy), oracle)
        return [m for m in found if name in {"auto", m.convention.name}]

    matches = matching(flushed)
    if not matches[0].fits and flushed != flushing:
        some = matching(flushing)
        if some[0].fits:
            matches, flushed = some, flushing
    best = matches[0]
    also = tuple(m.convention.name for m in matches[1:] if m.fits)
    if best.fits and best.policy == flushed:
        return Identity(best.convention, fits=True, also=also)
    if best.fits:
        conventions = [m.convention for m in matches if m.fits]
    else:
        conventions = list(CONVENTIONS.values()) if name == "auto" else [convention(name)]
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
