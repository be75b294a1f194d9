"""The ownership of a folder that several servers share: its marker says so, and the catalog knows the marker's id."""

from dataclasses import dataclass
from pathlib import Path

from vectorstores_server.engines.local.directory.names import DATA_FOLDERS, TRASH, holds_data, is_of_a_system
from vectorstores_server.engines.local.directory.ownership import read_marker, write_marker
from vectorstores_server.system.posix import private_directory
from vectorstores_tools.contract.errors import Unavailable

SHARED = "shared"


@dataclass(frozen=True, slots=True)
class PlaceMarker:
    """The marker of a place that several servers share. `shown` is its address; `holds_data`: bytes are in it."""

    id: str
    shown: str
    holds_data: bool


def claim_folder(folder: Path) -> PlaceMarker:
    """Make sure that the folder is one of ours for several servers, a new one if it is empty.

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
    return PlaceMarker(str(marker["id"]), f"the folder {folder}", holds_data(folder))


def refuse_strange(found: PlaceMarker, bound: str | None) -> None:
    """Raise Unavailable where a place is not that of this catalog: a sweep would take what the catalog lacks.

    `bound` is the place that the catalog knows; None before there is one.
    """
    if bound == found.id or (bound is None and not found.holds_data):
        return
    raise Unavailable(
        f"What lies in {found.shown} belongs to another catalog.",
        "Set VECTOR_STORES_OBJECTS to the place of this one, or to a new one with a new schema.",
    )


def _refuse_others(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if not is_of_a_system(path.name))
    if others := set(names) - {*DATA_FOLDERS, TRASH}:
        raise Unavailable(
            f"The folder {folder} is not empty: it holds {min(others)}. Nothing in it was changed.",
            "Set VECTOR_STORES_OBJECTS to a new or an empty folder.",
        )
