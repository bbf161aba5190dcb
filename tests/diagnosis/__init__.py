"""Which convention, which fault, where, how small."""
