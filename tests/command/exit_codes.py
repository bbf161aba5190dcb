"""Exit codes of the commands, by verdict."""

EXIT = {"conforms": 0, "deviates": 1, "error": 2}
