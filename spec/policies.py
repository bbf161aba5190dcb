"""The numeric policies (``policies.toml``)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .data import tables


@dataclass(frozen=True)
class Policy:
    """What a port may lose by rounding; the entries are explained in ``policies.toml``."""

    name: str
    precision: Literal["dtype", "float64", "float32"]
    ftz: bool
    summary: str
    form: Literal["", "logarithm", "scaled", "window"] = ""

    @property
    def is_right_form(self) -> bool:
        """Whether it admits a right way to compute, and excuses no lost precision."""
        return bool(self.form)


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {name: Policy(name=name, **entry) for name, entry in tables("policies.toml").items()}
)
"""Policy by name; the first is the default."""


def policy(name: str) -> Policy:
    """Policy called ``name``.

    Raises
    ------
    ValueError
        If no policy has that name.
    """
    if name not in POLICIES:
        raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {name!r}")
    return POLICIES[name]
