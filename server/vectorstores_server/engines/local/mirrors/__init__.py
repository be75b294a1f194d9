"""Mirrors: what the catalog keeps of the folders that stores follow, and the lock of each."""
