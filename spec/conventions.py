"""The named readings of ASGD (``conventions.toml``)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .data import tables


@dataclass(frozen=True)
class Convention:
    """A reading of ASGD that ports implement; the fields are explained in ``conventions.toml``."""

    name: str
    eta_lag: int
    mu_lag: int
    hyperparameters: Literal["in-force", "stored"]
    t0_reading: Literal["ceil", "as-is"]
    divisor: Literal["terms", "t-t0"]
    window: str
    summary: str
    ports: tuple[str, ...]
    source: str

    def read_t0(self, t0: float) -> float:
        """``t0`` as this convention reads it when it lies between two steps (E6)."""
        if self.t0_reading == "ceil" and math.isfinite(t0):
            return float(math.ceil(t0))
        return t0

    def first_averaged(self, t0: float) -> int | None:
        """Index of the first iterate in the average (E6); None where there is never one."""
        read = self.read_t0(t0)
        if math.isinf(read):
            return None
        # E4 has a weight below 1 from step t > t0 + 1 + mu_lag on: the iterate before is the first.
        return math.floor(read + 1 + self.mu_lag) if self.divisor == "terms" else math.ceil(read)


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        name: Convention(name=name, **{**entry, "ports": tuple(entry["ports"])})
        for name, entry in tables("conventions.toml").items()
    }
)
"""Convention by name; the first is the default."""


def convention(name: str) -> Convention:
    """Convention called ``name``.

    Raises
    ------
    ValueError
        If no convention has that name.
    """
    if name not in CONVENTIONS:
        raise ValueError(f"convention must be one of {', '.join(CONVENTIONS)}, got {name!r}")
    return CONVENTIONS[name]
