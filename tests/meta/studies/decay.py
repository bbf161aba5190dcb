"""Decay that float32 takes over the exact decay, plain and compensated, without gradients.

Run: python tests/meta/studies/decay.py
"""

import numpy as np

from asgd.fast import ASGD, Parameter

STEPS, SIZE = 1000, 20_000
RATES = (
    (1e-2, 1e-4),
    (1e-3, 1e-4),
    (5e-4, 1e-4),
    (4e-4, 1e-4),
    (2e-4, 1e-4),
    (1e-3, 1e-5),
    (1e-4, 1e-4),
)


def ratios(lr, lambd, *, compensated):
    """Decay taken over decay due in `STEPS` steps: all elements, the least and the most of one."""
    # Log-uniform, so that the bits of theta are as those of numbers of any size.
    theta = np.exp2(np.random.default_rng(1).random(SIZE)).astype(np.float32)
    parameter = Parameter(theta.copy())
    hyper = {"lr": lr, "lambd": lambd, "alpha": 0.0, "t0": 1e9}
    optimizer = ASGD([parameter], **hyper, compensated=compensated)
    parameter.grad = np.zeros_like(theta)
    for _ in range(STEPS):
        optimizer.step()
    due = theta.astype(float) * (1 - (1 - lr * lambd) ** STEPS)
    taken = theta.astype(float) - parameter.data
    return taken.sum() / due.sum(), (taken / due).min(), (taken / due).max()


def main():
    """Print a row for each rate."""
    print("| lr | lambd | plain: all, single elements | compensated: all, single elements |")
    print("|---|---|---|---|")
    for lr, lambd in RATES:
        cells = []
        for compensated in (False, True):
            mean, low, high = ratios(lr, lambd, compensated=compensated)
            cells.append(f"{mean:.3f}, {low:.2f} to {high:.2f}")
        print(f"| {lr:g} | {lambd:g} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
