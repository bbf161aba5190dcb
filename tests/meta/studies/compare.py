"""What authors do today, and what `asgd verify` does, on the same faults and correct ports.

Run ``python tests/meta/studies/compare.py`` (with torch installed) to print the table of the
README. A comparison catches a fault if the port's theta or average after 20 steps differs from a
correct float64 run by more than it allows; realistic hyperparameters, t0 = 1. It accuses a
correct port if that one does.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from evaluation_orders import ORDERS, OrderPort

from asgd.spec import CONVENTIONS, POLICIES, Hyperparameters
from asgd.tests.diagnosis.convention import find_identity
from asgd.tests.faults.catalogue import CHANGES, combine
from asgd.tests.faults.port import VariantPort
from asgd.tests.faults.variant import Variant
from asgd.tests.ports.protocol import greet
from asgd.tests.ports.scenario import Scenario, drive, single
from asgd.tests.verify.result import Options
from asgd.tests.verify.run import verify

HYPER = Hyperparameters(lr=0.01, lambd=1e-4, alpha=0.75, t0=1.0, weight_decay=0.01, maximize=False)
DTYPES = ("float32", "float64")
STEPS, SIZE = 20, 64


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Realistic runs: ordinary gradients, gradients of wide range, gradients that cancel theta."""
    rng = np.random.default_rng(1)
    theta = rng.normal(size=SIZE).astype(np.float32)
    ordinary = rng.normal(size=(STEPS, SIZE)).astype(np.float32)
    wide = ordinary * np.exp2(rng.integers(-20, 20, size=(STEPS, SIZE))).astype(np.float32)
    cancelling = np.where(np.arange(STEPS)[:, None] % 2, -1, 1) * (theta * 100) + ordinary * 1e-3
    for name, grads in (("ordinary", ordinary), ("wide", wide), ("cancelling", cancelling)):
        rows = tuple((tuple(map(float, np.float32(g))),) for g in grads)
        yield name, single(HYPER, (tuple(map(float, theta)),), rows)


def ends(port: Any, scenario: Scenario, dtype: str) -> tuple[Any, Any]:
    """Theta and average of a port at the end."""
    last = drive(port, scenario, dtype)[-1]
    return np.array(last.theta[0]), np.array(last.average[0])


def allclose(rtol: float) -> Callable[[Any, Any, str], bool]:
    """Comparison with numpy.testing.assert_allclose."""

    def passes(got: Any, expected: Any, _dtype: str) -> bool:
        try:
            np.testing.assert_allclose(got, expected, rtol=rtol)
        except AssertionError:
            return False
        return True

    return passes


def assert_close(got: Any, expected: Any, dtype: str) -> bool:
    """Comparison with torch.testing.assert_close and its defaults for the dtype."""
    import torch

    kind = getattr(torch, dtype)
    try:
        torch.testing.assert_close(
            torch.tensor(got, dtype=kind), torch.tensor(expected, dtype=kind)
        )
    except AssertionError:
        return False
    return True


COMPARISONS = {
    "`numpy.testing.assert_allclose`, rtol=1e-5": allclose(1e-5),
    "`numpy.testing.assert_allclose`, rtol=1e-7": allclose(1e-7),
    "`torch.testing.assert_close`": assert_close,
}


def main() -> None:
    """Print the table."""
    base = Variant.of(CONVENTIONS["documented"])
    truth = {name: ends(VariantPort(base), s, "float64") for name, s in scenarios()}
    ordinary = next(scenarios())[1]
    faults = [(ident, dtype) for ident in CHANGES for dtype in DTYPES]
    orders = [
        order for order in ORDERS.values() if "average" in order.reads and order.before == "theta"
    ]
    correct = [(OrderPort(order, "documented"), dtype) for order in orders for dtype in DTYPES]
    print("| | faults caught | named | correct ports accused |\n|---|---|---|---|")
    for title, passes in COMPARISONS.items():

        def agrees(got: Any, expected: Any, dtype: str, passes: Any = passes) -> bool:
            return all(passes(a, b, dtype) for a, b in zip(got, expected, strict=True))

        caught = sum(
            not agrees(ends(VariantPort(combine(base, i)), ordinary, d), truth["ordinary"], d)
            for i, d in faults
        )
        accused = sum(
            any(not agrees(ends(port, s, d), truth[name], d) for name, s in scenarios())
            for port, d in correct
        )
        print(f"| {title} | {caught}/{len(faults)} | 0 | {accused}/{len(correct)} |")
    caught = named = 0
    for ident, dtype in faults:
        port = VariantPort(combine(base, ident))
        identity = find_identity(port, greet(port), dtype, "auto", POLICIES["native"])
        caught += not identity.fits
        named += any(e.faults == (ident,) for e in identity.explanations)
    accused = sum(
        verify(port, "correct", Options(dtypes=(d,))).verdict != "conforms" for port, d in correct
    )
    print(f"| `asgd verify` | {caught}/{len(faults)} | {named} | {accused}/{len(correct)} |")


if __name__ == "__main__":
    main()
