"""A port: the one subject of every law, seen through a handful of operations."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from traceback import walk_tb
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .layouts import LAYOUTS
from .text import printable

_JUDGE = Path(__file__).parents[1]
_LIBRARIES = {"lib", "site-packages"}

DTYPES = ("float32", "float64")
READS = ("average", "eta", "mu")
SUPPORTS = ("groups", "skip", "set", "save", "maximize", "add_group")


class PortError(Exception):
    """The port cannot be judged: it could not be loaded, crashed, or broke the protocol."""


class RaisedError(PortError):
    """The port raised an exception, or refused, where it should have answered.

    Attributes
    ----------
    call : int
        Step calls since the events began that it was asked in, this one included.
    """

    call: int = 0


class RefusalError(Exception):
    """The port refused a request, as it may; the text is its reason."""


class Port(Protocol):
    """Operations of a port, protocol version 1.

    Arrays are one-dimensional, of the dtype opened; groups are dicts of the hyperparameters, of
    ``maximize``, and of ``params``, a list of arrays. Any exception from `open` is a refusal, from
    another method a broken port. A port with the method ``add_group(group)`` may take another group
    later, whose parameters come behind all others.
    """

    def hello(self) -> Mapping[str, Any]:
        """Name, version, dtypes, reads and supports."""

    def open(self, dtype: str, groups: Sequence[Mapping[str, Any]]) -> None:
        """Make a new optimizer; an earlier one is discarded."""

    def step(self, grads: Sequence[NDArray[Any] | None]) -> Mapping[str, Any]:
        """Take one step; theta, average, eta and mu, each a list over the parameters."""

    def set(self, group: int, **hyper: float) -> None:
        """Change hyperparameters of a group, from the next step on."""

    def save(self) -> Any:
        """State of the optimizer."""

    def load(self, state: Any) -> None:
        """Continue from a saved state, after an `open` of the same shapes."""

    def close(self) -> None:
        """Discard the optimizer."""


@dataclass(frozen=True)
class Hello:
    """What a port says of itself, checked; ``lacks``: why it does not support something."""

    name: str
    version: str
    dtypes: tuple[str, ...]
    reads: frozenset[str]
    supports: frozenset[str]
    lacks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """What is seen of a port after a step, one entry per parameter; None: not to be seen."""

    theta: tuple[tuple[float, ...], ...]
    average: tuple[tuple[float, ...] | None, ...]
    eta: tuple[float | None, ...]
    mu: tuple[float | None, ...]


def greet(port: Port) -> Hello:
    """Ask ``port`` what it is, and check the answer.

    Raises
    ------
    PortError
        If the answer is not one.
    """
    with asking("hello"):
        answer = port.hello()
    with reading("hello"):
        _check_hello(answer)
        dtypes = tuple(answer["dtypes"])
        hello = Hello(
            name=printable(answer["name"], 100),
            version=printable(answer["version"], 100),
            dtypes=tuple(d for d in DTYPES if d in dtypes),
            reads=frozenset(answer["reads"]) & set(READS),
            supports=frozenset(answer["supports"]) & _possible(port),
            lacks={
                name: printable(why, 200)
                for name, why in {**_methodless(port, answer), **answer.get("lacks", {})}.items()
                if name in (*SUPPORTS, *DTYPES)
            },
        )
        if not hello.dtypes:
            got = printable(repr(dtypes), 100)
            raise PortError(f"the port has none of the dtypes {', '.join(DTYPES)}, got {got}")
    return hello


def _check_hello(answer: Any) -> None:
    """Say which part of an answer is missing, or is no list."""
    parts = ("name", "version", "dtypes", "reads", "supports")
    if not isinstance(answer, Mapping):
        kind = printable(type(answer).__name__, 40)
        raise PortError(f"hello() must return a dict with {', '.join(parts)}, got {kind}")
    if lacking := [part for part in parts if part not in answer]:
        raise PortError(f"hello() lacks {', '.join(lacking)}")
    for part in parts[2:]:
        if isinstance(answer[part], str):
            got = printable(answer[part], 40)
            raise PortError(f"{part} of hello() must be a list, got {got!r}")


_NEEDS = {"save": ("save", "load"), "set": ("set",), "add_group": ("add_group",)}


def _possible(port: Port) -> set[str]:
    """What a port can support at all: an operation that it lacks cannot be asked for."""
    arranges = getattr(getattr(port, "capabilities", None), "arranges", False)
    able = {name for name in SUPPORTS if not _missing(port, name)}
    return able | set(LAYOUTS if arranges is True else ())


def _missing(port: Port, name: str) -> list[str]:
    return [m for m in _NEEDS.get(name, ()) if not callable(getattr(port, m, None))]


def _methodless(port: Port, answer: Mapping[str, Any]) -> dict[str, str]:
    """What hello lists and no method does."""
    listed = [name for name in _NEEDS if name in answer["supports"]]
    return {
        name: f"hello() lists {name}, but there is no method {'() or '.join(missing)}()"
        for name in listed
        if (missing := _missing(port, name))
    }


@dataclass(frozen=True)
class Shown:
    """What a step shows, checked, as arrays; None: not to be seen."""

    theta: list[NDArray[Any]]
    average: list[NDArray[Any] | None]
    eta: list[float | None]
    mu: list[float | None]

    def observation(self) -> Observation:
        """The same as tuples of numbers."""
        return Observation(
            theta=tuple(tuple(a.tolist()) for a in self.theta),
            average=tuple(None if a is None else tuple(a.tolist()) for a in self.average),
            eta=tuple(self.eta),
            mu=tuple(self.mu),
        )


def observe(
    port: Port, dtype: str, grads: Sequence[Sequence[float] | None], sizes: Sequence[int]
) -> Observation:
    """Take one step of ``port`` and check the shape and dtype of what it shows.

    Raises
    ------
    PortError
        If the port fails, or answers something else than the protocol says.
    """
    arrays = [None if g is None else np.array(g, dtype) for g in grads]
    return take_step(port, arrays, dtype, sizes).observation()


def take_step(
    port: Port, grads: Sequence[NDArray[Any] | None], dtype: str, sizes: Sequence[int]
) -> Shown:
    """Take one step with arrays of ``dtype`` (see `observe`)."""
    with asking("step"):
        answer: Any = port.step(grads)
    with reading("step"):
        if not isinstance(answer, Mapping):
            kind = printable(type(answer).__name__, 40)
            raise PortError(f'step() must return a dict with "theta", a list of arrays, got {kind}')
        if answer.get("theta") is None:
            keys = printable(", ".join(map(str, answer)) or "none", 100)
            raise PortError(f'step() returned no "theta"; its keys: {keys}')
        theta = _arrays(answer, "theta", dtype, sizes)
        if any(entry is None for entry in theta):
            raise PortError("step() gave no theta for a parameter")
        return Shown(
            theta=[entry for entry in theta if entry is not None],
            average=_arrays(answer, "average", dtype, sizes),
            eta=_scalars(answer, "eta", len(sizes)),
            mu=_scalars(answer, "mu", len(sizes)),
        )


@contextmanager
def asking(operation: str) -> Iterator[None]:
    """Tell what a port does instead of answering: an exception, or an exit.

    What it changes of NumPy's handling of floating-point errors ends here.
    """
    try:
        # What overflows or becomes nan is the scenario's intent, and no warning of the port's.
        with np.errstate(all="ignore"):
            yield
    except PortError:
        raise
    except RefusalError as error:
        if operation == "open":
            raise
        raise RaisedError(f"{operation}() was refused: {describe(error)}") from error
    except SystemExit as error:
        raise PortError(f"{operation}() ended the program: {describe(error)}") from error
    except Exception as error:
        raise RaisedError(f"{operation}() failed: {located(error)}") from error


@contextmanager
def reading(operation: str) -> Iterator[None]:
    """Tell that an answer is not what the protocol says, however it fails to be read."""
    try:
        yield
    except PortError:
        raise
    except Exception as error:
        raise PortError(f"{operation}() answered nonsense: {describe(error)}") from error


def located(error: BaseException) -> str:
    """``error`` in one line, and where it was raised: the innermost line of the port's own code."""
    return f"{describe(error)}{_line(error)}"


