"""pytest plugin: the options of asgd's laws.

It is loaded in every pytest run of an environment where asgd is installed, so it imports nothing
of ours: the laws load `asgd.tests.plugin` themselves once they are collected.
"""

import os

import pytest

pytest.register_assert_rewrite("asgd.tests.plugin")

_OPTIONS = {
    "port": "port that the laws are held against, package.module:Object (default: asgd.fast:ASGD)",
    "convention": "reading of ASGD to judge against (default: auto)",
    "policy": "numeric policy (default: native)",
    "level": "quick, full or soak (default: quick)",
    "seed": "seed of the drawn scenarios (default: 0)",
    "units": "units of `asgd soak` to run as tests (default: 1)",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("asgd")
    for name, text in _OPTIONS.items():
        variable = f"ASGD_{name.upper()}"
        group.addoption(f"--asgd-{name}", default=None, help=f"{text}; or the variable {variable}")


def setting(config: pytest.Config, name: str, default: str) -> str:
    """Value of an option, else of its environment variable, else the default."""
    given = config.getoption(f"--asgd-{name}", default=None)
    return str(given or os.environ.get(f"ASGD_{name.upper()}") or default)
