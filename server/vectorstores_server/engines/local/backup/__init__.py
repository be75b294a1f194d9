"""Backups: a consistent copy of a data directory while servers run, and the way back from it."""
