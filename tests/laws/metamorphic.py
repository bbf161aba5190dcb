"""Metamorphic relations: a port is run more than once, and the runs form one trace.

A run and its resumption, a run and its repetition, a run alone and beside another.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from ..ports.capabilities import save_copy, twin, watch
from ..ports.protocol import Observation, Port, PortError, RaisedError, asking
from ..ports.scenario import (
    PausedScenario,
    Scenario,
    Step,
    advance,
    begin,
    drive,
    play,
    rest_of,
    unread,
)


def _saved(port: Port) -> Any:
    with asking("save"):
        return port.save()


def resumed(
    port: Port, scenario: Scenario, dtype: str, save: Callable[[Port], Any] = _saved
) -> list[Observation]:
    """Run, save on the way, and run the rest again from there in a fresh optimizer.

    Where it is interrupted twice, the second save is made by an optimizer that was loaded itself.
    """
    assert isinstance(scenario, PausedScenario)
    if scenario.used:
        return _rolled_back(port, scenario, dtype)
    pauses = sorted({scenario.earlier or scenario.pause, scenario.pause})
    begin(port, scenario, dtype)
    whole = play(port, scenario, scenario.events[: pauses[0]], dtype)
    state = save(port)
    whole += play(port, scenario, scenario.events[pauses[0] :], dtype)
    if scenario.unread:
        begin(port, scenario, dtype)
        advance(port, scenario.events[: scenario.pause], dtype)
        state = save(port)
    again: list[Observation] = []
    for pause, end in zip(pauses, [*pauses[1:], None], strict=True):
        count = sum(isinstance(event, Step) for event in scenario.events[:pause])
        theta = whole[count - 1].theta if count else ()
        part = Scenario(scenario.groups, scenario.events[:end], layouts=scenario.layouts)
        fresh = rest_of(part, pause, theta)
        begin(port, fresh, dtype)
        with asking("load"):
            port.load(state)
        again = _continued(port, fresh, dtype)
        if end is not None:
            state = save(port)
    return [*whole, *again]


def _rolled_back(port: Port, scenario: PausedScenario, dtype: str) -> list[Observation]:
    """Run, and run the rest again from a state saved on the way: in a fresh optimizer, and here.

    Both begin with theta as it is at the end.
    """
    events = scenario.events[scenario.pause :]
    begin(port, scenario, dtype)
    before = play(port, scenario, scenario.events[: scenario.pause], dtype)
    state = _saved(port)
    end = play(port, scenario, events, dtype)[-1].theta
    with asking("load"):
        port.load(state)
    here = _continued(port, Scenario(scenario.groups, events, layouts=scenario.layouts), dtype)
    fresh = rest_of(scenario, scenario.pause, end)
    begin(port, fresh, dtype)
    with asking("load"):
        port.load(state)
    return [*before, *_continued(port, fresh, dtype), *here]


def _continued(port: Port, rest: Scenario, dtype: str) -> list[Observation]:
    try:
        return play(port, rest, rest.events, dtype)
    except RaisedError:
        raise
    except PortError as error:
        raise PortError(f"after save and load: {error}") from error


copied = partial(resumed, save=save_copy)
"""As `resumed`, but from a copy of what was saved."""


def repeated(port: Port, scenario: Scenario, dtype: str) -> list[Observation]:
    """Run, run another scenario, and run the first again; or again without a look at it."""
    assert isinstance(scenario, PausedScenario)
    first = drive(port, scenario, dtype)
    if scenario.unread:
        return [*first, unread(port, scenario, dtype)]
    drive(port, scenario.other(), dtype)
    return [*first, *drive(port, scenario, dtype)]


def twinned(port: Port, scenario: Scenario, dtype: str) -> list[Observation]:
    """Run alone, then in turns with a second optimizer of the same make."""
    assert isinstance(scenario, PausedScenario)
    alone = drive(port, scenario, dtype)
    other, second = twin(port), scenario.other()
    assert other is not None
    begin(port, scenario, dtype)
    begin(other, second, dtype)
    return [*alone, *play(port, scenario, scenario.events, dtype, beside=(other, second))]


def watched(port: Port, scenario: Scenario, dtype: str) -> list[Observation]:
    """Run, and show the gradients as they are after each step in the place of theta."""
    begin(port, scenario, dtype)
    seen = []
    for event in scenario.events:
        assert isinstance(event, Step)
        after = watch(port, dtype, event.grads, [len(p) for p in scenario.params])
        nothing = (None,) * len(after)
        seen.append(Observation(after, nothing, nothing, nothing))
    return seen
