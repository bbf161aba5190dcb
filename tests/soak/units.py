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
from ..ports.protocol import PortError, greet
from ..ports.wire import requests

SCHEMA = "asgd-soak/1"
_EXAMPLES = 100
"""Drawn scenarios of a unit."""
_SHAPES = ((1000, 8), (8, 10_000))
"""Steps and elements of a unit of E6 at scale."""

Result = dict[str, Any]


class SoakError(Exception):
    """The results cannot be used; the text says why."""


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
    port: str, *, seed: int, name: str, policy_name: str, dtypes: Sequence[str] = ()
) -> Plan:
    """Plan for a port; the convention is found, once, where it is not given.

    Raises
    ------
    PortError
        If the port cannot be loaded, or has none of the dtypes.
    """
    subject = load(port)
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


def run_unit(plan: Plan, unit: int) -> Result:
    """Result of one unit; nothing else depends on when, where or after what it is run.

    Raises
    ------
    PortError
        If the port breaks down.
    """
    kinds = [*LAWS, "scale"]
    kind = kinds[unit % len(kinds)]
    dtype = plan.dtypes[unit // len(kinds) % len(plan.dtypes)]
    subject = _subject(plan, dtype)
    digest = hashlib.sha256(f"{plan.seed} {unit}".encode()).digest()
    seed = int.from_bytes(digest[:8], "big")
    if kind == "scale":
        outcome = endure(subject, seed=seed, shapes=_SHAPES)
    else:
        outcome = hold(LAWS[kind], subject, examples=_EXAMPLES, seed=seed)
    return _result(unit, kind, dtype, outcome)


@lru_cache(maxsize=8)
def _subject(plan: Plan, dtype: str) -> Subject:
    port = load(plan.port)
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
    low, high = judgement.exact.bounds()
    return {
        "quantity": judgement.quantity,
        "call": judgement.call,
        "parameter": judgement.parameter,
        "element": judgement.element,
        "expected": {"lo": str(low), "hi": str(high)},
        "got": judgement.got.hex(),
        "error_bounds": judgement.error_bounds,
        "requests": requests(failure.scenario, dtype),
    }


class Results:
    """A results file: a header, and one line for each unit, written as soon as it is done."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        self.done: dict[int, Result] = {}
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self.path.exists():
            header, self.done, size = read(self.path)
            if header is not None and header != json.loads(json.dumps(self.plan.header())):
                raise SoakError(f"{self.path} holds results of something else: {header}")
            # What an interruption cut short is written anew.
            os.truncate(self.path, size)
            fresh = header is None
        else:
            fresh = True
        self._stream = self.path.open("ab")
        if fresh:
            self._line(self.plan.header())
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
        self._stream.write(json.dumps(content).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())


def read(path: Path) -> tuple[Result | None, dict[int, Result], int]:
    """Header, results by unit, and the length in bytes of all whole lines.

    Raises
    ------
    SoakError
        If it is no results file.
    """
    data = path.read_bytes()
    size = data.rfind(b"\n") + 1
    try:
        lines = [json.loads(line) for line in data[:size].splitlines()]
        header = lines[0] if lines else None
        results = {line["unit"]: line for line in lines[1:]}
    except (ValueError, KeyError, TypeError) as error:
        raise SoakError(f"{path} is no results file: {error}") from error
    if header is not None and (not isinstance(header, dict) or header.get("schema") != SCHEMA):
        raise SoakError(f"{path} is no results file of the schema {SCHEMA}")
    return header, results, size


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
            raise SoakError(f"{path} belongs to another soak: {header}, not {common}")
        for unit, result in results.items():
            if merged.setdefault(unit, result) != result:
                raise SoakError(f"{path} contradicts another file about unit {unit}")
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
