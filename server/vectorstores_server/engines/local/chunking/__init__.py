"""Chunking: a parsed text cut into passages, and runs of passages as chunks of the contract."""
