"""What the answers must be, and how far off they may be."""
