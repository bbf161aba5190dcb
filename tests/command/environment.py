"""Check this environment: versions, tools, floating-point arithmetic."""

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np

from asgd.fast.backend import BACKEND

from ..ports.smoke import Check

# The environment.

_PACKAGES = {
    "numpy": "",
    "mpmath": "",
    "hypothesis": "",
    "pytest": "",
    "pytest-xdist": "",
    "click": 'pip install "asgd[report]"',
    "rich": 'pip install "asgd[report]"',
    "numba": 'optional: pip install "asgd[compiled]" for compiled kernels',
    "jsonschema": "optional: validates reports and messages in tests",
    "gmpy2": "optional: makes mpmath faster, and is a second oracle",
    "python-flint": "optional: a third oracle",
    "torch": "optional: only to judge ports on torch",
}
_TOOLS = {"gcc": "C", "node": "JavaScript", "rustc": "Rust"}


def environment() -> Iterator[Check]:
    """Versions, backends, the floating-point environment, and what is missing."""
    yield Check("ok", "python", f"{platform.python_version()} on {platform.machine()}")
    yield Check("ok", "asgd", importlib.metadata.version("asgd"))
    for package, remedy in _PACKAGES.items():
        try:
            yield Check("ok", package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            optional = remedy.startswith("optional")
            yield Check("absent" if optional else "wrong", package, remedy or "pip install asgd")
    yield Check("ok", "mpmath computes with", mpmath.libmp.BACKEND)
    BACKEND.prepare()
    yield Check("ok", "asgd.fast computes with", BACKEND.name)
    for tool, language in _TOOLS.items():
        found = shutil.which(tool) is not None
        text = f"example ports in {language} can{'' if found else 'not'} be built here"
        yield Check("ok" if found else "absent", tool, text)
    yield from floating_point()


def floating_point() -> Iterator[Check]:
    """Whether the arithmetic is IEEE 754's: to nearest, with subnormals, without excess."""
    checks = {
        "float64 is IEEE binary64": sys.float_info.mant_dig == 53 and sys.float_info.radix == 2,
        "rounding is to nearest, ties to even": _ties_to_even(),
        "no excess precision": _no_excess(),
        "subnormal numbers are kept": _subnormals(),
    }
    for title, good in checks.items():
        text = "" if good else "asgd assumes this; another library has changed it"
        yield Check("ok" if good else "wrong", title, text)


def _ties_to_even() -> bool:
    def good(one: Any, ulp: Any) -> bool:
        down, up = one + ulp / 2, (one + ulp) + ulp / 2
        return bool(down == one and up == one + 2 * ulp and -one - ulp / 2 == -one)

    return good(1.0, 2.0**-52) and good(np.float32(1), np.float32(2.0**-23))


def _no_excess() -> bool:
    # In a wider format the product's low bits would survive the subtraction.
    x = np.array([1 + 2.0**-30])
    return bool((x * x - (1 + 2.0**-29))[0] == 0)


def _subnormals() -> bool:
    halves = [
        np.array([tiny], dtype) / 2 for tiny, dtype in ((2.0**-126, "f4"), (2.0**-1022, "f8"))
    ]
    return all(half[0] > 0 for half in halves)
