"""The evaluation order of a port is told by its bits; fused operations are exact."""

import shutil
import subprocess
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from evaluation_orders import ORDERS, OrderPort

import asgd.spec
from asgd.fast import ASGD
from asgd.reference import formats
from asgd.reference.rounding import round_fraction
from asgd.spec import CONVENTIONS
from asgd.tests.diagnosis.dense_runs import dense_runs
from asgd.tests.diagnosis.fingerprint import fingerprint
from asgd.tests.faults.evaluation_orders import Numbers, descents, mean, means
from asgd.tests.faults.evaluation_trees import Evaluation, polynomial, trees
from asgd.tests.faults.fused import fma
from asgd.tests.ports.adapters import adapt
from asgd.tests.ports.program import ProgramPort
from asgd.tests.ports.scenario import drive
from asgd.tests.report.fingerprint import fields, lines

KNOWN = {
    "printed": ("(theta - eta * (grad + lambd * theta))", "(average - mu * (average - theta))"),
    "torch": ("(theta * (1 - eta * lambd) - eta * grad)", "(average - mu * (average - theta))"),
    "merged": ("(theta - eta * (grad + lambd * theta))", "(average * (1 - mu) + mu * theta)"),
    "merged-shrunk": (
        "(theta * (1 - eta * lambd) - eta * grad)",
        "(theta + average * (n - 1)) / n",
    ),
    "expanded-decays": (
        "((theta - eta * lambd * theta) - eta * grad)",
        (
            "(average - mu * (average - theta)) below mu = 1/2, "
            "else (theta + (1 - mu) * (average - theta))"
        ),
    ),
    "fused": (
        "fma(-eta, fma(lambd, theta, grad), theta)",
        "(average - (average - theta) / n)",
    ),
}


def runs(port, dtype):
    """A life with one decay."""
    return [(scenario, drive(port, scenario, dtype)) for scenario in dense_runs()[:1]]


@pytest.mark.parametrize("dtype", formats)
@pytest.mark.parametrize("name", KNOWN)
def test_the_order_is_found(name, dtype):
    """Each of the ports that were written apart from this is reproduced to the bit."""
    port = OrderPort(ORDERS[name], "documented")
    found = fingerprint(runs(port, dtype), CONVENTIONS["documented"], dtype)
    assert found.reproduces
    update, average = KNOWN[name]
    assert same(update) & {order.rule for order in found.updates[True, False].alive}
    assert average in {str(order.rule) for order in found.averages.alive}


def same(text):
    """Trees of this text, whatever the order of the factors of a product."""
    letters = sorted(text)
    return {
        tree for tree in descents(lambd=True, weight_decay=False) if sorted(str(tree)) == letters
    }


@pytest.mark.parametrize("dtype", formats)
def test_what_no_order_gives_is_said_and_where(dtype):
    """One ulp, once."""
    ((scenario, trace),) = runs(OrderPort(ORDERS["printed"], "documented"), dtype)
    theta = [np.array(seen.theta[0], dtype) for seen in trace]
    theta[4][3] = np.nextafter(theta[4][3], np.inf, dtype=dtype)
    wrong = [
        type(seen)(theta=(tuple(row.tolist()),), average=seen.average, eta=seen.eta, mu=seen.mu)
        for seen, row in zip(trace, theta, strict=True)
    ]
    found = fingerprint([(scenario, wrong)], CONVENTIONS["documented"], dtype)
    assert not found.reproduces
    assert found.averages.alive
    assert found.updates[True, False].first == (1, 5)
    assert found.updates[True, False].nearest


def test_trees_are_all_different_and_all_right():
    """Each gives the exact value, where nothing rounds; none stands there twice."""
    values = {"theta": 3.0, "grad": 5.0, "eta": 0.5, "lambd": 0.25, "weight_decay": 2.0}
    arrays = {name: np.array([x]) for name, x in values.items()}
    evaluation = Evaluation(arrays, "float64", frozenset(), "float64")
    for decays, count in [((False, False), 2), ((True, False), 43), ((True, True), 1454)]:
        made = descents(*decays)
        decay = 0.25 * decays[0] + 2.0 * decays[1]
        assert len({*made}) == len(made) == count
        assert {float(evaluation(tree)[0]) for tree in made} == {3 - 0.5 * (5 + decay * 3)}
    assert len({str(order) for order in means()}) == len(means())
    assert [str(tree) for tree in trees(polynomial("1", "-a b"), fused=False)] == ["(1 - a * b)"]


