"""Who is to blame when several laws are broken.

A fault in one equation breaks the laws of others as a consequence. Which these are is partly
fixed, and partly seen: where theta decays rightly without a gradient, eta and the decay are right,
and what is wrong with a gradient is the gradient's own fault.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from asgd.spec import EQUATIONS, FAULTS, POLICIES, EquationName, Hyperparameters

from ..laws.equations import LAWS
from ..laws.outcome import Failure, Subject
from ..oracle.stepwise import judge
from ..ports.scenario import Scenario, Step, single
from ..scenarios.designed import gradient as gradient_probes
from ..scenarios.designed import step_size as step_size_probes
from .evidence import Evidence, Shows, shows_fault
from .match import Explanation, explain
from .nonfinite import hides_nonfinite
from .per_equation import Parts
from .precision import flushes, keeps_subnormals, narrow, rounds_hyperparameters

_UNKNOWN = "unknown"
_OF_THETA: tuple[EquationName, ...] = ("gradient", "step_size", "descend")
_THETA = frozenset({"theta"})
# A decay that is off by so many roundoffs of theta is beyond every bound.
_VISIBLE = 2.0**6
_START = (1.0, -0.75, 3.0)
_STEPS = 6


@dataclass(frozen=True)
class RootCause:
    """A fault of a port: what it is called, which equation it breaks, and where it shows.

    Attributes
    ----------
    id, equation : str
        Its name, or "unknown"; the equation that it breaks.
    failure : Failure
        A witness: where the law is broken by this fault.
    coincides : tuple of str
        Other explanations of the port that fit all that was seen.
    shows : callable or None
        Whether a simpler failure still shows this fault, and no other of the port.
    """

    id: str
    equation: EquationName
    failure: Failure
    coincides: tuple[str, ...] = ()
    shows: Shows | None = None


def root_causes(
    broken: Mapping[EquationName, Failure],
    precision_only: set[EquationName],
    explanations: Sequence[Explanation],
    parts: Parts,
    subject: Subject,
) -> list[RootCause]:
    """Name what is wrong in the equations.

    Parameters
    ----------
    broken : mapping of str to Failure
        Broken laws, by the name of the equation.
    precision_only : set of str
        Those that hold where eta and mu are no better than float32.
    explanations : sequence of Explanation
        Rules that the port may compute.
    parts : Parts
        What can be named of a port that no rule explains.
    subject : Subject
        The port.

    Returns
    -------
    list of RootCause
        In the order of the spec; "unknown" where there is no name.
    """
    if not broken:
        return []
    flushed = list(broken)
    if not flushes(subject, list(broken.values()), flushed):
        flushed = [law for law, failure in broken.items() if _flushed(failure, law, subject)]
    if flushed:
        # What else is wrong is looked for where subnormal numbers may be flushed.
        ident = "subnormals-flushed"
        cause = RootCause(ident, FAULTS[ident].equation, broken[flushed[0]])
        rest = {law: failure for law, failure in broken.items() if law not in flushed}
        loose = replace(subject, policy=POLICIES[f"{subject.policy.name}-ftz"])
        return [cause, *root_causes(rest, precision_only, explanations, parts, loose)]
    evidence = Evidence.of(subject, broken.values())
    fitting = [e for e in explanations if evidence.table.agrees(e.variant)]
    if not fitting:
        # What is drawn may show more than what is designed.
        fitting = explain(evidence.table, [subject.convention])
    if fitting:
        named = list(_named(fitting, broken, evidence, subject))
        if named:
            return named
    return list(_unexplained(broken, precision_only, parts, subject))


def causes_of_runs(failures: Sequence[Failure], subject: Subject) -> list[RootCause]:
    """Names of what is wrong in runs that combine much, where every equation's own law holds.

    None where no rule explains all of them, and all that was designed.
    """
    evidence = Evidence.of(subject, failures)
    fitting = explain(evidence.table, [subject.convention])
    return list(_named(fitting, {"step": failures[0]}, evidence, subject)) if fitting else []


def _flushed(failure: Failure, law: EquationName, subject: Subject) -> bool:
    """Whether a law is broken by zeros in the place of subnormal numbers, and by nothing else."""
    if failure.judgement.got != 0 or not flushes(subject, [failure], [law]):
        return False
    # A gradient may be lost in other ways; theta, which begins as a subnormal number, may not.
    trace = subject.trace(LAWS["descend"].designed(subject.hello.supports)[-1])
    return not keeps_subnormals(trace, subject.dtype)


def _named(
    fitting: Sequence[Explanation],
    broken: Mapping[EquationName, Failure],
    evidence: Evidence,
    subject: Subject,
) -> Iterator[RootCause]:
    """Faults of an explanation, each with a witness that none of the others explains."""
    first = fitting[0]
    others = tuple(
        e.convention.name
        if e.faults == first.faults
        else f"{e.convention.name} with {' and '.join(e.faults)}"
        for e in fitting[1:]
    )
    order = list(EQUATIONS)
    # Beside hyperparameters that are all shifted, a t0 that is shifted back is right.
    back = "t0-shifted" if "hyperparameters-shifted" in first.faults else ""
    wrong = [ident for ident in first.faults if ident != back]
    for ident in sorted(wrong, key=lambda i: order.index(FAULTS[i].equation)):
        equation = FAULTS[ident].equation
        failure = evidence.witness(first, ident, subject)
        shows: Shows | None = partial(shows_fault, first, ident, subject)
        if failure is None:
            failure, shows = broken.get(equation, list(broken.values())[-1]), None
        yield RootCause(ident, equation, failure, others, shows)
    misread = evidence.misread(first.variant, subject)
    if misread is not None:
        yield RootCause("eta-misreported", "step_size", misread)


def _precision(subject: Subject, equation: EquationName) -> str | None:
    """Id of a fault of precision, if that is what breaks the equation's law."""
    ident = narrow(subject, equation)
    if ident is None and equation == "step_size" and rounds_hyperparameters(subject):
        return "hyperparameters-float32-stored"
    return ident


