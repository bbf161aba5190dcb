"""Subjects that see more than one run of a port: both come as one trace.

A run and its resumption, a run and its repetition, a run alone and beside another.
"""

from typing import Any

from ..ports.capabilities import save_copy, twin, watch
from ..ports.protocol import Observation, asking
from ..ports.scenario import PausedScenario, Scenario, Step, begin, in_force, play
from .outcome import Subject


class Resumed(Subject):
    """Runs on after a save, then goes back to it in a fresh optimizer and lives the rest again.

    Where it is interrupted twice, the second save is made by an optimizer that was loaded itself.
    """

    def trace(self, scenario: Scenario) -> list[Observation]:
        """Trace of the whole run, and behind it that of its end once more."""
        assert isinstance(scenario, PausedScenario)
        pauses = sorted({scenario.earlier or scenario.pause, scenario.pause})
        begin(self.port, scenario, self.dtype)
        whole = play(self.port, scenario, scenario.events[: pauses[0]], self.dtype)
        state = self.saved()
        whole += play(self.port, scenario, scenario.events[pauses[0] :], self.dtype)
        again: list[Observation] = []
        for pause, end in zip(pauses, [*pauses[1:], None], strict=True):
            before = scenario.events[:pause]
            count = sum(isinstance(event, Step) for event in before)
            theta = whole[count - 1].theta if count else scenario.params
            fresh = Scenario(in_force(scenario, before, theta), scenario.events[pause:end])
            begin(self.port, fresh, self.dtype)
            with asking("load"):
                self.port.load(state)
            again = play(self.port, fresh, fresh.events, self.dtype)
            if end is not None:
                state = self.saved()
        return [*whole, *again]

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
