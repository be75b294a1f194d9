"""Mirrors: the catalog's records of the folders that stores follow, and the lock of each."""
