"""The ``asgd`` command line: its commands, each imported when it is used."""

from collections.abc import Sequence
from importlib import import_module

import click

from .terminal import accept_any_text

_COMMANDS = (
    "bench",
    "compare",
    "doctor",
    "explain",
    "init",
    "site",
    "soak",
    "vectors",
    "verify",
)


class _Commands(click.Group):
    """Commands by name: NAME is ``NAME_command`` of the module NAME beside this one."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, or None."""
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f".{name}", __package__), f"{name}_command")
        return command


def split_program(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Arguments before ``--``, and the program after it, if there is one."""
    arguments = list(argv)
    if "--" not in arguments:
        return arguments, None
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="asgd")
def cli() -> None:
    """Say which ASGD a port computes, to the last bit, and where it goes wrong."""
    accept_any_text()
