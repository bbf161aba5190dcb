"""Exit codes of the commands, by verdict."""

from ..report.model import EXIT

NO_VERDICT = EXIT["error"]

__all__ = ["EXIT", "NO_VERDICT"]
