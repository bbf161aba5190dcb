"""Executable models of right and wrong rules."""
