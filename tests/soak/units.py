"""Random verification without end, in units that are independent, numbered and deterministic.

Unit k holds the port to one law, or to E6 at scale, in one dtype, with scenarios drawn from (seed,
k). So a shard is a set of numbers, the results of shards are merged by putting the numbers
together, and any machinery that can call `run_unit` may run them.
"""

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Self

from asgd.spec import convention, policy

from ..diagnosis.convention import find_identity
from ..laws.equations import LAWS
from ..laws.hold import hold
from ..laws.outcome import Failure, Outcome, Subject
from ..laws.scale import endure
from ..ports.loading import load
from ..ports.process import Limits
from ..ports.protocol import PortError, greet
from ..ports.text import printable
from ..ports.wire import requests
from .rows import KINDS, SCHEMA, Result, SoakError, is_cut_short, read

_EXAMPLES = 100
"""Drawn scenarios of a unit."""
_SHAPES = ((1000, 8), (8, 10_000))
"""Steps and elements of a unit of E6 at scale."""


@dataclass(frozen=True)
class Plan:
    """What a soak verifies: everything that its results depend on.

    Attributes
    ----------
    port : str
        Import path.
    seed : int
        Seed of all units.
    convention, policy : str
        What is judged against; the convention is a name, never "auto".
    dtypes : tuple of str
        Dtypes that take turns.
    """

    port: str
    seed: int
    convention: str
    policy: str
    dtypes: tuple[str, ...]

    def header(self) -> Result:
        """First line of a results file."""
        return {"schema": SCHEMA, "version": version("asgd"), **asdict(self)}


def make_plan(
    port: str,
    *,
    seed: int,
    name: str,
    policy_name: str,
    dtypes: Sequence[str] = (),
    limits: Limits | None = None,
) -> Plan:
    """Plan for a port; the convention is found, once, where it is not given.

    Raises
    ------
    PortError
        If the port cannot be loaded, or has none of the dtypes.
    """
    subject = load(port, limits=limits)
    hello = greet(subject)
    missing = [dtype for dtype in dtypes if dtype not in hello.dtypes]
    if missing:
        raise PortError(f"the port has no {missing[0]}, only {', '.join(hello.dtypes)}")
    chosen = tuple(dtypes) or hello.dtypes
    identity = find_identity(subject, hello, chosen[-1], name, policy(policy_name))
    return Plan(port, seed, identity.convention.name, policy_name, chosen)


def shard(index: int, count: int) -> Iterator[int]:
    """Units of shard ``index`` of ``count``, the first being 1.

    Examples
    --------
    >>> list(itertools.islice(shard(2, 3), 3))
    [1, 4, 7]
    """
    if not 1 <= index <= count:
        raise SoakError(f"the shard must be i/n with 1 <= i <= n, got {index}/{count}")
    return itertools.count(index - 1, count)


