"""Import what an import path names, and make a port of it, in this process."""

import difflib
import importlib
import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from .adapters import adapt
from .protocol import Port, PortError, located
from .text import printable


def name_of(port: Any) -> str:
    """How a report names a port: its import path, or the name of the object."""
    if isinstance(port, str):
        return port
    named = port if hasattr(port, "__qualname__") else type(port)
    return f"{named.__module__}:{named.__qualname__}"


def import_port(port: Any, device: str = "cpu") -> Port:
    """Port that an import path or an object stands for.

    Parameters
    ----------
    port : str or object
        Import path ``package.module:Object`` or ``file.py:Object``, or what such a path names.
    device : str
        Where the parameters of a torch port are.

    Raises
    ------
    PortError
        If it cannot be imported, or cannot be used as a port.
    """
    name = name_of(port)
    try:
        found: Port = adapt(_target(port) if isinstance(port, str) else port, name, device)
    except (PortError, KeyboardInterrupt):
        raise
    # Importing, and looking at what was imported, runs its code.
    except BaseException as error:
        text = f"cannot load {printable(name)}: {located(error)}"
        if isinstance(error, ModuleNotFoundError):
            text += "; what a port imports must be installed where asgd is"
        if isinstance(error, ImportError) and "no known parent package" in str(error):
            text += "; a file of a package is named with it, as package.module:Object"
        raise PortError(text) from error
    return found


_PROGRAM = "; a program is judged by: asgd verify -- PROGRAM ARGS..."
_OTHERS = {
    ".ipynb": "; save the notebook's code as a .py file",
    **dict.fromkeys((".js", ".mjs", ".c", ".cpp", ".rs", ".jl", ".go", ".java"), _PROGRAM),
}
"""Suffixes of files that are not Python, and what to do with them."""


def _instead(path: str) -> str:
    """What may have been meant by something without an object."""
    file = Path(path)
    if file.suffix == ".py":
        return f"; name what is in it, as {printable(path)}:ASGD"
    if file.suffix in _OTHERS:
        return _OTHERS[file.suffix]
    return _PROGRAM if file.is_file() or "/" in path else ""


def _target(path: str) -> Any:
    module_name, colon, attribute = path.rpartition(":")
    if not colon or not module_name or not attribute:
        text = "PORT must be package.module:Object or file.py:Object"
        raise PortError(f"{text}, got {printable(path)!r}{_instead(path)}")
    if Path(module_name.rstrip(":")).suffix in _OTHERS:
        text = f"cannot load {printable(path)}: it is not a Python file"
        raise PortError(f"{text}{_OTHERS[Path(module_name.rstrip(':')).suffix]}")
    if module_name.endswith(":"):
        raise PortError(f"cannot load {printable(path)}: one colon stands before the object")
    target: Any = _module(module_name)
    # Where the locale is ASCII, the command line has escapes for what is UTF-8 in the file.
    name = attribute.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    for part in name.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            names = {str(known).lower(): str(known) for known in getattr(target, "__dict__", ())}
            near = difflib.get_close_matches(part.lower(), names, 1, 0.8)
            hint = f"; did you mean {printable(names[near[0]], 60)}?" if near else ""
            text = f"cannot load {path}: {module_name} has no {attribute}{hint}"
            raise PortError(text) from None
    return target


def _module(name: str) -> Any:
    if name.endswith(".py"):
        return _file(Path(name))
    # As with `python -m`, what lies in the working directory can be imported.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return importlib.import_module(name)


def _file(path: Path) -> Any:
    if not path.is_file():
        raise PortError(f"cannot load {printable(path)}: there is no such file")
    # Its neighbours can be imported, but hide nothing that is installed.
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    name = _name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PortError(f"cannot load {printable(path)}: it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _name(path: Path) -> str:
    """Name for the module of a file: its own, unless that is another module's."""
    own = path.stem
    if own in sys.modules:
        taken = getattr(sys.modules[own], "__file__", None)
    else:
        found = PathFinder.find_spec(own)
        taken = str(path) if found is None else found.origin
    same = taken is not None and Path(taken).resolve() == path.resolve()
    return own if same else f"asgd_port_{own}"
