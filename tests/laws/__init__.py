"""What every port must obey, and how a port is held to it."""
