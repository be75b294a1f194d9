"""The folders in which a data directory keeps what was put aside: damaged, or in the way. Nothing ever sweeps them."""

import re
import time
from pathlib import Path

from vectorstores_server.system.posix import private_directory

_FORM = re.compile(r"aside-[0-9]{8}T[0-9]{6}")


def aside_folder(directory: Path) -> Path:
    """Make the folder for what is put aside now, and return it; one that is made in the same second is the same."""
    folder = directory / time.strftime("aside-%Y%m%dT%H%M%S")
    private_directory(folder)
    return folder


def is_aside(name: str) -> bool:
    """Tell whether a folder of that name holds what was put aside."""
    return _FORM.fullmatch(name) is not None
