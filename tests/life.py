"""The life of an optimizer, as laws over the port's operations (E6).

Each law is run by `runner.hold`, as those of the equations are; where what is seen of a port is
more than one trace (a run and its resumption, a run and its repetition), the subject is dressed so
that both come as one. Truth is judged under the loosest policy: how precise eta and mu are is E2's
and E4's concern, and a port is not told twice.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asgd.reference import Enclosure
from asgd.spec import DEFAULTS, domain

from . import lives
from .adapters import OptimizerPort
from .judge import Judgement, Rule, judge
from .laws import Law
from .lives import Life
from .port import Observation, Port, PortError, observe
from .program import ProgramPort
from .runner import Failure, Outcome, Subject, hold, looser
from .scenario import Group, Scenario, Step, begin, in_force, play

_ALL = frozenset({"eta", "theta", "mu", "average"})
_NOTHING: frozenset[str] = frozenset()
_ZERO = Enclosure.of(0)


@dataclass(frozen=True)
class LifeLaw(Law):
    """A law of the life of an optimizer.

    Attributes
    ----------
    title, mend : str
        What is the matter where it is broken, and what to look at.
    supports : set of str
        Operations that a port must have.
    dress : type of Subject
        How the port is looked at.
    truth : bool
        Whether numbers are judged against the certified truth: such a law says nothing of its own
        about a port that breaks an equation.
    share : float
        Share of a level's drawn scenarios.
    """

    title: str = ""
    mend: str = ""
    supports: frozenset[str] = _NOTHING
    dress: type[Subject] = Subject
    truth: bool = False
    share: float = 0.0


# Subjects that see more than one run.


class _Resumed(Subject):
    """Runs on after a save, then goes back to it in a fresh optimizer and lives the rest again."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        assert isinstance(scenario, Life)
        port, before = self.port, scenario.events[: scenario.pause]
        after = scenario.events[scenario.pause :]
        begin(port, scenario, self.dtype)
        first = play(port, scenario, before, self.dtype)
        theta = first[-1].theta if first else scenario.params
        state = _call(port, "save")
        rest = play(port, scenario, after, self.dtype)
        fresh = Scenario(in_force(scenario, before, theta), after)
        begin(port, fresh, self.dtype)
        _call(port, "load", state)
        return [*first, *rest, *play(port, fresh, after, self.dtype)]


class _Repeated(Subject):
    """Lives the same life again, after another one."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        assert isinstance(scenario, Life)
        first = super().trace(scenario)
        super().trace(scenario.other())
        return [*first, *super().trace(scenario)]


class _Twinned(Subject):
    """Lives alone, then in turns with another optimizer of the same make."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        assert isinstance(scenario, Life)
        alone = super().trace(scenario)
        other, second = twin(self.port), scenario.other()
        assert other is not None
        begin(self.port, scenario, self.dtype)
        begin(other, second, self.dtype)
        together: list[Observation] = []
        for event, another in zip(scenario.events, second.events, strict=True):
            together += play(self.port, scenario, (event,), self.dtype)
            play(other, second, (another,), self.dtype)
        return [*alone, *together]


class _Watched(Subject):
    """Shows the gradients as they are after each step, in the place of theta."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        begin(self.port, scenario, self.dtype)
        seen = []
        for event in scenario.events:
            assert isinstance(event, Step)
            watch = _Watch(self.port)
            observe(watch, self.dtype, event.grads, [len(p) for p in scenario.params])
            nothing = (None,) * len(watch.after)
            seen.append(Observation(watch.after, nothing, nothing, nothing))
        return seen


class _Watch:
    """A port whose arrays of gradients are looked at after the step."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.after: tuple[tuple[float, ...], ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def step(self, grads: Sequence[Any]) -> Any:
        answer = self._port.step(grads)
        # An adapter hands on copies, and keeps them.
        port = self._port
        kept = port.gradients() if isinstance(port, OptimizerPort) else grads
        self.after = tuple(tuple(np.asarray(g, np.float64).ravel().tolist()) for g in kept)
        return answer


def twin(port: Port) -> Port | None:
    """Another optimizer of the same make in the same process, or None where there is none."""
    if isinstance(port, ProgramPort):
        return None  # A second process shares nothing with the first, whatever the program does.
    if isinstance(port, OptimizerPort):
        return port.twin()
    try:
        return type(port)()
    except TypeError:
        return None


def _call(port: Port, name: str, *arguments: Any) -> Any:
    try:
        return getattr(port, name)(*arguments)
    except PortError:
        raise
    except Exception as error:
        raise PortError(f"{name}() failed: {error}") from error


# What is judged.


