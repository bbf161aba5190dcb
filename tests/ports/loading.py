"""Find a port by its import path."""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from .adapters import adapt
from .protocol import Port, PortError, describe

DEFAULT = "asgd.fast:ASGD"


def name_of(port: Any) -> str:
    """How a report names a port: its import path, or the name of the object."""
    if isinstance(port, str):
        return port
    named = port if hasattr(port, "__qualname__") else type(port)
    return f"{named.__module__}:{named.__qualname__}"


def load(port: Any) -> Port:
    """Port that an import path or an object stands for.

    Parameters
    ----------
    port : str or object
        Import path ``package.module:Object`` or ``file.py:Object``, or what such a path names.

    Raises
    ------
    PortError
        If it cannot be imported, or cannot be used as a port.
    """
    if not isinstance(port, str):
        adapted: Port = adapt(port, name_of(port))
        return adapted
    path = port
    module_name, colon, attribute = path.rpartition(":")
    if not colon or not module_name or not attribute:
        raise PortError(f"PORT must be package.module:Object, got {path!r}")
    target: Any = _module(module_name)
    for part in attribute.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            raise PortError(f"cannot load {path}: {module_name} has no {attribute}") from None
    found: Port = adapt(target, path)
    return found


def _module(name: str) -> Any:
    # As with `python -m`, what lies in the working directory can be imported.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        if name.endswith(".py"):
            return _file(Path(name))
        return importlib.import_module(name)
    except PortError:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PortError(f"cannot load {name}: {describe(error)}") from error


def _file(path: Path) -> Any:
    if not path.is_file():
        raise PortError(f"cannot load {path}: there is no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