def _unexplained(
    broken: Mapping[EquationName, Failure],
    precision_only: set[EquationName],
    parts: Parts,
    subject: Subject,
) -> list[RootCause]:
    """Names of the broken equations, one by one, where no rule explains the whole port."""
    found: dict[tuple[str, EquationName], RootCause] = {}
    theta = set(broken) & set(_OF_THETA)
    rounded = narrow(subject, "descend") if theta - precision_only else None
    if rounded is not None:
        first = next(e for e in ("descend", *_OF_THETA) if e in broken)
        found[rounded, "descend"] = RootCause(rounded, "descend", broken[first])
        broken = {e: f for e, f in broken.items() if e not in theta | {"step"}}
    culprits = blamed(broken, subject)
    if "step_size" in broken and "step_size" not in culprits:
        # What eta's gauge showed was not eta: names that rest on it say nothing.
        measured = {e: ids for e, ids in parts.faults.items() if e not in {"gradient", "descend"}}
        parts = Parts(measured)
    for equation, failure in culprits.items():
        for ident in _names_of(equation, failure, parts, subject):
            where = equation if ident == _UNKNOWN else FAULTS[ident].equation
            one = RootCause(
                ident, where, failure if where == equation else broken.get(where, failure)
            )
            found.setdefault((ident, where), one)
    order = list(EQUATIONS)
    return sorted(found.values(), key=lambda one: order.index(one.equation))


def _names_of(
    equation: EquationName, failure: Failure, parts: Parts, subject: Subject
) -> tuple[str, ...]:
    if equation == "step_size" and _misreported(failure, subject):
        return ("eta-misreported",)
    precise = _precision(subject, equation)
    if precise is not None:
        return (precise,)
    known = parts.faults.get(equation, ())
    if known:
        return known
    return ("nonfinite-hidden",) if hides_nonfinite(failure) else (_UNKNOWN,)


def blamed(broken: Mapping[EquationName, Failure], subject: Subject) -> dict[EquationName, Failure]:
    """The broken laws that are not broken as a consequence of another's fault.

    Parameters
    ----------
    broken : mapping of str to Failure
        By the name of the equation, in the order of the spec.
    subject : Subject
        The port.

    Returns
    -------
    dict of str to Failure
        A part of ``broken``, or E1 or E3 in the place of E2.
    """
    kept = dict(broken)
    if "step_size" in kept and _is_gradient(kept["step_size"], subject):
        failure = kept.pop("step_size")
        direct = plain(subject)
        if direct is not None:
            kept["gradient"] = direct
        elif "gradient" not in kept:
            kept.setdefault("descend", failure)
    kept |= _of_update(kept.pop("gradient", None), kept.pop("descend", None), subject)
    # The whole step fails whenever a part does, and the average's weight cannot be seen where the
    # average itself is another one.
    hidden = {"averaging_weight"} if "average" in kept else set()
    hidden |= {"step"} if set(kept) - {"step"} else set()
    return {name: kept[name] for name in EQUATIONS if name in kept and name not in hidden}


