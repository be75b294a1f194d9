"""The storage of one engine: catalog, bytes, index and leadership, of one machine or shared by several servers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.upload_parts import UploadParts
from vectorstores_server.engines.local.leader import WorkLock
from vectorstores_server.engines.local.leader.file_lock import FileLock


@dataclass(frozen=True, slots=True)
class EngineStorage:
    """The places in which one engine keeps things. Nothing is opened before the first call.

    `directory` is this machine's own, `folder` holds the bytes and the index: the same one, unless several servers
    share a folder. `lock` makes the right to one kind of work.
    """

    catalog: Catalog
    blobs: Blobs
    parts: UploadParts
    directory: Path
    folder: Path
    lock: Callable[[str], WorkLock]


def in_directory(
    directory: Path,
    *,
    read_only: bool = False,
    version: str = "0",
    new_catalog: bool = False,
    own_log: Path | None = None,
) -> EngineStorage:
    """Return the storage in a data directory of this machine."""
    catalog = SqliteCatalog(directory, read_only=read_only, version=version, new_catalog=new_catalog, own_log=own_log)
    lock = partial(FileLock, directory)
    return EngineStorage(catalog, Blobs(directory), UploadParts(directory), directory, directory, lock)
