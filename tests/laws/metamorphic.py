"""Subjects that see more than one run of a port: both come as one trace.

A run and its resumption, a run and its repetition, a run alone and beside another.
"""

from typing import Any

from ..ports.capabilities import save_copy, twin, watch
from ..ports.protocol import Observation, asking
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
        state = self.saved()
        rest = play(port, scenario, after, self.dtype)
        fresh = Scenario(in_force(scenario, before, theta), after)
        begin(port, fresh, self.dtype)
        with asking("load"):
            port.load(state)
        return [*first, *rest, *play(port, fresh, after, self.dtype)]

    def saved(self) -> Any:
        """State of the port."""
        with asking("save"):
            return self.port.save()


class Copied(Resumed):
    """Goes back to a copy of what was saved."""

    def saved(self) -> Any:
        """Copy of the state of the port."""
        return save_copy(self.port)


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
            sizes = [len(p) for p in scenario.params]
            after = watch(self.port, self.dtype, event.grads, sizes)
            nothing = (None,) * len(after)
            seen.append(Observation(after, nothing, nothing, nothing))
        return seen