def _of_update(
    gradient: Failure | None, descend: Failure | None, subject: Subject
) -> dict[EquationName, Failure]:
    """Which of E1 and E3 is to blame, where the law of one or both is broken."""
    # The law of E1 has a scenario in which theta also decays.
    direct = gradient if gradient is not None and _hyper(gradient).lambd == 0 else None
    if direct is not None and _moves(direct, subject):
        # Without any gradient theta moves all the same: it is the update.
        return {"descend": descend or direct}
    if descend is None:
        return {} if gradient is None else {"gradient": gradient}
    if (gradient is None or direct is not None) and _rests(descend, subject):
        # Without the decay, where eta is lr: what is wrong there is the gradient's share.
        share = direct or _first(_idle(descend.scenario), subject)
        return {"descend": descend} if share is None else {"gradient": share}
    if direct is not None and plain(subject) is None:
        # What is wrong shows with a penalty alone: it is another thing than the decay.
        return {"gradient": direct, "descend": descend}
    return {"descend": descend}


def _hyper(failure: Failure) -> Hyperparameters:
    return failure.scenario.groups[0].hyper


def _holds(scenario: Scenario, subject: Subject) -> bool:
    return _first(scenario, subject) is None


def _first(scenario: Scenario, subject: Subject) -> Failure | None:
    """First wrong theta."""
    trace = subject.trace(scenario)
    for judgement in judge(scenario, trace, subject.rule, _THETA):
        if judgement.verdict == "fail":
            return Failure(judgement, scenario)
    return None


def _decays(subject: Subject, failure: Failure) -> bool:
    """Whether theta decays rightly where there is no gradient: then eta and the decay are right.

    Up to the step that failed: an eta may be wrong only from there on.
    """
    hyper, steps = _hyper(failure), max(_STEPS, failure.judgement.t)
    strong = hyper._replace(weight_decay=0.0, lambd=hyper.lambd or 0.5, alpha=hyper.alpha or 0.75)
    still = ((0.0,) * len(_START),)
    return _holds(single(strong, (_START,), (still,) * steps), subject)


def _rests(failure: Failure, subject: Subject) -> bool:
    """Whether theta is right where there is no gradient."""
    return not _moves(failure, subject) and _decays(subject, failure)


def _moves(failure: Failure, subject: Subject) -> bool:
    """Whether theta moves with neither gradient nor decay nor penalty, where it failed.

    From the values that it had at first, and from the value that it should have got.
    """
    scenario, judgement = _idle(failure.scenario), failure.judgement
    groups = tuple(
        replace(group, hyper=group.hyper._replace(weight_decay=0.0)) for group in scenario.groups
    )
    still = [Scenario(groups, (Step(tuple((0.0,) * len(p) for p in scenario.params)),))]
    arrival = judgement.exact.candidates(subject.rule.arithmetic.fmt)[0]
    if judgement.quantity == "theta" and math.isfinite(arrival):
        still.append(single(groups[0].hyper, ((arrival,),), (((0.0,),),)))
    return not all(_holds(scenario, subject) for scenario in still)


def plain(subject: Subject) -> Failure | None:
    """First wrong theta where eta is lr, and neither decay nor penalty is at work."""
    found = (_first(scenario, subject) for scenario in gradient_probes(subject.hello.supports)[:1])
    return next((failure for failure in found if failure is not None), None)


def _is_gradient(failure: Failure, subject: Subject) -> bool:
    """Whether what looks like another eta is the gradient's share alone."""
    hyper = _hyper(failure)
    if hyper.lr == 0 or failure.judgement.quantity != "theta":
        return False
    if hyper.weight_decay == 0:
        return _would_show(failure, subject) and _decays(subject, failure)
    # E2's law holds without a penalty: does the penalty change eta, or scale the gradient? With
    # alpha = 0 every bracket is 1.
    first = next(event for event in failure.scenario.events if isinstance(event, Step))
    return not _holds(_idle(Scenario(failure.scenario.groups, (first,))), subject)


def _misreported(failure: Failure, subject: Subject) -> bool:
    """Whether the eta that is shown is wrong, and theta is right."""
    scenarios = [failure.scenario, *step_size_probes(subject.hello.supports)]
    return failure.judgement.quantity == "eta" and all(_holds(s, subject) for s in scenarios)


def _would_show(failure: Failure, subject: Subject) -> bool:
    """Whether so wrong an eta would show where theta decays without a gradient."""
    judgement = failure.judgement
    size = judgement.exact.magnitude()
    if not (math.isfinite(judgement.error) and size > 0):
        return True
    pull = min(1.0, size * (_hyper(failure).lambd or 0.5))
    return judgement.error / size * pull > _VISIBLE * subject.rule.arithmetic.fmt.u


def _idle(scenario: Scenario) -> Scenario:
    """The scenario without decay: eta is lr."""
    groups = tuple(
        replace(group, hyper=group.hyper._replace(alpha=0.0, lambd=0.0))
        for group in scenario.groups
    )
    return Scenario(groups, scenario.events)
