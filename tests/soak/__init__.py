"""Endless verification, in units."""
