"""Proved enclosures of the equations: interval, step size, trajectory."""
