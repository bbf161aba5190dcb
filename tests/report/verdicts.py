"""Verdicts: the exit code of each, and the words that people read."""

from collections.abc import Mapping

EXIT: Mapping[str, int] = {"conforms": 0, "deviates": 1, "error": 2}
"""Exit code by verdict."""

WORDS: Mapping[str, str] = {
    "conforms": "conforms",
    "deviates": "deviates",
    "error": "no verdict",
}
"""Verdict as people read it."""
