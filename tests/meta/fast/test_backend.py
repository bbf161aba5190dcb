"""The compiled kernels: the bits of NumPy's, chosen by a variable, never in the way."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgd.fast import ASGD, Parameter, backend
from asgd.fast.backend import BACKEND, Backend

pytest.importorskip("numba")

SPECIAL = (np.inf, -np.inf, np.nan, 0.0, -0.0, 1e-45, 5e-324, 3e38, 1.7e308)


@pytest.fixture(scope="module")
def compiled():
    """The compiled kernels, loaded once."""
    return backend.build()


def _train(case, kernels, monkeypatch):
    """Theta and averages after a few steps, on given kernels."""
    monkeypatch.setattr(BACKEND, "kernels", kernels)
    rng = np.random.default_rng(case["seed"])
    dtype = np.dtype(case["dtype"])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        arrays = [rng.standard_normal(2 * n).astype(dtype) for n in case["sizes"]]
        params = [Parameter(a[::2] if case["strided"] else a[: a.size // 2]) for a in arrays]
        optimizer = ASGD(
            params,
            lr=case["lr"],
            lambd=case["lambd"],
            t0=case["t0"],
            weight_decay=case["decay"],
            maximize=case["maximize"],
            compensated=case["compensated"],
        )
        for _ in range(5):
            for p in params:
                p.grad = (rng.standard_normal(p.data.shape) * 10.0 ** case["scale"]).astype(dtype)
                p.grad[: len(case["special"])] = np.array(case["special"])[: p.data.size]
            optimizer.step()
        return [p.data.copy() for p in params] + optimizer.averages()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    case=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 2**32 - 1),
            "dtype": st.sampled_from(["float32", "float64"]),
            "sizes": st.lists(st.sampled_from([0, 1, 2, 7, 33, 1000, 8192, 8193]), max_size=4),
            "strided": st.booleans(),
            "lr": st.sampled_from([0.0, 1e-3, 0.5, 100.0]),
            "lambd": st.sampled_from([0.0, 1e-60, 1e-4, 0.5]),
            "decay": st.sampled_from([0.0, 0.25]),
            "t0": st.sampled_from([0.0, 1.5, 3.0, 1e6]),
            "maximize": st.booleans(),
            "compensated": st.booleans(),
            "scale": st.integers(-40, 30),
            "special": st.lists(st.sampled_from(SPECIAL), max_size=3),
        }
    )
)
def test_bits_are_the_same(case, compiled, monkeypatch):
    """Over shapes, strides, dtypes, special values and whole runs; nan is nan."""
    if not case["sizes"]:
        case["sizes"] = [5]
    ours, theirs = (_train(case, kernels, monkeypatch) for kernels in (None, compiled))
    for one, other in zip(ours, theirs, strict=True):
        known = ~np.isnan(one)
        assert (known == ~np.isnan(other)).all()
        assert one[known].tobytes() == other[known].tobytes()


def test_small_steps_do_not_wait(monkeypatch):
    """Without the variable nothing is compiled before it is worth it."""
    monkeypatch.delenv("ASGD_BACKEND", raising=False)
    fresh = Backend()
    monkeypatch.setattr(backend, "build", lambda: "kernels")
    fresh.count(1)
    assert fresh.name == "numpy"
    fresh.count(backend._WORTH)
    fresh.wait()
    assert fresh.kernels == "kernels"


@pytest.mark.parametrize(("value", "expected"), [("numpy", "numpy"), ("numba", "numba")])
def test_the_variable_chooses(value, expected, monkeypatch):
    """And is read when the first step is taken."""
    monkeypatch.setenv("ASGD_BACKEND", value)
    monkeypatch.setattr(backend, "build", lambda: "kernels")
    fresh = Backend()
    fresh.count(backend._WORTH)
    assert fresh.name == expected


def test_an_unknown_backend_is_refused(monkeypatch):
    """The message names the variable, what it may be, and what it is."""
    monkeypatch.setenv("ASGD_BACKEND", "cuda")
    with pytest.raises(ValueError, match="ASGD_BACKEND must be numpy or numba, got 'cuda'"):
        Backend().count(1)


def test_a_broken_numba_falls_back_with_one_warning(monkeypatch):
    """The steps go on, on NumPy."""

    def fail():
        raise ImportError("llvmlite is of another version")

    monkeypatch.setenv("ASGD_BACKEND", "numba")
    monkeypatch.setattr(backend, "build", fail)
    fresh = Backend()
    with pytest.warns(RuntimeWarning, match="runs on NumPy"):
        fresh.count(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh.count(1)
    assert fresh.name == "numpy"


_FORK = """
import os, numpy as np
from asgd.fast import ASGD, Parameter
p = Parameter(np.ones(1 << 20)); p.grad = np.ones(1 << 20)
optimizer = ASGD([p], lr=0.5, lambd=0.0)
optimizer.step()
child = os.fork()
optimizer.step()
if not child:
    os._exit(0 if (p.data == 0).all() else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("value", ["numba", ""])
def test_forked_processes_go_on(value):
    """Whether the kernels were compiled before the fork or are being compiled."""
    environment = {**os.environ, "ASGD_BACKEND": value}
    run = [sys.executable, "-W", "ignore", "-c", _FORK]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "0\n"
