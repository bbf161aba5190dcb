"""Everything that speaks the port protocol, or is made to, and one session with it."""
