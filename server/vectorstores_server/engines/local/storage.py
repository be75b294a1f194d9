"""The storage of one engine: catalog, bytes, index and leadership, of one machine or shared by several servers."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio.lowlevel

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.erasure import ContentSweep, FolderSweep
from vectorstores_server.engines.local.files.part_folder import PartFolder
from vectorstores_server.engines.local.files.upload_parts import UploadParts
from vectorstores_server.engines.local.index.folder_tables import FolderTables
from vectorstores_server.engines.local.index.places import TablePlace
from vectorstores_server.engines.local.leader import Claims, WorkLock
from vectorstores_server.engines.local.leader.claims import OnlyWorker
from vectorstores_server.engines.local.leader.file_lock import FileLock


@dataclass(frozen=True, slots=True)
class EngineStorage:
    """The places in which one engine keeps things. Nothing is opened before the first call.

    `directory` is this machine's own: it holds the rest, too, unless several servers share that. `lock` makes the right
    to one kind of work, `claims` give the files that wait, `sweep` makes the erasure of what a catalog does not name.
    `server` names this process among several servers, None on one machine. `prepare` is called before the first use,
    `keep` runs as long as the engine does.
    """

    catalog: Catalog
    blobs: Blobs
    parts: UploadParts
    sweep: Callable[[Catalog], ContentSweep]
    tables: TablePlace
    directory: Path
    lock: Callable[[str], WorkLock]
    claims: Claims
    server: str | None = None
    prepare: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint
    keep: Callable[[], Coroutine[Any, Any, None]] | None = None


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
    lock, sweep = partial(FileLock, directory), partial(FolderSweep, directory=directory)
    claims = OnlyWorker(catalog)
    tables = FolderTables(directory / "index")
    return EngineStorage(catalog, BlobFolder(directory), PartFolder(directory), sweep, tables, directory, lock, claims)
