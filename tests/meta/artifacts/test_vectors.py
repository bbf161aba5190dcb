"""The frozen vectors: up to date, small, of the schema, and passed by all right ports."""

import functools
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from asgd.fast import ASGD
from asgd.reference import formats
from asgd.reference.tolerance import Arithmetic
from asgd.spec import CONVENTIONS, FAULTS, POLICIES
from asgd.tests.artifacts import vectors
from asgd.tests.oracle.end_to_end import trajectories
from asgd.tests.ports import examples
from asgd.tests.ports.adapters import NumpyPort
from asgd.tests.ports.protocol import PortError
from asgd.tests.ports.scenario import drive

SPEC = Path(str(resources.files("asgd.spec")))
FOLDER = SPEC / "vectors"
# Ids are for ever: a slug may be added here, never removed.
SLUGS = [
    "update",
    "penalty",
    "ascent",
    "ascent-penalty",
    "decay",
    "step-size",
    "step-size-square",
    "window-0",
    "window-1",
    "window-3",
    "window-between",
    "window-never",
    "everything",
    "defaults",
    "skip",
    "groups",
    "changed-lr",
    "changed-decay",
    "changed-t0",
    "nine",
    "wide",
]


def command(name):
    """Command of an example; the test is skipped, aloud, where its toolchain is missing."""
    try:
        return examples.command(name)
    except PortError as error:
        pytest.skip(str(error))


def documents():
    return {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}


@pytest.mark.slow
def test_vectors_are_up_to_date():
    """The files are what the certified trajectories say."""
    assert not vectors.stale(FOLDER), f"renew them: {vectors.COMMAND}"


def test_vectors_are_small():
    """All files together stay below a megabyte."""
    assert sum(path.stat().st_size for path in FOLDER.glob("*.json")) < 1_000_000


@pytest.mark.slow
def test_vectors_follow_the_schema():
    """Every file is valid, and holds every slug in both dtypes."""
    schema = json.loads((SPEC / "vectors.schema.json").read_text())
    assert set(documents()) == set(CONVENTIONS)
    for name, document in documents().items():
        jsonschema.Draft202012Validator(schema).validate(document)
        ids = [case["id"] for case in document["cases"]]
        slugs = [s for s in SLUGS if (name, s) != ("literal", vectors.UNSAID)]
        assert sorted(ids) == sorted(f"{name}/{dtype}/{s}" for dtype in formats for s in slugs)
        assert {ident for case in document["cases"] for ident in case["exposes"]} <= set(FAULTS)


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", CONVENTIONS)
def test_fast_passes(name):
    """The default port is within every bound of every convention."""
    rule = CONVENTIONS[name]
    port = NumpyPort(functools.partial(ASGD, convention=name), "fast", "1")
    for dtype in formats:
        arithmetic = Arithmetic(formats[dtype], POLICIES["native"])
        for slug, (_, scenario) in vectors.cases().items():
            if (name, slug) == ("literal", vectors.UNSAID):
                continue
            known = list(trajectories(scenario, rule, arithmetic))
            trace = drive(port, scenario, dtype)
            assert not vectors.differs(known, trace, dtype), f"{dtype} {slug}"


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", CONVENTIONS)
def test_conventions_are_told_apart(name):
    """A port of another convention fails cases, in both dtypes."""
    rule = CONVENTIONS[name]
    for other in set(CONVENTIONS) - {name}:
        port = NumpyPort(functools.partial(ASGD, convention=other), "fast", "1")
        for dtype in formats:
            arithmetic = Arithmetic(formats[dtype], POLICIES["native"])
            assert any(
                vectors.differs(
                    list(trajectories(scenario, rule, arithmetic)),
                    drive(port, scenario, dtype),
                    dtype,
                )
                for _, scenario in vectors.cases().values()
            ), f"{other} passes {name} in {dtype}"


@pytest.mark.parametrize("name", ["asgd.c", "asgd.mjs"])
def test_examples_read_the_vectors(name):
    """The examples pass their own convention's file, and say which cases of another they fail."""
    for convention, code in (("documented", 0), ("torch", 1)):
        run = subprocess.run(
            [*command(name), FOLDER / f"{convention}.json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == code, run.stdout
        assert "of 42 cases passed" in run.stdout


@pytest.mark.nightly
def test_stale_vectors_are_named(tmp_path):
    """What is missing, changed or too much is found."""
    vectors.write(tmp_path)
    assert not vectors.stale(tmp_path)
    (tmp_path / "torch.json").write_text("{}")
    (tmp_path / "bottou.json").unlink()
    (tmp_path / "mine.json").write_text("{}")
    assert vectors.stale(tmp_path) == ["bottou.json", "mine.json", "torch.json"]


@pytest.mark.nightly
def test_command(tmp_path):
    """The maintainer's command says whether the files are stale."""
    command = [sys.executable, "-m", "asgd.tests.artifacts", "vectors", "--check", "--folder"]
    folder = str(resources.files("asgd.spec").joinpath("vectors"))
    assert subprocess.run([*command, folder], check=False).returncode == 0
    stale = subprocess.run([*command, tmp_path], check=False, capture_output=True, text=True)
    assert stale.returncode == 1
    assert "renew them: python -m asgd.tests.artifacts vectors" in stale.stdout
