"""Some megabytes that are kept for the moment when no byte is free: deleting needs room for the catalog's journal."""

import os
import shutil
from pathlib import Path

from vectorstores_server.engines.local.directory.names import RESERVE
from vectorstores_server.engines.local.directory.removal import Removal

BYTES = 4 * 1024 * 1024
ROOM = 16 * BYTES
"""The reserve is made only where so much is free besides."""
_BLOCK = bytes(1024 * 1024)


def keep(directory: Path) -> None:
    """Make the reserve where there is none and the disk has room. Raises OSError."""
    path = directory / RESERVE
    if path.exists() and path.stat().st_size == BYTES:
        return
    if shutil.disk_usage(directory).free < ROOM:
        return
    # Written, not just sized: a sparse file reserves nothing.
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        for _ in range(BYTES // len(_BLOCK)):
            file.write(_BLOCK)
        file.flush()
        os.fsync(file.fileno())


def give_up(directory: Path) -> bool:
    """Free the reserve; False when there is none left."""
    return bool(Removal(directory).erase([RESERVE]))
