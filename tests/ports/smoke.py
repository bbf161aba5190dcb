"""What `asgd doctor` finds of a port, one operation at a time.

The walk asks for numbers that anybody can check in the head (lr = 0.5, no decay), so that a port
that is only beginning to speak learns what is wrong with each answer. It gives no verdict.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from .capabilities import capabilities
from .process import LimitError
from .protocol import DTYPES, Hello, Port, PortError, RefusalError, describe, greet

_EASY = {"lr": 0.5, "lambd": 0.0, "alpha": 0.0, "t0": 1e6, "weight_decay": 0.0, "maximize": False}


@dataclass(frozen=True)
class Check:
    """One thing looked at: what it is, how it is, and what that means."""

    status: Literal["ok", "wrong", "absent"]
    title: str
    text: str = ""


class WrongError(Exception):
    """An answer is well formed, and wrong; the text says what is expected."""


# The walk.


def check_operations(port: Port) -> Iterator[Check]:
    """Put ``port`` through every operation, one at a time."""
    try:
        hello = greet(port)
    except PortError as error:
        yield Check("wrong", "hello", str(error))
        return
    shows = ", ".join(sorted(hello.reads)) or "nothing but theta"
    yield Check(
        "ok", "hello", f"{hello.name} {hello.version}: {', '.join(hello.dtypes)}; shows {shows}"
    )
    for dtype in DTYPES:
        if dtype not in hello.dtypes:
            yield Check("absent", dtype, hello.lacks.get(dtype, "hello does not list it"))
            continue
        for stage in _STAGES:
            if stage.needs and stage.needs not in hello.reads | hello.supports:
                yield Check("absent", f"{dtype} {stage.title}", "hello does not list it")
                continue
            try:
                found = _look(stage, port, dtype, hello)
            except LimitError as error:
                yield Check("wrong", f"{dtype} {stage.title}", str(error))
                return
            if (
                found.status == "wrong"
                and stage.run is _refuse
                and not capabilities(port).must_refuse
            ):
                found = replace(found, status="absent")
            yield found
    try:
        port.close()
        yield Check("ok", "close")
    except PortError as error:
        yield Check("wrong", "close", str(error))


@dataclass(frozen=True)
class _Stage:
    title: str
    needs: str
    run: Callable[["_Session"], None]


def _look(stage: _Stage, port: Port, dtype: str, hello: Hello) -> Check:
    title = f"{dtype} {stage.title}"
    try:
        stage.run(_Session(port, dtype, hello))
    except RefusalError as error:
        return Check("wrong", title, f"refused valid input: {error}")
    except LimitError:
        raise
    except (PortError, WrongError) as error:
        return Check("wrong", title, str(error))
    except Exception as error:  # noqa: BLE001 - whatever a foreign port raises
        return Check("wrong", title, describe(error))
    return Check("ok", title)


class _Session:
    """An optimizer of the port in one dtype, and the sums to check it by."""

    def __init__(self, port: Port, dtype: str, hello: Hello) -> None:
        self.port, self.dtype, self.hello = port, dtype, hello

    def open(self, *groups: Mapping[str, Any]) -> None:
        """Open groups: each the easy hyperparameters, changed, and ``params``."""
        self.port.open(
            self.dtype,
            [
                {**_EASY, **g, "params": [np.array(p, self.dtype) for p in g["params"]]}
                for g in groups
            ],
        )

    def step(self, *grads: list[float] | None) -> Mapping[str, Any]:
        """Take one step."""
        return self.port.step([None if g is None else np.array(g, self.dtype) for g in grads])

    def expect(self, seen: Mapping[str, Any], theta: list[list[float]], why: str) -> None:
        """Theta must be exactly this."""
        got = [np.asarray(x).tolist() for x in seen["theta"]]
        if got != theta:
            raise WrongError(f"theta must be {theta}, for {why}; got {got}")


def _step(session: _Session) -> None:
    session.open({"params": [[1.0, -2.0]]})
    seen = session.step([1.0, 0.0])
    session.expect(seen, [[0.5, -2.0]], "theta - lr grad is 1 - 0.5 * 1, and -2 - 0.5 * 0")
    seen = session.step([1.0, 2.0])
    session.expect(seen, [[0.0, -3.0]], "the second step goes on from the first one's theta")


def _open_again(session: _Session) -> None:
    session.open({"params": [[1.0], []]})
    session.step([1.0], [])
    session.open({"params": [[4.0]]})
    seen = session.step([2.0])
    session.expect(seen, [[3.0]], "open makes a new optimizer: 4 - 0.5 * 2")


def _decay(session: _Session) -> None:
    session.open({"params": [[2.0]], "lambd": 0.25, "weight_decay": 0.5})
    seen = session.step([1.0])
    why = "theta - lr (grad + weight_decay theta + lambd theta) is 2 - 0.5 (1 + 1 + 0.5)"
    session.expect(seen, [[0.75]], why)


def _eta(session: _Session) -> None:
    session.open({"params": [[1.0]]})
    session.step([1.0])
    eta = session.step([1.0])["eta"][0]
    if eta != 0.5:
        raise WrongError(f"eta must be the step size that this step used, lr = 0.5, got {eta!r}")


def _mu(session: _Session) -> None:
    session.open({"params": [[1.0]], "t0": 0.0})
    for _ in range(4):
        mu = session.step([1.0])["mu"][0]
    if mu is None or not 0 < mu < 1:
        raise WrongError(f"mu at step 4 with t0 = 0 must be between 0 and 1, about 1/4, got {mu!r}")


def _average(session: _Session) -> None:
    session.open({"params": [[1.0]]})
    seen = session.step([1.0])
    average = np.asarray(seen["average"][0]).tolist()
    if average != [0.5]:
        raise WrongError(f"before averaging begins the average is theta, [0.5], got {average}")
    session.open({"params": [[1.0]], "t0": 0.0})
    for _ in range(4):
        seen = session.step([1.0])
    average = np.asarray(seen["average"][0]).tolist()
    if not -1.0 < average[0] < 1.0:
        raise WrongError(
            "theta went from 1 to -1 in steps of 0.5; with t0 = 0 the average must lie between, "
            f"got {average}"
        )


def _special(session: _Session) -> None:
    session.open({"params": [[1.0, 1.0, 1.0]]})
    theta = np.asarray(session.step([math.inf, math.nan, 1.0])["theta"][0]).tolist()
    if theta[0] != -math.inf or not math.isnan(theta[1]) or theta[2] != 0.5:
        raise WrongError(
            "gradients of inf, nan and 1 must make theta [-inf, nan, 0.5], each in its own "
            f"element, got {theta}"
        )


def _empty(session: _Session) -> None:
    session.open({"params": [[], [1.0]]})
    session.expect(session.step([], [1.0]), [[], [0.5]], "a parameter may have no elements")


def _groups(session: _Session) -> None:
    session.open({"params": [[1.0]]}, {"params": [[1.0], [2.0]], "lr": 0.25})
    seen = session.step([1.0], [1.0], [4.0])
    session.expect(seen, [[0.5], [0.75], [1.0]], "lr is 0.5 in group 0, and 0.25 in group 1")


def _add_group(session: _Session) -> None:
    session.open({"params": [[1.0]]})
    session.step([1.0])
    joining: Any = session.port
    group = {**_EASY, "lr": 0.25, "params": [np.array([2.0], session.dtype)]}
    joining.add_group(group)
    session.expect(session.step([1.0], [4.0]), [[0.0], [1.0]], "lr is 0.25 in the added group")


def _skip(session: _Session) -> None:
    session.open({"params": [[1.0], [2.0]]})
    seen = session.step(None, [2.0])
    session.expect(seen, [[1.0], [1.0]], "parameter 0 has no gradient, and is left alone")


def _set(session: _Session) -> None:
    session.open({"params": [[1.0]]})
    session.step([0.0])
    session.port.set(0, lr=0.25)
    session.step([0.0])
    why = "lr was set to 0.25 two steps before: 1 - 0.25 * 1"
    session.expect(session.step([1.0]), [[0.75]], why)


def _maximize(session: _Session) -> None:
    session.open({"params": [[1.0]], "maximize": True})
    session.expect(session.step([1.0]), [[1.5]], "under maximize theta is 1 + 0.5 * 1")


def _save(session: _Session) -> None:
    start = {"params": [[1.0]], "lambd": 0.25, "alpha": 0.75, "t0": 1.0}
    session.open(start)
    for _ in range(3):
        seen = session.step([1.0])
    state = session.port.save()
    whole = session.step([1.0])
    session.open({**start, "params": [np.asarray(seen["theta"][0]).tolist()]})
    session.port.load(state)
    resumed = session.step([1.0])
    for key in ("theta", "average", "eta", "mu"):
        if key != "theta" and key not in session.hello.reads:
            continue
        old, new = (np.asarray(run[key][0]).tolist() for run in (whole, resumed))
        if old != new:
            raise WrongError(
                f"after open and load the run must go on exactly as without them: {key} is {new}, "
                f"where it was {old}"
            )


def _refuse(session: _Session) -> None:
    for name in ("lr", "lambd", "alpha", "t0", "weight_decay"):
        for value in (-1.0, math.nan, math.inf):
            if name == "t0" and value == math.inf:
                continue
            try:
                session.open({"params": [[1.0]], name: value})
            except PortError:
                raise
            except Exception:  # noqa: BLE001, S112 - any exception is a refusal
                continue
            domain = "[0, inf]" if name == "t0" else "[0, inf)"
            raise WrongError(f"open must refuse {name} = {value}: its domain is {domain}")


_STAGES = (
    _Stage("open and step", "", _step),
    _Stage("open again", "", _open_again),
    _Stage("decay", "", _decay),
    _Stage("eta", "eta", _eta),
    _Stage("mu", "mu", _mu),
    _Stage("average", "average", _average),
    _Stage("inf and nan", "", _special),
    _Stage("a parameter without elements", "", _empty),
    _Stage("groups", "groups", _groups),
    _Stage("add_group", "add_group", _add_group),
    _Stage("skip", "skip", _skip),
    _Stage("set", "set", _set),
    _Stage("maximize", "maximize", _maximize),
    _Stage("save and load", "save", _save),
    _Stage("refusal of bad hyperparameters", "", _refuse),
)
