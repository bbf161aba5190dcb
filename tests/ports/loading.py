"""Find a port: in a child process where that is possible, else in this one."""

import inspect
import os
import sys
from importlib.machinery import PathFinder
from typing import Any

from .child import ChildPort
from .importing import import_port, name_of
from .process import Limits
from .protocol import Port

__all__ = ["DEFAULT", "load", "name_of"]

DEFAULT = "asgd.fast:ASGD"


def load(port: Any, *, in_process: bool = False, limits: Limits | None = None) -> Port:
    """Port that an import path or an object stands for, in a child process where that is possible.

    Parameters
    ----------
    port : str or object
        Import path, or what such a path names; what cannot be imported by its name is judged in
        this process.
    in_process : bool
        Load it in this process, for a debugger.
    limits : Limits, optional
        What it may take in a child process.

    Raises
    ------
    PortError
        If it cannot be used as a port.
    """
    how = port if isinstance(port, str) else _import_path(port)
    if in_process or how is None or os.name != "posix" or not sys.executable:
        return import_port(port, "cpu" if limits is None else limits.device)
    child = ChildPort(how, limits)
    child.capabilities  # noqa: B018 - what cannot be loaded is said at once
    return child


def _import_path(port: Any) -> str | None:
    """Path under which a class or a function can be imported elsewhere, or None."""
    if not (inspect.isclass(port) or inspect.isfunction(port)) or "<" in port.__qualname__:
        return None
    module = sys.modules.get(port.__module__)
    here: Any = module
    for part in port.__qualname__.split("."):
        here = getattr(here, part, None)
    if module is None or here is not port or not _importable(port.__module__, module):
        return None
    return name_of(port)


def _importable(name: str, module: Any) -> bool:
    """Whether a fresh process finds the same file by the module's name."""
    path: Any = None
    spec = None
    for end in range(1, name.count(".") + 2):
        part = ".".join(name.split(".")[:end])
        try:
            spec = PathFinder.find_spec(part, path)
        except (ImportError, ValueError):
            return False
        if spec is None:
            return False
        path = spec.submodule_search_locations
    mine = getattr(module, "__file__", None)
    return spec is not None and mine is not None and spec.origin == mine
