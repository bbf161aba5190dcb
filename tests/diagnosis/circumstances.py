"""What a scenario has that its numbers at the first wrong step do not tell."""

from collections.abc import Iterator

from ..laws.outcome import Failure
from ..ports.scenario import Add, Set, Step


def arrangement(failure: Failure) -> Iterator[str]:
    """How the wrong number's parameter is laid out, and which groups join late."""
    scenario, at = failure.scenario, failure.judgement.parameter
    if at < len(scenario.layouts):
        yield f"seen at a {scenario.layouts[at]}"
    steps = 0
    for event in scenario.events:
        steps += isinstance(event, Step)
        if isinstance(event, Add):
            yield f"group {event.group} joins before step {steps + 1}"


def combined(failure: Failure) -> str:
    """What a shrunk run combines up to its first wrong number."""
    found = [*_among_groups(failure), *_before(failure), *_at_once(failure), *arrangement(failure)]
    # Shrinking prefers zeros, so they say something only where nothing else does.
    return "; ".join(found) or _plain(failure)


def _among_groups(failure: Failure) -> Iterator[str]:
    groups, at = failure.scenario.groups, failure.judgement.parameter
    hypers = [group.hyper for group in groups]
    owner = [i for i, group in enumerate(groups) for _ in group.params]
    apart = [n for n in hypers[0]._fields if len({getattr(hyper, n) for hyper in hypers}) > 1]
    if apart:
        yield f"in group {owner[at]}, where groups differ in {', '.join(apart)}"
    elif len(owner) > 1:
        yield f"in parameter {at} of {len(owner)}"


def _before(failure: Failure) -> Iterator[str]:
    wrong, call = failure.judgement, 0
    for event in failure.scenario.events:
        if isinstance(event, Set):
            yield f"after a change of {', '.join(event.changes)} before step {call + 1}"
        elif isinstance(event, Step):
            call += 1
            if event.grads[wrong.parameter] is None:
                yield f"after no gradient at step {call}"
        if call == wrong.call:
            return


def _at_once(failure: Failure) -> Iterator[str]:
    groups = failure.scenario.groups
    hyper = [g.hyper for g in groups for _ in g.params][failure.judgement.parameter]
    if hyper.lambd and hyper.weight_decay:
        yield "with lambd and weight_decay at once"
    if hyper.maximize:
        yield "with maximize"


def _plain(failure: Failure) -> str:
    wrong = failure.judgement
    steps = [event for event in failure.scenario.events if isinstance(event, Step)]
    grad = steps[wrong.call - 1].grads[wrong.parameter]
    return "in a plain run" if grad is None or any(grad) else "at a gradient of zeros"
