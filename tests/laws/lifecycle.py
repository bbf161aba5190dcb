"""The lifecycle of an optimizer, as laws over the port's operations (E6).

Each law is held by `hold`, as those of the equations are. Where it needs more than one run of a
port (a run and its resumption, a run and its repetition), it has a `run` that makes one trace of
them. Values are judged under the policy that E2 and E4 were found to hold under: a loss of
precision that these report is not reported twice.
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from asgd.spec import domain

from ..oracle import lifecycle as oracle
from ..oracle.judgement import HYPERPARAMETERS, Place, failed
from ..ports.capabilities import capabilities, twin
from ..ports.layouts import LAYOUTS
from ..ports.protocol import RaisedError, RefusalError, asking
from ..ports.scenario import Group, PausedScenario, Scenario, drive
from ..scenarios import arrays, covering
from ..scenarios import lifecycle as scenarios
from ..scenarios.strong import STRONG
from .hold import hold
from .law import Law, LawName
from .long_run import hold_long_run
from .metamorphic import repeated, resumed, twinned, watched
from .outcome import LEVELS, Failure, Outcome, Run, Subject

_NOTHING: frozenset[str] = frozenset()
# Covering scenarios at level quick in which a group joins late.
_JOINED = 12


@dataclass(frozen=True)
class LifecycleLaw(Law):
    """A law of the lifecycle of an optimizer.

    Attributes
    ----------
    title, fix : str
        What is wrong where the law is broken, and what to look at.
    supports : set of str
        Operations that a port must have.
    run : callable
        How the port is put through a scenario (`metamorphic`).
    truth : bool
        Whether numbers are judged against the certified truth: such a law says nothing of its own
        about a port that breaks an equation.
    share : float
        Share of a level's drawn scenarios.
    """

    title: str = ""
    fix: str = ""
    supports: frozenset[str] = _NOTHING
    run: Run = drive
    truth: bool = False
    share: float = 0.0


def _law(name: LawName, check: Any, **more: Any) -> LifecycleLaw:
    return LifecycleLaw(
        equation="step",
        needs=_NOTHING,
        designed=more.pop("designed"),
        drawn=more.pop("drawn", "paused_run"),
        check=check,
        name=name,
        **more,
    )


LIFECYCLE_LAWS: dict[LawName, LifecycleLaw] = {
    law.key: law
    for law in (
        _law(
            "window",
            oracle.all_quantities,
            designed=scenarios.windows,
            truth=True,
            share=0.5,
            title="a run that combines several things is wrong",
            fix="look at the step of the first divergence: does the window open, did the "
            "parameter skip steps or come late, did a hyperparameter change?",
        ),
        _law(
            "long",
            oracle.all_quantities,
            designed=scenarios.long,
            truth=True,
            title="results become wrong after many steps",
            fix="look at the step of the first divergence: is it a limit of the counter's type, "
            "or the length of a table?",
        ),
        _law(
            "sizes",
            oracle.columns,
            designed=arrays.sizes,
            truth=True,
            title="arrays of some sizes, or several side by side, are wrong",
            fix="look at the end of loops over blocks and vectors, and at arrays of size 1",
        ),
        _law(
            "layouts",
            oracle.all_quantities,
            designed=arrays.layouts,
            truth=True,
            title="arrays of some layouts are wrong",
            fix="treat parameter and gradient element by element, whatever their strides; a view "
            "or a reshape of an array that is not contiguous may be a copy",
        ),
        _law(
            "added",
            oracle.all_quantities,
            designed=scenarios.added,
            supports=frozenset({"add_group"}),
            truth=True,
            title="a group that is added later is wrong",
            fix="make the state of each parameter at its first step, and go over the groups that "
            "are there at each step",
        ),
        _law(
            "special",
            oracle.special,
            designed=scenarios.specials,
            drawn="special",
            truth=True,
            share=0.5,
            title="inf and nan do not stay in their own element",
            fix="treat each element alone; while mu = 1 copy theta: average + 1 (theta - average) "
            "turns inf into nan",
        ),
        _law(
            "resume",
            oracle.replays_equal,
            designed=scenarios.paused,
            supports=frozenset({"save"}),
            run=resumed,
            share=0.5,
            title="after save and load a run does not continue exactly",
            fix="compare what a step reads with what a load brings back, to the bit: the step "
            "count, the average, an eta or mu that is stored, every other count or cache; and what "
            "is saved must not change afterwards",
        ),
        _law(
            "repeat",
            oracle.replays_equal,
            designed=scenarios.repeated,
            run=repeated,
            share=0.2,
            title="the same calls give different numbers the second time",
            fix="a new optimizer starts afresh: look for state that outlives it",
        ),
        _law(
            "twins",
            oracle.replays_equal,
            designed=scenarios.repeatable,
            run=twinned,
            share=0.2,
            title="two optimizers affect each other",
            fix="look for state that belongs to the class or the module",
        ),
        _law(
            "gradients",
            oracle.gradients_unchanged,
            designed=scenarios.watched,
            run=watched,
            title="the caller's gradient is modified",
            fix="do not add the penalty or turn the sign in the gradient's own array",
        ),
        _law(
            "refusal",
            oracle.all_quantities,
            designed=scenarios.plain,
            title="open accepts a bad hyperparameter",
            fix='check the domains of asgd.md, "Bad input", when the hyperparameters are given',
        ),
    )
}
"""Law by name."""

TRUTH = frozenset(law.key for law in LIFECYCLE_LAWS.values() if law.truth)
"""Names of those that judge numbers against the truth."""


def missing(law: LifecycleLaw, subject: Subject) -> tuple[str, ...]:
    """What the port lacks for the law to say anything."""
    lacking = []
    for name in sorted(law.supports - subject.hello.supports):
        why = subject.hello.lacks.get(name)
        lacking.append(f"the operation {name}" + (f": {why}" if why else ""))
    if law.name == "layouts" and not subject.hello.supports & set(LAYOUTS):
        lacking.append("arrays of several dimensions")
    if law.run is twinned and twin(subject.port) is None:
        lacking.append("a second optimizer in its process")
    if law.run is watched and not capabilities(subject.port).shows_gradients:
        lacking.append("its gradients")
    return tuple(lacking)


def hold_lifecycle(
    law: LifecycleLaw, subject: Subject, *, examples: int, seed: int, truth: bool = True
) -> Outcome:
    """Hold a port to a law of the lifecycle.

    Parameters
    ----------
    law : LifecycleLaw
        The law.
    subject : Subject
        The port.
    examples : int
        Drawn scenarios of a level; the law takes its share.
    seed : int
        The same seed draws the same scenarios.
    truth : bool
        Whether the equations hold: where they do not, laws that judge by them say nothing.

    Returns
    -------
    Outcome
        `not_observable` where the port lacks what the law needs.
    """
    if law.truth and not truth:
        return Outcome(law, not_observable=("equations that hold",))
    if law is LIFECYCLE_LAWS["refusal"]:
        return _refusals(subject)
    lacking = missing(law, subject)
    if lacking:
        return Outcome(law, not_observable=lacking)
    if law is LIFECYCLE_LAWS["long"]:
        return hold_long_run(law, subject, full=examples > LEVELS["quick"])
    full = examples > LEVELS["quick"]
    law = replace(law, designed=partial(_designed, law, subject, full))
    subject = replace(subject, run=law.run)
    return hold(law, subject, examples=math.ceil(examples * law.share), seed=seed)


def _designed(
    law: LifecycleLaw, subject: Subject, full: bool, supports: frozenset[str]
) -> list[Scenario]:
    """The law's own scenarios, and the covering ones where they belong to it."""
    dtype, as_used = subject.dtype, capabilities(subject.port).as_used
    if law.name == "sizes" and full:
        return arrays.all_sizes(supports)
    own = [run for run in law.designed(supports) if as_used or not _as_used(run)]
    if law.name not in {"window", "resume", "added"}:
        return own
    rows = [*covering.read("pairs"), *(covering.read("triples") if full else ())]
    if law.name == "added":
        several = [row for row in rows if row["groups"] != "one"]
        chosen = several if full else several[:_JOINED]
        covers = covering.scenarios(chosen, supports, dtype, saved=False)
        return [*own, *(scenarios.joined(one, 3) for one in covers if len(one.groups) > 1)]
    return [*own, *covering.scenarios(rows, supports, dtype, saved=law.name == "resume")]