def _true(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
    return judge(scenario, trace, rule, _ALL)


def _again(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:  # noqa: ARG001
    """What comes after the first life must be its end once more."""
    first, again = trace[: scenario.steps], trace[scenario.steps :]
    start = len(first) - len(again)
    for call, (old, new) in enumerate(zip(first[start:], again, strict=True), start + 1):
        yield from _same(call, old, new)


def _same(call: int, old: Observation, new: Observation) -> Iterator[Judgement]:
    for key in ("theta", "average"):
        for i, (a, b) in enumerate(zip(getattr(old, key), getattr(new, key), strict=True)):
            if a is not None:
                lost = (math.nan,) * len(a)
                yield from _equal(key, call, i, a, lost if b is None else b)
    for key in ("eta", "mu"):
        for i, (x, y) in enumerate(zip(getattr(old, key), getattr(new, key), strict=True)):
            # A port may know eta only after its first step.
            if x is not None and y is not None:
                yield from _equal(key, call, i, (x,), (y,))


def _equal(
    key: str, call: int, i: int, old: Sequence[float], new: Sequence[float]
) -> Iterator[Judgement]:
    for j, (x, y) in enumerate(zip(old, new, strict=True)):
        exact = Enclosure.of(x) if math.isfinite(x) else _ZERO
        yield Judgement(key, call, call, i, j, exact, y, 0.0, "pass" if _is(x, y) else "fail")


def _is(x: float, y: float) -> bool:
    """Whether two numbers are the same one; the sign of zero means nothing here."""
    return x == y or (math.isnan(x) and math.isnan(y))


def _columns(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
    """Judge one of all elements that had the same life; a large array has few different ones."""
    small, seen, places = lives.columns(scenario, trace)
    for judgement in judge(small, seen, rule, _ALL):
        if judgement.quantity in {"theta", "average"}:
            element = places[judgement.parameter][judgement.element]
            yield replace(judgement, element=element)
        else:
            yield judgement


def _special(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:
    """Judge, and look where the numbers are not finite ("Non-finite numbers" in asgd.md)."""
    yield from judge(scenario, trace, rule, _ALL)
    hyper = scenario.groups[0].hyper
    before = scenario.params
    steps = [event for event in scenario.events if isinstance(event, Step)]
    for call, (event, seen) in enumerate(zip(steps, trace, strict=True), 1):
        for i, grad in enumerate(event.grads):
            if grad is None:
                continue
            average = seen.average[i]
            for j, (old, g, new) in enumerate(zip(before[i], grad, seen.theta[i], strict=True)):
                if math.isfinite(old) and math.isinf(g) and hyper.lr > 0:
                    sign = g if hyper.maximize else -g
                    yield _expect("theta", (call, i, j), sign, new)
                # Before the window of every convention: t0 is beyond the last step.
                if average is not None and hyper.t0 > len(steps) and not math.isfinite(new):
                    yield _expect("average", (call, i, j), new, average[j])
        before = seen.theta


def _expect(key: str, place: tuple[int, int, int], want: float, got: float) -> Judgement:
    call, i, j = place
    verdict = "pass" if _is(want, got) else "fail"
    return Judgement(key, call, call, i, j, _ZERO, got, 0.0, verdict)


def _untouched(scenario: Scenario, trace: Sequence[Observation], rule: Rule) -> Iterator[Judgement]:  # noqa: ARG001
    steps = [event for event in scenario.events if isinstance(event, Step)]
    for call, (event, seen) in enumerate(zip(steps, trace, strict=True), 1):
        for i, grad in enumerate(event.grads):
            assert grad is not None
            yield from _equal("grad", call, i, grad, seen.theta[i])


def _law(name: str, check: Any, **more: Any) -> LifeLaw:
    return LifeLaw(
        equation="step",
        needs=_NOTHING,
        designed=more.pop("designed"),
        drawn=more.pop("drawn", lives.life),
        check=check,
        name=name,
        **more,
    )


LIFE: dict[str, LifeLaw] = {
    law.name: law
    for law in (
        _law(
            "window",
            _true,
            designed=lives.windows,
            truth=True,
            share=0.5,
            title="a longer life goes wrong where a short one does not",
            mend="look at the step of the first divergence: a window that opens, a parameter that "
            "skipped steps or came late, a hyperparameter that changed",
        ),
        _law(
            "sizes",
            _columns,
            designed=lives.sizes,
            truth=True,
            title="arrays of some sizes are wrong",
            mend="look at the end of loops over blocks and vectors, and at arrays of size 1",
        ),
        _law(
            "special",
            _special,
            designed=lives.specials,
            drawn=lives.special,
            truth=True,
            share=0.5,
            title="inf and nan do not stay where they are",
            mend="each element is alone; while mu = 1 the average is a copy of theta: computing "
            "average + 1 (theta - average) turns inf into nan",
        ),
        _law(
            "resume",
            _again,
            designed=lives.paused,
            supports=frozenset({"save"}),
            dress=_Resumed,
            share=0.5,
            title="after save and load the run does not go on as if it had not been interrupted",
            mend="save the step count, the average and, where they are stored, eta and mu of every "
            "parameter, without rounding; a saved state must not change afterwards",
        ),
        _law(
            "repeat",
            _again,
            designed=lives.paused,
            dress=_Repeated,
            share=0.2,
            title="the same calls give other numbers the second time",
            mend="a new optimizer starts afresh: look for state that outlives it",
        ),
        _law(
            "twins",
            _again,
            designed=lives.paused,
            dress=_Twinned,
            share=0.2,
            title="two optimizers at once disturb each other",
            mend="look for state that belongs to the class or the module",
        ),
        _law(
            "gradients",
            _untouched,
            designed=lives.plain,
            dress=_Watched,
            title="the caller's gradient is modified",
            mend="do not add the penalty or turn the sign in the gradient's own array",
        ),
    )
}
"""Law by name."""

REFUSAL = _law(
    "refusal",
    _true,
    designed=lives.plain,
    title="open accepts a bad hyperparameter",
    mend='check the domains of asgd.md, "Bad input", when the hyperparameters are given',
)
"""Bad hyperparameters are refused at `open`: a rule of the port protocol."""


def missing(law: LifeLaw, subject: Subject) -> tuple[str, ...]:
    """What the port lacks for the law to say anything."""
    lacking = [f"the operation {name}" for name in sorted(law.supports - subject.hello.supports)]
    if law.dress is _Twinned and twin(subject.port) is None:
        lacking.append("a second optimizer in its process")
    if law.dress is _Watched and isinstance(subject.port, ProgramPort):
        lacking.append("its gradients")
    return tuple(lacking)


def hold_life(law: LifeLaw, subject: Subject, *, examples: int, seed: int) -> Outcome:
    """Hold a port to a law of life.

    Parameters
    ----------
    law : LifeLaw
        The law.
    subject : Subject
        The port.
    examples : int
        Drawn scenarios of a level; the law takes its share.
    seed : int
        The same seed draws the same scenarios.

    Returns
    -------
    Outcome
        `not_observable` where the port lacks what the law needs.
    """
    if law is REFUSAL:
        return _refusals(subject)
    lacking = missing(law, subject)
    if lacking:
        return Outcome(law, not_observable=lacking)
    loosest = looser(subject.policy)[-1]
    dressed = law.dress(subject.port, subject.hello, subject.dtype, subject.convention, loosest)
    return hold(law, dressed, examples=math.ceil(examples * law.share), seed=seed)


def live(subject: Subject, *, examples: int, seed: int, truth: bool = True) -> list[Outcome]:
    """Hold a port to all laws of life; to those about the truth only where it is asked for."""
    outcomes = []
    for law in (*LIFE.values(), REFUSAL):
        if law.truth and not truth:
            outcomes.append(Outcome(law, not_observable=("equations that hold",)))
        else:
            outcomes.append(hold_life(law, subject, examples=examples, seed=seed))
    return outcomes


def _refusals(subject: Subject) -> Outcome:
    """Every hyperparameter outside its domain, in the first group and in a later one."""
    outcome = Outcome(REFUSAL)
    accepted: list[Failure] = []
    good = lives.STRONG
    places = 2 if "groups" in subject.hello.supports else 1
    for name in DEFAULTS:
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
                    judgement = Judgement(name, 0, 0, at, 0, _ZERO, value, 0.0, "fail")
                    accepted.append(Failure(judgement, scenario))
    if accepted and isinstance(subject.port, OptimizerPort):
        # An optimizer of somebody's library owes no refusal to the protocol: it is only told.
        names = sorted({failure.judgement.quantity for failure in accepted})
        outcome.not_observable = (f"refusals, which it does not make for all {', '.join(names)}",)
    elif accepted:
        outcome.failure = accepted[0]
    return outcome


def _opens(subject: Subject, scenario: Scenario) -> bool:
    groups: list[dict[str, Any]] = [
        {**g.hyper._asdict(), "params": [np.array(p, subject.dtype) for p in g.params]}
        for g in scenario.groups
    ]
    try:
        subject.port.open(subject.dtype, groups)
    except PortError:
        raise
    except Exception:  # noqa: BLE001 - any exception is a refusal
        return False
    return True
