"""Read the data files of this folder."""

import tomllib
from importlib import resources
from typing import Any


def text(name: str) -> str:
    """Text of the file ``name`` of the spec."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def tables(name: str) -> dict[str, dict[str, Any]]:
    """Tables of the TOML file ``name`` of the spec, in order."""
    return tomllib.loads(text(name))
