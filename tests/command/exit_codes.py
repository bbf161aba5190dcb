"""Exit codes of the commands, by verdict."""

import signal

from ..report.verdicts import EXIT

NO_VERDICT = EXIT["error"]
INTERRUPTED = 128 + signal.SIGINT

__all__ = ["EXIT", "INTERRUPTED", "NO_VERDICT"]
