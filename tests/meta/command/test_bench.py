"""`asgd bench` measures, shows and draws; it holds no times to anything."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from asgd.tests.bench import measure as bench
from asgd.tests.bench.contenders import CONTENDERS, available, resnet50
from asgd.tests.command import bench as bench_command


def test_the_list_is_resnet50():
    """161 tensors, 25,557,032 elements."""
    shapes = resnet50()
    assert len(shapes) == 161
    assert sum(map(math.prod, shapes)) == 25_557_032


@pytest.mark.slow
def test_contenders_compute_the_same(monkeypatch):
    """Each one its convention: whatever is timed is ASGD, in both dtypes."""
    monkeypatch.setattr(bench, "ACCURACY_STEPS", 30)
    names = [name for name in available(compiled=False) if name != "copy"]
    for dtype in ("float32", "float64"):
        errors = bench.accuracy(names, dtype)
        assert set(errors) == set(names)
        for name in names:
            # Roundings of 30 steps, and of an average that may cancel, cost a few bits; a wrong
            # formula costs all of them. torch keeps eta and mu in float32 for float64 too.
            bits = 24 if dtype == "float32" or name.startswith("torch") else 53
            allowed = 2.0 ** (53 - bits if dtype == "float64" else 0) * 2.0 ** (bits / 2)
            assert max(errors[name].values()) < allowed


@pytest.mark.slow
def test_bench_measures_and_shows_again(monkeypatch, tmp_path):
    """One run writes JSON; another one shows it and draws the same plot twice."""
    monkeypatch.setattr(bench, "ACCURACY_STEPS", 5)
    monkeypatch.setattr(bench, "memory", lambda *_, **__: None)
    file = tmp_path / "bench.json"
    arguments = ["--layout", "1000", "--layout", "161 x 64", "--averaging", "on"]
    arguments += ["--seconds", "0.01", "--no-compile", "--json", str(file)]
    done = CliRunner().invoke(bench_command.bench_command, arguments)
    assert done.exit_code == 0, done.output
    result = json.loads(file.read_text())
    assert result["schema"] == "asgd-bench/1"
    assert [t["layout"] for t in result["timings"]] == ["1000", "161 x 64"] * 2
    for timing in result["timings"]:
        assert set(timing["wall_ns"]) == set(timing["cpu_ns"]) == set(available(compiled=False))
        assert all(0 < x < math.inf for x in timing["wall_ns"].values())
    plots = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in plots:
        again = CliRunner().invoke(
            bench_command.bench_command, ["--from", str(file), "--plot", str(path)]
        )
        assert again.exit_code == 0, again.output
    assert plots[0].read_bytes() == plots[1].read_bytes()


@pytest.mark.parametrize(("t0", "arrays"), [(bench.NEVER, 3), (0.0, 7)])
def test_copy_moves_what_a_step_must(t0, arrays):
    """Three arrays' bytes without averaging, seven with it."""
    copy = CONTENDERS["copy"]([np.ones(1000, "float32")], t0)
    assert 2 * copy.source.nbytes == arrays * 4000
