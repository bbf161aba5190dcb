"""How a step is carried out: parameters that go together, cut into blocks.

Parameters with the same hyperparameters and the same number of steps form a *cohort*: they share
eta, and their windows are open or closed together. A plan is made once and used until a step has
other parameters, other arrays or other cohorts.
"""

from collections.abc import MutableMapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asgd.spec import Convention, Hyperparameters
from asgd.spec.optimizer import ParameterState

from .backend import BACKEND
from .blocks import blocks, cost
from .kernels import Scalars
from .schedule import Schedule
from .threads import Job, run_all
from .window import open_window, opening, terms

Work = Sequence[tuple[Any, Hyperparameters]]


class Cohort:
    """Parameters of one dtype that share their hyperparameters and their number of steps.

    Parameters
    ----------
    places : list of int
        Places in the work of a step.
    thetas : list of array
        Their parameters.
    states : list of ParameterState
        Their states, equal in everything but the arrays.
    convention : Convention
        Reading of ASGD.
    compensated : bool
        Whether what rounding takes from theta is kept.
    """

    def __init__(
        self,
        places: list[int],
        thetas: list[NDArray[Any]],
        states: list[ParameterState],
        convention: Convention,
        compensated: bool,
    ) -> None:
        self.places, self.thetas, self.states = places, thetas, states
        self.convention, self.compensated = convention, compensated
        self.dtype = thetas[0].dtype
        self.schedule = Schedule()
        # What is not contiguous or not aligned is worked on in a contiguous copy.
        self.flats = [
            theta.reshape(-1) if theta.flags.carray else np.empty(theta.size, theta.dtype)
            for theta in thetas
        ]
        self.staged = [
            (flat.reshape(theta.shape), theta)
            for flat, theta in zip(self.flats, thetas, strict=True)
            if not theta.flags.carray
        ]
        self.blocks = blocks(self.flats)
        # Parameters that are worked on where they are: their gradients must be contiguous.
        self.alone = {block.members[0] for block in self.blocks if not block.gathered}
        if compensated:
            for state, flat in zip(states, self.flats, strict=True):
                if state.carry is None:
                    state.carry = np.zeros_like(flat)
            for block in self.blocks:
                block.set_carry(states)
        self.cost = 0
        self.eta = np.zeros((), self.dtype)
        self.hyper: Hyperparameters | None = None
        # What the states hold of their group since their last step.
        self.counted: tuple[Any, Any] = None, None
        self.scheduled: tuple[Any, ...] = ()
        self.t0 = 0.0
        self.scalars = Scalars.of(self.eta, 0.0, maximize=False)
        self._show_windows()

    def prepare(self, hyper: Hyperparameters) -> Scalars:
        """Open or close the windows for the next step, and say what its elements share."""
        for copy, theta in self.staged:
            copy[...] = theta
        state, rule = self.states[0], self.convention
        scheduled = state.scheduled or hyper
        if hyper is not self.hyper or scheduled is not self.scheduled:
            self._read(hyper, scheduled)
        t, t0, window = state.step + 1, self.t0, state.average
        weight = opening(terms(t, t0, rule), rule)
        if weight is None:
            if window is not None:
                self._close()
        elif window is None or window.t0 != t0:
            self._open(weight, t0)
        self.eta.fill(self.schedule.at(t - rule.eta_lag))
        return self.scalars

    def _read(self, hyper: Hyperparameters, scheduled: tuple[Any, ...]) -> None:
        """Take in hyperparameters: a step with the same ones spares itself this."""
        self.hyper, self.scheduled = hyper, scheduled
        lr, lambd, alpha, t0 = scheduled[:4]
        self.t0 = self.convention.read_t0(t0)
        self.schedule.set(lr, lambd, alpha, self.dtype == np.float32)
        decay = hyper.lambd + hyper.weight_decay
        self.scalars = Scalars.of(self.eta, decay, maximize=hyper.maximize)

    def finish(self, hyper: Hyperparameters) -> None:
        """Count the step."""
        for copy, theta in self.staged:
            theta[...] = copy
        scheduled = None
        if self.convention.hyperparameters == "stored":
            # The same object as long as nothing changes, so that `prepare` sees that nothing did.
            scheduled = self.states[0].scheduled
            if scheduled != hyper[:4]:
                scheduled = hyper[:4]
        for state in self.states:
            state.step += 1
        if hyper is not self.counted[0] or scheduled is not self.counted[1]:
            self.counted = hyper, scheduled
            for state in self.states:
                state.scheduled = scheduled
                state.t0 = hyper.t0

    def _open(self, weight: float, t0: float) -> None:
        with np.errstate(all="ignore"):
            for state, flat in zip(self.states, self.flats, strict=True):
                state.average = open_window(state.average, weight, t0, flat, state.carry)
        self._show_windows()

    def _close(self) -> None:
        for state in self.states:
            state.average = None
        self._show_windows()

    def _show_windows(self) -> None:
        windows = [state.average for state in self.states]
        averaged = windows[0] is not None
        self.cost = sum(
            cost(theta, averaged=averaged, compensated=self.compensated) for theta in self.thetas
        )
        for block in self.blocks:
            block.set_sum(windows if averaged else None)


