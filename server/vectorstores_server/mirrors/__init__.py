"""Folders that stores follow: walked, watched, and brought into their stores.

`comparison` says what has changed, `walking` does it, `watching` tells when to look, `keeper` holds all of a process.
"""

from vectorstores_server.mirrors.keeper import MirrorKeeper, watches

__all__ = ["MirrorKeeper", "watches"]
