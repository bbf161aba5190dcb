"""Which kernels run: NumPy's, or numba's where it is installed (``ASGD_BACKEND``).

``numpy`` and ``numba`` choose; without the variable numba is used where it is installed, once
enough work has been seen. Then the kernels are compiled, or loaded from numba's cache, on another
thread: no import and no small step waits for it. The bits are the same before and after.
"""

import importlib.util
import os
import threading
import warnings
from typing import Literal

from .compiled import Kernels, build

_VARIABLE = "ASGD_BACKEND"
# Loading numba takes as long as this many updates of one element on NumPy: so a run takes at most
# twice what it would with the better choice. Each step counts as a few thousand updates.
_WORTH = 1 << 32
_STEP = 1 << 12


class Backend:
    """The kernels of this process."""

    def __init__(self) -> None:
        self.kernels: Kernels | None = None
        self.error = ""
        self._work = 0
        self._begun = False
        self._thread: threading.Thread | None = None

    @property
    def name(self) -> Literal["numpy", "numba"]:
        """What steps run on now."""
        return "numpy" if self.kernels is None else "numba"

    def count(self, cost: int) -> None:
        """Count a step's work; begin to compile once it is worth it.

        Raises
        ------
        ValueError
            If the variable names no backend.
        """
        if self._begun:
            return
        if not self._work:
            # Asked once: looking for a package costs more than a small step.
            chosen = _chosen()
            if chosen == "numba":
                self.prepare()
            self._begun = bool(chosen)
        self._work += cost + _STEP
        if self._work >= _WORTH and not self._begun:
            self._begun = True
            self._thread = threading.Thread(target=self._load, name="asgd-compile", daemon=True)
            self._thread.start()

    def prepare(self) -> None:
        """Decide now, and wait for what it takes."""
        if not self._begun:
            self._begun = True
            if _chosen() != "numpy":
                self._load()
        self.wait()

    def use(self, kernels: Kernels | None) -> None:
        """Run on these kernels from now on; None for NumPy's."""
        self._begun = True
        self.kernels = kernels

    def wait(self) -> None:
        """Wait until compiling has ended, if it has begun."""
        if self._thread is not None:
            self._thread.join()

    def forked(self) -> None:
        """Stay with NumPy in a forked process whose parent was compiling: its thread is gone."""
        self._thread = None

    def _load(self) -> None:
        try:
            self.kernels = build()
        except Exception as error:  # noqa: BLE001 - whatever a missing or broken numba raises
            self.error = f"{type(error).__name__}: {error}"
            warnings.warn(
                f"asgd.fast runs on NumPy: numba cannot be used ({self.error:.200})",
                RuntimeWarning,
                stacklevel=2,
            )


def _chosen() -> str:
    """The backend asked for; "" for numba on its own account, where it is installed."""
    chosen = os.environ.get(_VARIABLE, "")
    if chosen not in {"", "numpy", "numba"}:
        raise ValueError(f"{_VARIABLE} must be numpy or numba, got {chosen!r}")
    if not chosen and importlib.util.find_spec("numba") is None:
        return "numpy"
    return chosen


BACKEND = Backend()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=BACKEND.forked)
