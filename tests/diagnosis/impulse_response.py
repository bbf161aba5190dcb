"""Read-out: what a port computes, where no known rule fits.

The designed impulses show it directly. Elements that are 0 until their one gradient, 1, show eta
at each step, and afterwards the factor by which theta decays; E3 solved for the gradient shows what
was made of it; one 1 that wanders through the elements shows the weight of every iterate in the
average. It is read with hyperparameters for which the port is wrong, wherever a designed scenario
has such.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

from asgd.reference import formats
from asgd.spec import EquationName, Hyperparameters

from ..laws.equations import LAWS
from ..laws.law import worst
from ..laws.outcome import Failure, Subject
from ..oracle.one_number import true_step_size
from ..ports.protocol import Observation
from ..ports.scenario import Event, Group, Scenario, Set, Step, changed
from .effective_gradient import effective_gradients
from .in_words import differing
from .probes import NONTRIVIAL
from .weights import Weights, averaging_weights

_PRECISION = 128
# Steps before a hyperparameter is changed: few enough that those after it are printed too.
_CHANGE = 2
# A family's member must meet every number this well, in units of the dtype's roundoff: a constant
# that is read from two numbers is off by a few, and its powers by some more.
_GUESS = 2.0**6
# Formulas are the same where they differ by at most this factor at a late step.
_LATER, _APART = 100_000, 1.1
# Relative precision of a printed constant.
_DIGITS = 1e-6
# Scaled runs may differ by this many roundoffs of the largest number, where results are subnormal.
_SCALED = 2.0**6


@dataclass(frozen=True)
class Readout:
    """Numbers recovered from a port, beside the true ones of a convention.

    Attributes
    ----------
    hyper : str
        Hyperparameters that eta and the decay were recovered with.
    eta, true_eta : list of float
        Step size at steps 1, 2, ...
    decay, true_decay : list of float
        Factor by which theta shrinks at steps 2, 3, ... where its gradient is 0.
    weights : Weights or None
        Weights of theta_0, theta_1, ... in the last average, where that is shown.
    parameter : int
        Which parameter eta and the decay are those of.
    parameters : int
        How many there were.
    guess : str
        Formula that the step sizes fit, of a small family, or "".
    linear : bool
        Whether multiples of the parameters and gradients give the same multiple of the result.
    gradient, true_gradient : list of float
        Gradient with sign and penalty at the first wrong step; empty where E1 holds.
    given : str
        Hyperparameters, theta and gradient that it was recovered with.
    """

    hyper: str
    eta: list[float]
    true_eta: list[float]
    decay: list[float]
    true_decay: list[float]
    weights: Weights | None
    parameter: int
    parameters: int
    guess: str
    linear: bool
    gradient: list[float] = field(default_factory=list)
    true_gradient: list[float] = field(default_factory=list)
    given: str = ""


def read_out(
    subject: Subject, broken: Mapping[EquationName, Failure], scenarios: Sequence[Scenario] = ()
) -> Readout:
    """Recover the step sizes, gradient, decay and averaging weights of a port.

    Parameters
    ----------
    subject : Subject
        The port.
    broken : mapping of str to Failure
        What is wrong and has no name, by the name of the equation; each in its simplest scenario.
    scenarios : sequence of Scenario
        Scenarios in which it was found.
    """
    scenarios_of_eta = list(_impulses(subject, broken))
    read = [one for scenario in scenarios_of_eta for one in _read(subject, scenario)]
    u = subject.rule.arithmetic.fmt.u
    wrong = [
        one
        for one in read
        if differing(one.eta, one.true_eta, u) or differing(one.decay, one.true_decay, u)
    ]
    first = wrong[0] if wrong else read[0]
    hyper = first.hyper
    gradient, true_gradient, given = _gradients(subject, broken)
    return Readout(
        hyper=_words(hyper) + first.change,
        eta=first.eta,
        true_eta=first.true_eta,
        decay=first.decay,
        true_decay=first.true_decay,
        weights=averaging_weights(subject, broken),
        parameter=first.parameter,
        parameters=first.parameters,
        guess="" if first.change else guess(first.eta, hyper, subject.dtype),
        linear=is_linear(subject, scenarios),
        gradient=gradient,
        true_gradient=true_gradient,
        given=given,
    )


@dataclass(frozen=True)
class _Read:
    """Step sizes and decays of one parameter, and what changes on the way, in words."""

    hyper: Hyperparameters
    change: str
    parameter: int
    parameters: int
    eta: list[float]
    true_eta: list[float]
    decay: list[float]
    true_decay: list[float]


def _impulses(subject: Subject, broken: Mapping[EquationName, Failure]) -> Iterator[Scenario]:
    """Scenarios of impulses: first those in which the port was found wrong."""
    scenario = telling(subject, "step_size", 0, broken)
    if "descend" in broken and "step_size" not in broken:
        # Only the decay matters then; it is wrong with these hyperparameters.
        hyper = broken["descend"].scenario.groups[0].hyper
        scenario = Scenario((Group(hyper, scenario.params),), scenario.events)
    yield scenario
    if not {"step_size", "descend", "step"} & set(broken):
        return
    for hyper in NONTRIVIAL:
        yield Scenario((Group(hyper, scenario.params),), scenario.events)
    events = [
        replace(event, grads=event.grads * 2) if isinstance(event, Step) else event
        for event in scenario.events
    ]
    groups = tuple(replace(group, params=group.params * 2) for group in scenario.groups)
    if len(groups) == 1:
        yield Scenario(groups, tuple(events))
    for event in broken["step"].scenario.events if "step" in broken else ():
        if isinstance(event, Set):
            # Elements that got their gradient before the change show the decay after it.
            steps = list(scenario.events)
            steps.insert(_CHANGE, Set(0, event.changes))
            yield Scenario((Group(NONTRIVIAL[0], scenario.params),), tuple(steps))


def _read(subject: Subject, scenario: Scenario) -> Iterator[_Read]:
    """What impulses show, parameter by parameter."""
    trace = subject.trace(scenario)
    force, change = _in_force(scenario)
    hyper = force[0]
    stored = subject.convention.hyperparameters == "stored"
    used = [hyper, *force[:-1]] if stored else force
    true_eta = [true_step_size(t - subject.convention.eta_lag, h) for t, h in enumerate(used, 1)]
    pulls = [h.lambd + h.weight_decay for h in force]
    for i in range(len(scenario.params)):
        rows = [seen.theta[i] for seen in trace]
        yield _Read(
            hyper,
            change,
            i,
            len(scenario.params),
            [-row[t] for t, row in enumerate(rows)],
            true_eta,
            [_ratio(later[0], earlier[0]) for earlier, later in pairwise(rows)],
            [1 - pull * x for pull, x in zip(pulls[1:], true_eta[1:], strict=True)],
        )


def _in_force(scenario: Scenario) -> tuple[list[Hyperparameters], str]:
    """Hyperparameters of the first group at each step, and what is changed, in words."""
    hyper, force, said = scenario.groups[0].hyper, [], ""
    for event in scenario.events:
        if isinstance(event, Step):
            force.append(hyper)
        elif isinstance(event, Set):
            hyper = changed(hyper, event)
            words = ", ".join(f"{name}={value}" for name, value in event.changes.items())
            said += f"; before step {len(force) + 1}: {words}"
    return force, said


def _words(hyper: Hyperparameters) -> str:
    words = f"lr={hyper.lr}, lambd={hyper.lambd}, alpha={hyper.alpha}"
    return words + (f", weight_decay={hyper.weight_decay}" if hyper.weight_decay else "")


def telling(
    subject: Subject, equation: EquationName, ordinary: int, broken: Mapping[EquationName, Failure]
) -> Scenario:
    """Designed scenario of a law in which the port is wrong, if any; else an ordinary one."""
    law = LAWS[equation]
    designed = law.designed(subject.hello.supports)
    if equation in broken:
        wrong = []
        for scenario in designed:
            trace = subject.trace(scenario)
            if worst(law.check(scenario, trace, subject.rule))[0] is not None:
                wrong.append(scenario)
        # With lr = 0 there is little to be read.
        wrong.sort(key=lambda scenario: scenario.groups[0].hyper.lr == 0)
        if wrong:
            return wrong[0]
        hyper = broken[equation].scenario.groups[0].hyper
        if equation == "step_size":
            groups = tuple(Group(hyper, g.params) for g in designed[ordinary].groups)
            return Scenario(groups, designed[ordinary].events)
    return designed[ordinary]


def _gradients(
    subject: Subject, broken: Mapping[EquationName, Failure]
) -> tuple[list[float], list[float], str]:
    """Gradients of the step in which E1's law first failed: taken, due, and from what."""
    if "gradient" not in broken:
        return [], [], ""
    scenario = broken["gradient"].scenario
    trace = subject.trace(scenario)
    shown = dict(effective_gradients(scenario, trace, subject.convention.eta_lag))
    call = broken["gradient"].judgement.call
    # The gauges behind them have theta 0 and gradients of 0 and 1.
    chosen = [pull for (c, _, j), pull in shown.items() if c == call and j < _ELEMENTS]
    if not chosen:
        return [], [], ""
    taken = [float(sum(pull.taken().bounds()) / 2) for pull in chosen]
    due = [float(sum(pull.due().bounds()) / 2) for pull in chosen]
    hyper = chosen[0].hyper
    others = sum(map(len, scenario.params)) - len(chosen)
    given = (
        f"{_words(hyper)}{', maximize' if hyper.maximize else ''}, step {call}, "
        f"theta {[pull.before for pull in chosen]}, gradient {[pull.grad for pull in chosen]}"
        + (f", beside {others} more" if others else "")
    )
    return taken, due, given


