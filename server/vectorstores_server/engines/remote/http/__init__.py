"""Requests to a remote: its address, retries, and the reading of its pages and errors."""
