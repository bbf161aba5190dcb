"""The `asgd explain` command."""

import sys

import click

from ..report.explain import explain, nearest, overview
from .exit_codes import NO_VERDICT
from .terminal import complain


@click.command("explain")
@click.argument("ident", metavar="[ID]", required=False)
def explain_command(ident: str | None) -> None:
    """Say what an id of any output means; without ID, list all ids."""
    if ident is None:
        click.echo("\n".join(overview()))
        return
    known = explain(ident)
    if known is None:
        close = nearest(ident)
        hint = f" (similar: {', '.join(close)})" if close else ""
        text = f"unknown id {ident!r}; run `asgd explain` to list all ids{hint}"
        complain(text)
        sys.exit(NO_VERDICT)
    click.echo("\n".join(known))
