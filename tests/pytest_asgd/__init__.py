"""pytest plugin: the options of asgd's laws, and the diagnosis in the terminal summary.

It is loaded in every pytest run of an environment where asgd is installed, so it imports nothing
of ours: the laws load `asgd.tests.plugin` themselves once they are collected.
"""

import importlib.util
import os
import secrets
from pathlib import Path
from typing import Any

import pytest

_OPTIONS = {
    "port": "port to judge, package.module:Object or file.py:Object (default: asgd.fast:ASGD)",
    "convention": "reading of ASGD to judge against (default: auto)",
    "dtype": "float32 or float64; repeatable (default: all that the port has)",
    "policy": "what a port may lose in eta and mu by rounding (default: auto)",
    "level": "quick, full or soak (default: quick)",
    "seed": "seed of the drawn scenarios (default: 0)",
    "without": "what the port need not show: average, an equation, a law; repeatable",
    "waive": "TOML file of known deviations",
    "timeout": "seconds that the port has to answer a request (default: 10)",
    "limit": "seconds for the whole run (default: by the level)",
    "memory": "megabytes of resident memory of the port",
    "units": "units of `asgd soak` to run as tests (default: 1)",
}
_REPEATABLE = ("dtype", "without")

DIAGNOSES = pytest.StashKey[list[dict[str, Any]]]()
"""What was found in this process, and in the workers that have ended."""

_SECRET = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("asgd")
    for name, text in _OPTIONS.items():
        variable = f"ASGD_{name.upper()}"
        action = "append" if name in _REPEATABLE else "store"
        shown = f"{text}; or the variable {variable}"
        group.addoption(f"--asgd-{name}", action=action, default=None, help=shown)


def pytest_configure(config: pytest.Config) -> None:
    """Check that the requested port can be judged."""
    config.stash[DIAGNOSES] = []
    if config.getoption("--asgd-port", default=None) or os.environ.get("ASGD_PORT"):
        _check_installed()


def setting(config: pytest.Config, name: str, default: str) -> str:
    """Value of an option, else of its environment variable, else the default."""
    given = config.getoption(f"--asgd-{name}", default=None)
    if isinstance(given, list):
        given = ",".join(given)
    return str(given or os.environ.get(f"ASGD_{name.upper()}") or default)


def settings(config: pytest.Config, name: str) -> tuple[str, ...]:
    """Values of a repeatable option; commas separate them too."""
    return tuple(part.strip() for part in setting(config, name, "").split(",") if part.strip())


def keep(config: pytest.Config, diagnosis: dict[str, Any]) -> None:
    """Keep a diagnosis for the terminal summary, in this process or in the one of the user."""
    output = getattr(config, "workeroutput", None)
    if output is None:
        config.stash[DIAGNOSES].append(diagnosis)
    else:
        output.setdefault("asgd", []).append(diagnosis)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give the workers of pytest-xdist a secret, by which they know each other's results."""
    token: str = node.config.stash.setdefault(_SECRET, secrets.token_hex())
    node.workerinput["asgd"] = token


def secret(config: pytest.Config) -> str:
    """What the workers of this run alone know; empty where there are none."""
    given: str = getattr(config, "workerinput", {}).get("asgd", "")
    return given


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist found."""
    found = getattr(node, "workeroutput", {}).get("asgd", [])
    node.config.stash[DIAGNOSES].extend(found)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """End with the diagnosis: once, whatever the number of workers."""
    told: set[str] = set()
    found: list[dict[str, Any]] = config.stash[DIAGNOSES]
    for diagnosis in sorted(found, key=lambda one: -len(one["dtypes"])):
        if set(diagnosis["dtypes"]) <= told and told:
            continue
        told.update(diagnosis["dtypes"] or ["none"])
        terminalreporter.section("asgd")
        for line in diagnosis["lines"]:
            terminalreporter.write_line(line)


def _check_installed() -> None:
    spec = importlib.util.find_spec("asgd")
    places = [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    if any((place / "tests" / "plugin.py").is_file() for place in places):
        return
    found = spec.origin if spec is not None else "nothing"
    raise pytest.UsageError(
        f"asgd: {found} hides the installed package asgd; rename it, or run pytest elsewhere"
    )
