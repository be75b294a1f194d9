"""The worker of a data directory: who holds its lock, what it does meanwhile, and repair."""
