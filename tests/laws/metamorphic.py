"""Subjects that see more than one run of a port: both come as one trace.

A run and its resumption, a run and its repetition, a run alone and beside another.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ports.adapters import OptimizerPort
from ..ports.program import ProgramPort
from ..ports.protocol import Observation, Port, PortError, describe, observe
from ..ports.scenario import PausedScenario, Scenario, Step, begin, in_force, play
from .outcome import Subject


class Resumed(Subject):
    """Runs on after a save, then goes back to it in a fresh optimizer and lives the rest again."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        """Trace of all runs, one behind the other."""
        assert isinstance(scenario, PausedScenario)
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


class Repeated(Subject):
    """Lives the same life again, after another one."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        """Trace of all runs, one behind the other."""
        assert isinstance(scenario, PausedScenario)
        first = super().trace(scenario)
        super().trace(scenario.other())
        return [*first, *super().trace(scenario)]


class Twinned(Subject):
    """Lives alone, then in turns with another optimizer of the same make."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        """Trace of all runs, one behind the other."""
        assert isinstance(scenario, PausedScenario)
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


class Watched(Subject):
    """Shows the gradients as they are after each step, in the place of theta."""

    def trace(self, scenario: Scenario) -> list[Observation]:
        """Trace of the gradients."""
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
        raise PortError(f"{name}() failed: {describe(error)}") from error
