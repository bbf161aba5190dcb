"""One port, one verdict."""
