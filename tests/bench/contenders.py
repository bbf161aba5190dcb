"""What `asgd bench` compares: `fast`, naive NumPy, torch's paths, and copying as the limit."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from asgd import fast
from asgd.fast.backend import BACKEND
from asgd.fast.compiled import Kernels, build

LR, LAMBD, ALPHA = 0.01, 1e-4, 0.75
Arrays = Sequence[NDArray[Any]]


class Contender(Protocol):
    """An optimizer with its own parameters and gradients."""

    def set_grads(self, grads: Arrays) -> None:
        """Put in the gradients of the next steps."""

    def step(self) -> Any:
        """Take a step."""

    def read(self) -> tuple[Arrays, Arrays]:
        """Parameters, and their averages."""


class Fast:
    """`asgd.fast.ASGD` with its defaults, on NumPy's kernels."""

    kernels: Kernels | None = None

    def __init__(self, thetas: Arrays, t0: float) -> None:
        self.params = [fast.Parameter(theta) for theta in thetas]
        self.optimizer = fast.ASGD(self.params, lr=LR, lambd=LAMBD, alpha=ALPHA, t0=t0)

    def step(self) -> None:
        """Take a step on this contender's kernels."""
        BACKEND.use(self.kernels)
        self.optimizer.step()

    def set_grads(self, grads: Arrays) -> None:
        """Put in the gradients."""
        for p, grad in zip(self.params, grads, strict=True):
            p.grad = grad

    def read(self) -> tuple[Arrays, Arrays]:
        """Parameters and averages."""
        return [p.data for p in self.params], self.optimizer.averages()


class FastNumba(Fast):
    """`asgd.fast.ASGD` on numba's kernels."""

    def __init__(self, thetas: Arrays, t0: float) -> None:
        super().__init__(thetas, t0)
        self.kernels = _compiled()


@cache
def _compiled() -> Kernels:
    return build()


class Naive:
    """The formulas as one would type them, with an array for every intermediate result."""

    def __init__(self, thetas: Arrays, t0: float) -> None:
        self.thetas, self.averages = list(thetas), [theta.copy() for theta in thetas]
        self.grads: list[NDArray[Any]] = []
        self.t, self.t0 = 0, t0

    def set_grads(self, grads: Arrays) -> None:
        """Put in the gradients."""
        self.grads = list(grads)

    def step(self) -> None:
        """Take a step."""
        self.t += 1
        eta = LR / (1 + LAMBD * LR * self.t) ** ALPHA
        mu = 1 / max(1, self.t + 1 - self.t0)
        for i, grad in enumerate(self.grads):
            theta = self.thetas[i] = self.thetas[i] - eta * (grad + LAMBD * self.thetas[i])
            self.averages[i] = self.averages[i] + mu * (theta - self.averages[i])

    def read(self) -> tuple[Arrays, Arrays]:
        """Parameters and averages."""
        return self.thetas, self.averages


class _Torch:
    foreach = False

    def __init__(self, thetas: Arrays, t0: float) -> None:
        self.torch = import_module("torch")
        self.params = [
            self.torch.nn.Parameter(self.torch.from_numpy(theta.copy())) for theta in thetas
        ]
        self.optimizer = self.torch.optim.ASGD(
            self.params, lr=LR, lambd=LAMBD, alpha=ALPHA, t0=t0, foreach=self.foreach
        )
        self.step: Callable[[], Any] = self.optimizer.step

    def set_grads(self, grads: Arrays) -> None:
        """Put in the gradients, copied as torch allocates them."""
        for p, grad in zip(self.params, grads, strict=True):
            p.grad = self.torch.from_numpy(grad).clone()

    def read(self) -> tuple[Arrays, Arrays]:
        """Parameters and averages."""
        states = [self.optimizer.state[p] for p in self.params]
        return (
            [p.detach().numpy() for p in self.params],
            [state["ax"].detach().numpy() for state in states],
        )


class TorchLoop(_Torch):
    """`torch.optim.ASGD`, one tensor at a time."""


class TorchForeach(_Torch):
    """`torch.optim.ASGD(foreach=True)`."""

    foreach = True


class TorchCompile(_Torch):
    """`torch.compile` of the step."""

    def __init__(self, thetas: Arrays, t0: float) -> None:
        super().__init__(thetas, t0)
        self.step = self.torch.compile(self.optimizer.step)


class Copy:
    """Copying as many bytes as a step of `fast` must read and write, on all cores."""

    def __init__(self, thetas: Arrays, t0: float) -> None:
        # theta read and written, the gradient read; with averaging, the sum read and written too,
        # which is two arrays of theta's size.
        moved = (3 if t0 else 7) * sum(theta.nbytes for theta in thetas)
        self.source = np.ones(moved // 2, np.uint8)
        self.target = np.zeros_like(self.source)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        self.parts = cores if moved > 1 << 22 else 1
        self.pool = ThreadPoolExecutor(cores)

    def set_grads(self, grads: Arrays) -> None:
        """Gradients do not matter here."""

    def step(self) -> None:
        """Copy."""
        if self.parts == 1:
            np.copyto(self.target, self.source)
            return
        targets = np.array_split(self.target, self.parts)
        list(self.pool.map(np.copyto, targets, np.array_split(self.source, self.parts)))

    def read(self) -> tuple[Arrays, Arrays]:
        """Nothing."""
        return [], []


CONTENDERS: Mapping[str, Callable[[Arrays, float], Contender]] = {
    "fast": Fast,
    "fast numba": FastNumba,
    "naive": Naive,
    "torch loop": TorchLoop,
    "torch foreach": TorchForeach,
    "torch compile": TorchCompile,
    "copy": Copy,
}
"""Contender by name: made from initial values, which are its own from then on, and t0."""


ALONE = frozenset({"torch compile"})
"""Contenders that run in a separate process for each case: graphs of an earlier optimizer count
against torch's limit of recompilations, beyond which it silently runs eagerly."""


def available(*, compiled: bool) -> list[str]:
    """Contenders that can be run here."""
    missing = {name for name in ("torch", "numba") if find_spec(name) is None}
    names = [name for name in CONTENDERS if not missing & set(name.split())]
    return [name for name in names if compiled or name != "torch compile"]


def resnet50() -> list[tuple[int, ...]]:
    """Shapes of the 161 parameters of a ResNet-50 (He et al. 2015), 25.6 million elements."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    inside = 64
    for width, depth in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(depth):
            convolutions = [(width, inside, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)]
            if block == 0:
                convolutions.append((4 * width, inside, 1, 1))
            for shape in convolutions:
                shapes += [shape, shape[:1], shape[:1]]
            inside = 4 * width
    return [*shapes, (1000, 2048), (1000,)]
