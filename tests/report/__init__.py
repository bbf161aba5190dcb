"""A result for people and for programs."""
