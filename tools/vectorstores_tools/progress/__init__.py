"""Waiting for work with progress for the client, and the call that goes on from there."""
