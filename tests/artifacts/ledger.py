"""The ledger of ports, ``spec/ports.md``: what was verified, when, and what came out.

`python -m asgd.tests.artifacts ledger` verifies what is installed and renews its lines; the lines
of other ports stay.
"""

import datetime as dt
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, EQUATIONS, POLICIES

from ..oracle.end_to_end import Shown, trajectories
from ..ports.loading import load
from ..ports.protocol import DTYPES, Hello, Port, PortError, greet
from ..ports.scenario import drive
from ..verify.result import DtypeResult, Options
from ..verify.run import verify
from .vectors import cases, differs

_LINE = re.compile(r"^\| (?!port |---)(?P<name>[^|]+?) \|.*$", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """A port of the ledger.

    Attributes
    ----------
    name, path : str
        In the ledger, and to import.
    method : str
        "verify", or "vectors" where the port cannot be asked everything.
    version, package : str
        What to call its version, or the distribution that has it; else the port says it.
    """

    name: str
    path: str
    method: str = "verify"
    version: str = ""
    package: str = ""


ENTRIES = (
    Entry("asgd.fast", "asgd.fast:ASGD"),
    Entry("PyTorch, for-loop", "asgd.tests.ports.peers:torch_for_loop"),
    Entry("PyTorch, foreach", "asgd.tests.ports.peers:torch_foreach"),
    Entry(
        "PyTorch, torch.compile",
        "asgd.tests.ports.peers:torch_compiled",
        "vectors",
        package="torch",
    ),
    Entry(
        "PyTorch, SGD and AveragedModel",
        "asgd.tests.ports.peers:torch_averaged_model",
        package="torch",
    ),
    Entry("TensorPlay", "asgd.tests.ports.peers:Tensorplay"),
    Entry(
        "scikit-learn, SGDRegressor(average=n)", "asgd.tests.ports.peers:SklearnAverage", "vectors"
    ),
    Entry(
        "Lucid's engine", "asgd.tests.ports.peers:LucidEngine", version="2.16 to 3.15.5, rewritten"
    ),
    Entry(
        "PyTorch, foreach, 2.0",
        "asgd.tests.ports.peers:TorchForeach20",
        version="2.0.0 to 2.1.2, rewritten",
    ),
    Entry(
        "PyTorch, foreach, 2.2",
        "asgd.tests.ports.peers:TorchForeach22",
        version="2.2.0 to 2.3.1, rewritten",
    ),
)


def renew(path: Path, names: Sequence[str] = ()) -> Iterator[str]:
    """Verify the ports of the ledger, and put each line in its place as it comes.

    Yields
    ------
    str
        The line, or why there is none.
    """
    for entry in ENTRIES:
        if names and entry.name not in names:
            continue
        try:
            new = line(entry)
        except PortError as error:
            yield f"{entry.name}: left as it was: {error}"
            continue
        text = path.read_text(encoding="utf-8")
        found = [m for m in _LINE.finditer(text) if m["name"] == entry.name]
        if not found:
            raise ValueError(f"{path} must have a line for {entry.name}")
        text = text[: found[0].start()] + new + text[found[0].end() :]
        path.write_text(text, encoding="utf-8")
        yield new


def line(entry: Entry) -> str:
    """The line of a port: version, date, how it was verified, and what came out.

    Raises
    ------
    PortError
        If it is not installed, or breaks down.
    """
    port = load(entry.path)
    hello = greet(port)
    look = _verified if entry.method == "verify" else _by_vectors
    cells = look(port, hello)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    columns = [
        entry.name,
        entry.version or (version(entry.package) if entry.package else hello.version),
        today,
        entry.method,
        *(cells.get(dtype, "not there") for dtype in DTYPES),
    ]
    return f"| {' | '.join(columns)} |"


def _verified(port: Port, hello: Hello) -> dict[str, str]:
    result = verify(port, hello.name, Options())
    return {dtype.dtype: _cell(dtype) for dtype in result.dtypes}


def _cell(dtype: DtypeResult) -> str:
    """The convention that fits, and what deviates from it."""
    name = "no convention" if dtype.convention is None else dtype.convention.name
    found = [
        f"{d.title if d.id == 'unknown' else d.id} ({EQUATIONS[d.equation].id})"
        for d in dtype.deviations
    ]
    return f"{name}: {'; '.join(found)}" if found else name


def _by_vectors(port: Port, hello: Hello) -> dict[str, str]:
    """Frozen vectors that the port can be asked, and the conventions whose values it has."""
    cells = {}
    for dtype in hello.dtypes:
        traces = {}
        for slug, (_, scenario) in cases().items():
            try:
                traces[slug] = drive(port, scenario, dtype)
            except PortError:
                continue  # a life that its rule cannot be mapped to
        rows = [
            (
                sum(not differs(_known(name, dtype, s, p), t, dtype) for s, t in traces.items()),
                name,
                p,
            )
            for p in ("native", "float32-eta")
            for name in CONVENTIONS
        ]
        count, name, policy = max(rows, key=lambda row: row[0])
        loose = "" if policy == "native" else f" under the policy {policy}"
        cells[dtype] = f"{name}: {count} of {len(traces)} cases{loose}"
    return cells


@functools.lru_cache(maxsize=512)
def _known(name: str, dtype: str, slug: str, policy: str) -> list[list[Shown]]:
    arithmetic = Arithmetic(formats[dtype], POLICIES[policy])
    return list(trajectories(cases()[slug][1], CONVENTIONS[name], arithmetic))
