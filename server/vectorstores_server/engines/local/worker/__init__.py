"""The worker of a data directory: its lock, its work, and repair."""