def run_unit(plan: Plan, unit: int, limits: Limits | None = None) -> Result:
    """Result of one unit; nothing else depends on when, where or after what it is run.

    Raises
    ------
    PortError
        If the port breaks down.
    """
    kind = KINDS[unit % len(KINDS)]
    dtype = plan.dtypes[unit // len(KINDS) % len(plan.dtypes)]
    subject = _subject(plan, dtype, limits)
    digest = hashlib.sha256(f"{plan.seed} {unit}".encode()).digest()
    seed = int.from_bytes(digest[:8], "big")
    if kind == "scale":
        outcome = endure(subject, seed=seed, shapes=_SHAPES)
    else:
        outcome = hold(LAWS[kind], subject, examples=_EXAMPLES, seed=seed)
    return _result(unit, kind, dtype, outcome)


@lru_cache(maxsize=8)
def _subject(plan: Plan, dtype: str, limits: Limits | None) -> Subject:
    port = load(plan.port, limits=limits)
    return Subject(port, greet(port), dtype, convention(plan.convention), policy(plan.policy))


def _result(unit: int, kind: str, dtype: str, outcome: Outcome) -> Result:
    return {
        "unit": unit,
        "kind": kind,
        "dtype": dtype,
        "scenarios": outcome.scenarios,
        "judged": outcome.judged,
        "undecided": outcome.undecided,
        "largest": float(outcome.largest).hex(),
        "not_observable": list(outcome.not_observable),
        "failure": outcome.failure and _failure(outcome.failure, dtype),
    }


def _failure(failure: Failure, dtype: str) -> Result:
    """Where a law broke, and the requests that show it."""
    judgement = failure.judgement
    ends = judgement.exact.bounds() if judgement.wanted is None else (judgement.wanted,) * 2
    return {
        "quantity": judgement.quantity,
        "call": judgement.call,
        "parameter": judgement.parameter,
        "element": judgement.element,
        "expected": {"lo": str(ends[0]), "hi": str(ends[1])},
        "got": judgement.got.hex(),
        "error_bounds": float(judgement.error_bounds).hex(),
        "requests": requests(failure.scenario, dtype),
    }


class Results:
    """A results file: a header, and one line for each unit, written as soon as it is done."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self.done: dict[int, Result] = {}
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> Self:
        ours = self.plan.header()
        fresh = True
        try:
            if self.path.exists():
                header, self.done, size = read(self.path)
                if header is None and not is_cut_short(self.path, ours):
                    raise SoakError(
                        f"{printable(self.path)} is not a soak results file; it was left unchanged"
                    )
                if header is not None and header != json.loads(json.dumps(ours)):
                    raise SoakError(
                        f"{printable(self.path)} holds results of something else: "
                        f"{printable(json.dumps(header))}"
                    )
                # What an interruption cut short is written anew.
                os.truncate(self.path, size)
                fresh = header is None
            self._stream = self.path.open("ab")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            text = f"cannot write {printable(self.path)}: {reason}"
            raise SoakError(text) from error
        if fresh:
            self._line(ours)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def add(self, result: Result) -> None:
        """Keep the result of a unit: it is on the disk when this returns."""
        self.done[result["unit"]] = result
        self._line(result)

    def _line(self, content: Mapping[str, Any]) -> None:
        assert self._stream is not None, "the results are open"
        try:
            self._stream.write(json.dumps(content, allow_nan=False).encode() + b"\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            text = f"cannot write {printable(self.path)}: {error.strerror}"
            raise SoakError(text) from error


def merge(paths: Iterable[Path]) -> tuple[Result, list[Result]]:
    """Header and results of several files, in the order of the units.

    Raises
    ------
    SoakError
        If the files are of different plans, or contradict each other.
    """
    common: Result | None = None
    merged: dict[int, Result] = {}
    for path in paths:
        header, results, _ = read(path)
        if header is None:
            continue
        common = common or header
        if header != common:
            text = f"{printable(json.dumps(header))}, not {printable(json.dumps(common))}"
            raise SoakError(f"{printable(path)} belongs to another soak: {text}")
        for unit, result in results.items():
            if merged.setdefault(unit, result) != result:
                text = f"{printable(path)} contradicts another file about unit {unit}"
                raise SoakError(text)
    if common is None:
        raise SoakError("there are no results")
    return common, [merged[unit] for unit in sorted(merged)]


@dataclass(frozen=True)
class Summary:
    """What results amount to."""

    units: int
    scenarios: int
    judged: int
    undecided: int
    largest: float
    failures: tuple[Result, ...]

    @property
    def verdict(self) -> str:
        """Verdict: "conforms", "deviates" or, where something is undecided, "error"."""
        if self.failures:
            return "deviates"
        return "error" if self.undecided or not self.judged else "conforms"


def summary(results: Iterable[Result]) -> Summary:
    """Sum of the results."""
    rows = sorted(results, key=lambda result: int(result["unit"]))
    return Summary(
        units=len(rows),
        scenarios=sum(row["scenarios"] for row in rows),
        judged=sum(row["judged"] for row in rows),
        undecided=sum(row["undecided"] for row in rows),
        largest=max((float.fromhex(row["largest"]) for row in rows), default=0.0),
        failures=tuple(row for row in rows if row["failure"]),
    )
