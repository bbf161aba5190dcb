"""Soaks: shards, interruption, merging, and the same units on a cluster of processes."""

import json
import signal
import subprocess
import sys
import time
from itertools import islice

import pytest
from click.testing import CliRunner

from asgd.tests.command.cli import cli
from asgd.tests.soak import units as soak

pytestmark = pytest.mark.slow

UNITS = 8
PORT = "asgd.fast:ASGD"


def run(*args):
    """Result of a command in this process."""
    return CliRunner().invoke(cli, ["soak", *map(str, args)])


@pytest.fixture(scope="module")
def plan():
    """Plan for the kernels."""
    return soak.make_plan(PORT, seed=3, name="auto", policy_name="native", dtypes=["float32"])


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory):
    """Results of all units, in one piece."""
    path = tmp_path_factory.mktemp("soak") / "whole.jsonl"
    with soak.Results(path, plan) as results:
        for unit in range(UNITS):
            results.add(soak.run_unit(plan, unit))
    return path


def test_shards_are_a_partition():
    """Every unit belongs to exactly one shard."""
    units = [u for i in (1, 2, 3) for u in islice(soak.shard(i, 3), 5)]
    assert sorted(units) == list(range(15))
    with pytest.raises(soak.SoakError, match="1 <= i <= n, got 4/3"):
        soak.shard(4, 3)


def test_merged_shards_are_the_whole(whole, tmp_path):
    """Two shards, run apart and merged, give the same bytes as one run."""
    files = [tmp_path / f"{i}.jsonl" for i in (1, 2)]
    for i, path in enumerate(files, 1):
        common = ("--seed", 3, "--dtype", "float32", "--units", UNITS)
        assert run("--shard", f"{i}/2", "--file", path, *common).exit_code == 0
    merged = tmp_path / "merged.jsonl"
    result = run("merge", *reversed(files), "--into", merged)
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"conforms: {UNITS} units")
    assert merged.read_bytes() == whole.read_bytes()


def test_an_interrupted_run_is_continued(whole, plan, tmp_path):
    """A line cut short is run again, what is whole is kept, and nothing is run twice."""
    path = tmp_path / "cut.jsonl"
    lines = whole.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:25])
    with soak.Results(path, plan) as results:
        assert sorted(results.done) == [0, 1, 2]
        for unit in range(3, UNITS):
            results.add(soak.run_unit(plan, unit))
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_process_has_written_all_it_did(stop, tmp_path):
    """Stopped at any time, a soak ends with its verdict, and its file is whole."""
    path = tmp_path / "stopped.jsonl"
    command = [sys.executable, "-m", "asgd", "soak", "--file", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (
        path.exists() and path.read_bytes().count(b"\n") > 2
    ):
        time.sleep(0.05)
    process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "the same command continues" in err
    _, results, size = soak.read(path)
    assert size == path.stat().st_size
    assert out.startswith(f"conforms: {len(results)} units")


def test_other_results_are_refused(whole, tmp_path):
    """A file is continued only by what it belongs to, and merged only with its like."""
    other = run("--file", whole, "--seed", 4, "--dtype", "float32", "--units", 1)
    assert (other.exit_code, "holds results of something else" in other.output) == (2, True)
    lines = whole.read_text().splitlines()
    changed = json.loads(lines[1]) | {"judged": 1}
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("\n".join([lines[0], json.dumps(changed)]) + "\n")
    refused = run("merge", whole, wrong)
    assert (refused.exit_code, "contradicts" in refused.output) == (2, True)
    wrong.write_text("no results\n")
    assert run("merge", wrong).exit_code == 2


def test_a_program_is_refused():
    """What stands behind -- is not passed over in silence."""
    result = CliRunner().invoke(cli, ["soak", "--units", "1"], obj=["./program"])
    assert (result.exit_code, "not supported yet" in result.output) == (2, True)


def test_a_wrong_port_is_found_out(tmp_path, monkeypatch):
    """A deviation ends with exit code 1, and its requests are in the file."""
    (tmp_path / "wrong_port.py").write_text(
        "from asgd.fast import ASGD\n"
        "class Wrong(ASGD):\n"
        "    def step(self, closure=None):\n"
        "        super().step(closure)\n"
        "        for group in self.param_groups:\n"
        "            for p in group['params']:\n"
        "                p.data *= 1.25\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "wrong.jsonl"
    options = ("--convention", "documented", "--units", 2, "--file", path)
    result = run("wrong_port:Wrong", *options)
    assert result.exit_code == 1, result.output
    failure = soak.read(path)[1][0]["failure"]
    assert failure["quantity"] == "theta"
    assert [r["op"] for r in failure["requests"]][:2] == ["open", "step"]
    assert run("merge", path).exit_code == 1


def test_a_cluster_runs_the_same_units(whole, plan, tmp_path):
    """Units on a local cluster of separate processes give the results that they give here."""
    distributed = pytest.importorskip("distributed")
    from asgd.tests.soak.dask import run_units

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**options, dashboard_address=None, host="127.0.0.1") as cluster,
        distributed.Client(cluster) as client,
    ):
        results = {r["unit"]: r for r in run_units(client, plan, range(UNITS))}
        path, address = tmp_path / "cluster.jsonl", cluster.scheduler_address
        common = ("--seed", 3, "--dtype", "float32", "--units", UNITS)
        command = run("--dask", address, "--file", path, *common)
    assert command.exit_code == 0, command.output
    assert results == soak.read(path)[1] == soak.read(whole)[1]
