"""Ingest: the way of a file from its bytes to rows of the index, and in which order files go."""
