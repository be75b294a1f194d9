"""Folders of a data directory for files that were put aside: damaged, or in the way. Nothing ever sweeps them."""

import re
import time
from pathlib import Path

from vectorstores_server.system.posix import private_directory

_FORM = re.compile(r"aside-[0-9]{8}T[0-9]{6}")


def aside_folder(directory: Path) -> Path:
    """Make the folder for files put aside now, and return it; within the same second it is the same folder."""
    folder = directory / time.strftime("aside-%Y%m%dT%H%M%S")
    private_directory(folder)
    return folder


def is_aside(name: str) -> bool:
    """Tell whether a folder of that name holds files that were put aside."""
    return _FORM.fullmatch(name) is not None