class Plan:
    """The cohorts of a step.

    Parameters
    ----------
    work : sequence of (parameter, Hyperparameters)
        The step.
    state : dict
        State by parameter; those that have none get one.
    convention : Convention
        Reading of ASGD.
    compensated : bool
        Whether what rounding takes from theta is kept.
    """

    def __init__(
        self,
        work: Work,
        state: MutableMapping[Any, ParameterState],
        convention: Convention,
        compensated: bool,
    ) -> None:
        self.known = [(parameter, parameter.data, hyper) for parameter, hyper in work]
        thetas = [theta for _, theta, _ in self.known]
        states = [state.get(parameter) or ParameterState() for parameter, _ in work]
        for theta, mine in zip(thetas, states, strict=True):
            if mine.average is not None and mine.average.high.size != theta.size:
                raise ValueError(
                    f"theta must keep the size {mine.average.high.size} of its average, "
                    f"got the shape {theta.shape}"
                )
            carry = mine.carry
            if carry is not None and (carry.size, carry.dtype) != (theta.size, theta.dtype):
                raise ValueError(
                    f"theta must keep the size {carry.size} and dtype {carry.dtype} of its carry, "
                    f"got the shape {theta.shape} and {theta.dtype}"
                )
        members: dict[Any, list[int]] = {}
        for i, ((_, theta, hyper), mine) in enumerate(zip(self.known, states, strict=True)):
            window = None if mine.average is None else mine.average.t0
            key = (id(hyper), mine.step, mine.scheduled, window, theta.dtype)
            members.setdefault(key, []).append(i)
        self.cohorts = [
            Cohort(
                places,
                [thetas[i] for i in places],
                [states[i] for i in places],
                convention,
                compensated,
            )
            for places in members.values()
        ]
        state.update((parameter, mine) for (parameter, _), mine in zip(work, states, strict=True))

    def fits(self, work: Work) -> bool:
        """Whether this plan is one for ``work``."""
        if len(work) != len(self.known):
            return False
        changed = False
        for (parameter, hyper), (known, theta, old) in zip(work, self.known, strict=True):
            if parameter is not known or parameter.data is not theta:
                return False
            if hyper is not old:
                changed = True
        if not changed:
            return True
        self.known = [(parameter, parameter.data, hyper) for parameter, hyper in work]
        hypers = [hyper for _, hyper in work]
        return all(
            hypers[i] is hypers[cohort.places[0]] for cohort in self.cohorts for i in cohort.places
        )

    def step(self, work: Work) -> None:
        """Take the step."""
        jobs: list[Job] = []
        total = 0
        for cohort in self.cohorts:
            grads = [work[i][0].grad for i in cohort.places]
            for i in cohort.alone:
                grads[i] = _flat(grads[i], cohort.thetas[i])
            scalars = cohort.prepare(work[cohort.places[0]][1])
            jobs += [(block, grads, scalars) for block in cohort.blocks]
            total += cohort.cost
        BACKEND.count(total)
        run_all(jobs, total)
        for cohort in self.cohorts:
            cohort.finish(work[cohort.places[0]][1])


def _flat(grad: NDArray[Any], theta: NDArray[Any]) -> NDArray[Any]:
    """Gradient in one dimension; a copy if it is not contiguous, or shares memory with theta."""
    # Two arrays that own their memory share none.
    apart = grad.base is None and theta.base is None and grad is not theta
    flags = grad.flags
    if flags.c_contiguous and flags.aligned and (apart or not np.may_share_memory(grad, theta)):
        return grad if grad.ndim == 1 else grad.reshape(-1)
    return grad.flatten()