_ELEMENTS = 3


def is_linear(subject: Subject, scenarios: Sequence[Scenario] = ()) -> bool:
    """Whether a scenario with every value multiplied gives results so multiplied.

    All of ASGD is linear in theta_0 and the gradients, and multiplying by a power of two, or by -1,
    is exact in floating point. Clipping, adaptive step sizes and algorithms of the same name are
    not. A port that does not repeat itself is not called anything here.
    """
    ordinary = LAWS["step"].designed(subject.hello.supports)[0]
    # The numbers of the scenario are around 1; these are where a clip or a norm would show.
    runs = [(ordinary, scale) for scale in (2.0, -1.0, 2.0**10, 2.0**-10)]
    # Where a port was found wrong, it may be so for the numbers' sizes alone.
    runs += [(scenario, scale) for scenario in scenarios for scale in (-1.0, 2.0**10, 2.0**-30)]
    for scenario, scale in runs:
        one = subject.trace(scenario)
        if repr(one) != repr(subject.trace(scenario)):
            return True
        other = subject.trace(scaled(scenario, scale))
        u = formats[subject.dtype].u
        if not all(_is_scaled(a, b, scale, u) for a, b in zip(one, other, strict=True)):
            return False
    return True


def scaled(scenario: Scenario, scale: float) -> Scenario:
    """``scenario`` with initial values and gradients multiplied by a power of two."""

    def times(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(scale * x for x in values)

    groups = tuple(Group(g.hyper, tuple(times(p) for p in g.params)) for g in scenario.groups)
    events: list[Event] = [
        Step(tuple(None if g is None else times(g) for g in event.grads))
        if isinstance(event, Step)
        else event
        for event in scenario.events
    ]
    return Scenario(groups, tuple(events))


def _is_scaled(one: Observation, other: Observation, scale: float, u: float) -> bool:
    rows = [*zip(one.theta, other.theta, strict=True)]
    rows += [
        (a, b)
        for a, b in zip(one.average, other.average, strict=True)
        if a is not None and b is not None
    ]
    for row in rows:
        pairs = [(scale * x, y) for x, y in zip(*row, strict=True) if math.isfinite(x)]
        largest = max((abs(x) for x, _ in pairs), default=0.0)
        if not all(abs(x - y) <= _SCALED * u * largest for x, y in pairs):
            return False
    return True


def guess(eta: Sequence[float], hyper: Hyperparameters, dtype: str) -> str:
    """Formula of a small family that all step sizes fit, its one constant read from two of them.

    Empty where two fit that differ later, or where the right one fits to the printed digits.
    """
    u = formats[dtype].u
    if len(eta) < 4 or not all(math.isfinite(x) and x > 0 for x in eta):
        return ""
    fitting = [
        (text, formula)
        for text, formula in _families(eta, hyper.lr, hyper.lambd)
        if all(abs(x - formula(t)) <= _GUESS * u * abs(x) for t, x in enumerate(eta, 1))
    ]
    later = [_late(formula) for _, formula in fitting]
    if not fitting or max(later) > _APART * min(later):
        return ""
    z, alpha = hyper.lambd * hyper.lr, hyper.alpha
    right = _late(partial(_decay, lr=hyper.lr, z=z, lag=0, p=alpha))
    return "" if abs(later[0] - right) <= _DIGITS * right else fitting[0][0]


def _late(formula: Callable[[int], float]) -> float:
    """Size of what it gives at a late step."""
    try:
        return abs(formula(_LATER))
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _families(
    eta: Sequence[float], lr: float, lambd: float
) -> Iterator[tuple[str, Callable[[int], float]]]:
    first, second, third = eta[:3]
    yield f"{_short(first)}, constant", lambda _: first
    power = -math.log2(second / first)
    yield f"{_short(first)} / t^{_short(power)}", lambda t: first * t**-power
    ratio = second / first
    yield f"{_short(first)} * {_short(ratio)}^(t - 1)", lambda t: first * ratio ** (t - 1)
    slope = 1 / second - 1 / first
    start = 1 / first - slope
    yield f"1 / ({_short(start)} + {_short(slope)} t)", lambda t: 1 / (start + slope * t)
    for lag, at in ((0, "t"), (1, "(t - 1)"), (-1, "(t + 1)")):
        # lr / (1 + lambd lr (t - lag))^p, with p read from the third step.
        base = 1 + lambd * lr * (3 - lag)
        if lr > 0 and base > 1:
            p = -math.log(third / lr) / math.log(base)
            decay = partial(_decay, lr=lr, z=lambd * lr, lag=lag, p=p)
            yield f"lr / (1 + lambd lr {at})^{_short(p)}", decay


def _decay(t: int, *, lr: float, z: float, lag: int, p: float) -> float:
    return lr / math.pow(1 + z * (t - lag), p)


def _short(x: float) -> str:
    return f"{x:.6g}"


def _ratio(x: float, y: float) -> float:
    return x / y if y else math.nan
