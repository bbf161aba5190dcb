"""What maintainers write: frozen vectors and the ledger."""
