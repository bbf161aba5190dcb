"""A port: the one subject of every law, seen through a handful of operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float32", "float64")
READS = ("average", "eta", "mu")
SUPPORTS = ("groups", "skip", "set", "save", "maximize")


class PortError(Exception):
    """The port cannot be judged: it could not be loaded, crashed, or broke the protocol."""


class RefusalError(Exception):
    """The port refused a request, as it may; the text is its reason."""


class Port(Protocol):
    """Operations of a port, protocol version 1.

    Arrays are one-dimensional, of the dtype opened; groups are dicts of the hyperparameters, of
    ``maximize``, and of ``params``, a list of arrays. Any exception from `open` is a refusal, from
    another method a broken port.
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
    """What a port says of itself, checked."""

    name: str
    version: str
    dtypes: tuple[str, ...]
    reads: frozenset[str]
    supports: frozenset[str]


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
    try:
        answer = port.hello()
        dtypes = tuple(answer["dtypes"])
        hello = Hello(
            name=str(answer["name"]),
            version=str(answer["version"]),
            dtypes=tuple(d for d in DTYPES if d in dtypes),
            reads=frozenset(answer["reads"]) & set(READS),
            supports=frozenset(answer["supports"]) & _possible(port),
        )
    except PortError:
        raise
    except Exception as error:
        raise PortError(f"hello() failed: {describe(error)}") from error
    if not hello.dtypes:
        raise PortError(f"the port has none of the dtypes {', '.join(DTYPES)}, got {dtypes!r}")
    return hello


def _possible(port: Port) -> set[str]:
    """What a port can support at all: an operation that it lacks cannot be asked for."""
    needs = {"save": ("save", "load"), "set": ("set",)}
    return {
        name
        for name in SUPPORTS
        if all(callable(getattr(port, method, None)) for method in needs.get(name, ()))
    }


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
    try:
        # What overflows or becomes nan is the scenario's intent, and no warning of the port's.
        with np.errstate(all="ignore"):
            answer = port.step(arrays)
    except PortError:
        raise
    except Exception as error:
        raise PortError(f"step() failed: {describe(error)}") from error
    theta = _arrays(answer, "theta", dtype, sizes)
    if None in theta:
        raise PortError("step() gave no theta for a parameter")
    return Observation(
        theta=theta,  # type: ignore[arg-type] # checked above
        average=_arrays(answer, "average", dtype, sizes),
        eta=_scalars(answer, "eta", len(sizes)),
        mu=_scalars(answer, "mu", len(sizes)),
    )


def describe(error: BaseException) -> str:
    """``error`` in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")


def _arrays(
    answer: Mapping[str, Any], key: str, dtype: str, sizes: Sequence[int]
) -> tuple[tuple[float, ...] | None, ...]:
    entries = answer.get(key)
    if entries is None:
        return (None,) * len(sizes)
    if len(entries) != len(sizes):
        raise PortError(f"{key} must have {len(sizes)} entries, got {len(entries)}")
    out: list[tuple[float, ...] | None] = []
    for entry, size in zip(entries, sizes, strict=True):
        if entry is None:
            out.append(None)
            continue
        array = np.asarray(entry)
        if array.shape != (size,) or array.dtype != dtype:
            raise PortError(
                f"{key} must be {dtype} of shape ({size},), "
                f"got {array.dtype} of shape {array.shape}"
            )
        out.append(tuple(array.tolist()))
    return tuple(out)


def _scalars(answer: Mapping[str, Any], key: str, count: int) -> tuple[float | None, ...]:
    entries = answer.get(key)
    if entries is None:
        return (None,) * count
    if len(entries) != count:
        raise PortError(f"{key} must have {count} entries, got {len(entries)}")
    return tuple(None if e is None else float(e) for e in entries)
