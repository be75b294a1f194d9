"""The ownership of a folder that several servers share: its marker says so, and the catalog knows the marker's id."""

from pathlib import Path

from vectorstores_server.engines.local.directory.names import DATA_FOLDERS, TRASH, holds_data, is_of_a_system
from vectorstores_server.engines.local.directory.ownership import read_marker, write_marker
from vectorstores_server.system.posix import private_directory
from vectorstores_tools.contract.errors import Unavailable

SHARED = "shared"


def claim_folder(folder: Path) -> str:
    """Make sure that the folder is one of ours for several servers, a new one if it is empty; return its id.

    Raises Unavailable, and OSError where it cannot be read.
    """
    private_directory(folder)
    marker = read_marker(folder)
    if marker is None:
        _refuse_others(folder)
        write_marker(folder, {SHARED: True})  # several servers may do so at once: one of them wins
        marker = read_marker(folder) or {}
    if marker.get(SHARED) is not True:
        raise Unavailable(
            f"The folder {folder} is the data directory of one machine.",
            "Set VECTOR_STORES_OBJECTS to another folder.",
        )
    return str(marker["id"])


def refuse_strange(folder: Path, found: str, bound: str | None) -> None:
    """Raise Unavailable where the folder is not that of this catalog: a sweep would take what the catalog lacks."""
    if bound == found or (bound is None and not holds_data(folder)):
        return
    raise Unavailable(
        f"The folder {folder} belongs to another catalog.",
        "Set VECTOR_STORES_OBJECTS to the folder of this one, or to a new one with a new schema.",
    )


def _refuse_others(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if not is_of_a_system(path.name))
    if others := set(names) - {*DATA_FOLDERS, TRASH}:
        raise Unavailable(
            f"The folder {folder} is not empty: it holds {min(others)}. Nothing in it was changed.",
            "Set VECTOR_STORES_OBJECTS to a new or an empty folder.",
        )
