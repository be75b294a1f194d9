"""Requests to a remote: where it is, what is sent again, how its pages and errors are read."""