@pytest.mark.parametrize("dtype", formats)
def test_fused_operations_round_once(dtype):
    """Against fractions: any exponents, cancelling sums, and ties."""
    rng, fmt, size = np.random.default_rng(0), formats[dtype], 400
    for low, high in [(fmt.lowest, fmt.highest - 2), (-4, 4), (-27, 27)]:
        exponents = rng.integers(low, high, (3, size)).astype(np.intc)
        with np.errstate(over="ignore"):
            x, y, z = np.ldexp(rng.integers(-63, 64, (3, size)), exponents).astype(dtype)
            x, y, z = (np.nan_to_num(v, posinf=1, neginf=1) for v in (x, y, z))
            z[::3] = -np.nan_to_num((x * y)[::3], posinf=1, neginf=1)
        for a, b, c, got in zip(x, y, z, fma(x, y, z), strict=True):
            exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
            assert round_fraction(exact, fmt) == got


def words(port, dtype, convention="documented"):
    """What the report says of a port's orders."""
    taken = [(scenario, drive(port, scenario, dtype)) for scenario in dense_runs()]
    found = fingerprint(taken, CONVENTIONS[convention], dtype)
    assert found.reproduces
    return list(lines(dtype, fields(found.summary)))


@pytest.mark.parametrize("dtype", formats)
def test_fast_is_reproduced(dtype):
    """As `spec/kernels.md` says: eta and mean are rounded once, the decay joins the gradient."""
    said = words(adapt(ASGD, "asgd.fast:ASGD"), dtype)
    assert "correctly rounded" in said[1]
    assert "theta - eta * (grad + theta * (lambd + weight_decay))" in said[2]
    assert "the window" in said[3]


STARTERS = Path(asgd.spec.__file__).parent / "ports"
BUILDS = {
    "asgd.c": ("cc", "-std=c99", "-O2", "-ffp-contract=off", "-lm"),
    "fused.c": ("cc", "-std=c99", "-O3", "-mfma", "-ffp-contract=fast", "-lm"),
    "asgd.rs": ("rustc", "-O"),
}


@pytest.mark.slow  # Compilers are started.
@pytest.mark.parametrize("name", [*BUILDS, "asgd.mjs"])
def test_the_examples_are_reproduced(name, tmp_path):
    """With fused operations exactly where the compiler was told to fuse."""
    source = STARTERS / name.replace("fused", "asgd")
    argv = ["node", str(source)]
    if name in BUILDS:
        compiler, *flags = BUILDS[name]
        argv = [str(tmp_path / "port")]
        if shutil.which(compiler) is None:
            pytest.skip(f"{compiler} is not installed")
        subprocess.run([compiler, str(source), "-o", argv[0], *flags], check=True)
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    port = ProgramPort(argv, timeout=60)
    _, eta, theta, average = words(port, "float64")
    port.close()
    assert "theta - eta * ((grad + theta * weight_decay) + lambd * theta)" in theta
    assert ("fma" in average) == (name == "fused.c")
    assert eta.endswith("within 1 ulp")


@pytest.mark.slow  # torch is imported.
def test_torch_is_reproduced():
    """Its loop and its foreach differ in the order, and in what is fused."""
    torch = pytest.importorskip("torch")
    for foreach, order in ((False, "theta * (1 - eta * lambd)"), (True, "fma(lambd, theta, ")):
        port = adapt(partial(torch.optim.ASGD, foreach=foreach), "torch.optim:ASGD")
        for dtype in formats:
            assert order in words(port, dtype, "torch")[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", [order for order in means() if order.quotients], ids=str)
def test_a_formula_is_what_it_says(order, dtype):
    """Evaluated as it is printed, it gives the same bits."""
    rng = np.random.default_rng(0)
    for n in range(2, 40):
        average, theta = (rng.standard_normal(50).astype(dtype) for _ in range(2))
        given = {"average": average, "theta": theta, "n": np.dtype(dtype).type(n)}
        printed = eval(str(order), given)  # noqa: S307 - our own formula
        assert (
            printed == mean(order, Numbers(dtype, stored=False), average, theta, n, dtype)
        ).all()
