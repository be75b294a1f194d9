"""Bounds of callers: how they are written, and an engine, its mirrors and their walker as such a caller sees them."""