def _as_used(run: Scenario) -> bool:
    return isinstance(run, PausedScenario) and (run.used or run.unread)


def hold_all(subject: Subject, *, examples: int, seed: int, truth: bool = True) -> list[Outcome]:
    """Hold a port to all laws of the lifecycle."""
    return [
        hold_lifecycle(law, subject, examples=examples, seed=seed, truth=truth)
        for law in LIFECYCLE_LAWS.values()
    ]


def _refusals(subject: Subject) -> Outcome:
    """Every hyperparameter outside its domain, in the first group and in a later one."""
    outcome = Outcome(LIFECYCLE_LAWS["refusal"])
    accepted: list[Failure] = []
    good = STRONG
    places = 2 if "groups" in subject.hello.supports else 1
    for name in HYPERPARAMETERS:
        for value in (-1.0, -(2.0**-40), -math.inf, math.nan, math.inf):
            if value == math.inf and domain(name) == "[0, inf]":
                continue
            changes: dict[str, Any] = {name: value}
            bad = good._replace(**changes)
            for at in range(places):
                hypers = [bad if i == at else good for i in range(at + 1)]
                scenario = Scenario(tuple(Group(h, ((1.0,),)) for h in hypers), ())
                outcome.scenarios += 1
                outcome.judged += 1
                if _opens(subject, scenario):
                    judgement = failed(name, Place(0, 0, at), value)
                    accepted.append(Failure(judgement, scenario))
    if accepted and not capabilities(subject.port).must_refuse:
        # Only a program owes a refusal to the protocol; an author in Python is told.
        outcome.not_observable = ("a refusal of what is outside the domains",)
        outcome.accepted = tuple(sorted({failure.judgement.quantity for failure in accepted}))
        outcome.in_groups_alone = all(failure.judgement.parameter for failure in accepted)
    elif accepted:
        outcome.failure = accepted[0]
    return outcome


def _opens(subject: Subject, scenario: Scenario) -> bool:
    groups: list[dict[str, Any]] = [
        {**g.hyper._asdict(), "params": [np.array(p, subject.dtype) for p in g.params]}
        for g in scenario.groups
    ]
    try:
        with asking("open"):
            subject.port.open(subject.dtype, groups)
    except (RaisedError, RefusalError):
        return False
    return True