def _line(error: BaseException) -> str:
    # No source is read: a name of a file is what the port says it is.
    places = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    places = [(name, line) for name, line in places if not Path(name).is_relative_to(_JUDGE)]
    own = [place for place in places if not _LIBRARIES & {*Path(place[0]).parts}]
    if not places:
        return ""
    name, line = (own or places)[-1]
    return f" ({printable(Path(name).name, 80)}, line {line})"


def describe(error: BaseException) -> str:
    """``error`` in one line, printable."""
    name = "" if isinstance(error, RefusalError) else type(error).__name__
    try:
        text = printable(str(error))
    except (Exception, SystemExit):  # noqa: BLE001 - a foreign one may do so when it is shown
        text = ""
    return f"{printable(name, 80)}: {text}".strip(": ")


def _arrays(
    answer: Mapping[str, Any], key: str, dtype: str, sizes: Sequence[int]
) -> list[NDArray[Any] | None]:
    entries = answer.get(key)
    if entries is None:
        return [None] * len(sizes)
    if len(entries) != len(sizes):
        raise PortError(f"{key} must have {len(sizes)} entries, got {len(entries)}")
    out: list[NDArray[Any] | None] = []
    for entry, size in zip(entries, sizes, strict=True):
        if entry is None:
            out.append(None)
            continue
        array = np.asarray(entry)
        if array.shape != (size,) or array.dtype != dtype:
            text = f"got {array.dtype} of shape {array.shape}"
            if not isinstance(entry, np.ndarray):
                kind = printable(type(entry).__name__, 40)
                text = f"got {kind}; return np.asarray(x, np.{dtype})"
            raise PortError(f"{key} must be an array of {dtype} of shape ({size},), {text}")
        out.append(array)
    return out


def _scalars(answer: Mapping[str, Any], key: str, count: int) -> list[float | None]:
    entries = answer.get(key)
    if entries is None:
        return [None] * count
    if len(entries) != count:
        raise PortError(f"{key} must have {count} entries, got {len(entries)}")
    return [None if e is None else float(e) for e in entries]
