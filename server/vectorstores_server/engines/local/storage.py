"""The storage of one engine: catalog, bytes, index and leadership, of one machine or shared by several servers."""

import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
import anyio.to_thread

from vectorstores_server.engines.local.catalog import Catalog, postgres_leases
from vectorstores_server.engines.local.catalog.connection import translated
from vectorstores_server.engines.local.catalog.database import SqliteCatalog
from vectorstores_server.engines.local.directory.ownership import claim
from vectorstores_server.engines.local.directory.shared_folder import claim_folder, refuse_strange
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.erasure import ContentSweep, FolderSweep
from vectorstores_server.engines.local.files.part_folder import PartFolder
from vectorstores_server.engines.local.files.upload_parts import UploadParts
from vectorstores_server.engines.local.leader import Claims, WorkLock
from vectorstores_server.engines.local.leader.claims import OnlyWorker
from vectorstores_server.engines.local.leader.file_lock import FileLock
from vectorstores_tools.contract.errors import NotSupported

if TYPE_CHECKING:
    from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog

SECONDS = 30.0
"""The time after which a server that says nothing has lost its leases."""


@dataclass(frozen=True, slots=True)
class EngineStorage:
    """The places in which one engine keeps things. Nothing is opened before the first call.

    `directory` is this machine's own, `folder` holds the bytes and the index: the same one, unless several servers
    share a folder. `lock` makes the right to one kind of work, `claims` give the files that wait, `sweep` makes the
    erasure of what a catalog does not name. `server` names this process among several servers, None on one machine.
    `prepare` is called before the first use, `keep` runs as long as the engine does.
    """

    catalog: Catalog
    blobs: Blobs
    parts: UploadParts
    sweep: Callable[[Catalog], ContentSweep]
    directory: Path
    folder: Path
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
    return EngineStorage(
        catalog, BlobFolder(directory), PartFolder(directory), sweep, directory, directory, lock, claims
    )


def over_postgres(
    address: str,
    schema: str,
    folder: Path,
    directory: Path,
    *,
    password: str | None = None,
    read_only: bool = False,
    version: str = "0",
    lease_seconds: float = SECONDS,
) -> EngineStorage:
    """Return the storage that several servers share: a catalog in PostgreSQL, and a folder that all of them reach.

    `directory` is this server's own, for what is made there while it works.
    """
    from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
    from vectorstores_server.engines.local.leader.claims import LeasedClaims
    from vectorstores_server.engines.local.leader.leases import Leases

    async def prepare() -> None:
        await _prepare(catalog, folder, directory)

    catalog = PostgresCatalog(address, schema, password=password, read_only=read_only, version=version)
    server = secrets.token_hex(8)
    claims = LeasedClaims(catalog, server, lease_seconds)
    leases = Leases(catalog, claims, lease_seconds)
    return EngineStorage(
        catalog,
        BlobFolder(folder),
        PartFolder(folder),
        partial(FolderSweep, directory=folder),
        directory,
        folder,
        leases.lock,
        claims,
        server,
        prepare,
        leases.keep,
    )


def folder_of(url: str) -> Path:
    """Return the folder that a file:// URL names. Raises NotSupported for another place."""
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.scheme != "file":
        raise NotSupported(
            f"Objects in {parts.scheme}:// are not kept yet;", "set VECTOR_STORES_OBJECTS to file:///FOLDER."
        )
    return Path(unquote(parts.path))


async def _prepare(catalog: "PostgresCatalog", folder: Path, directory: Path) -> None:
    """Make sure that folder and catalog belong together. Raises Unavailable and DiskFull."""
    await catalog.prepared()
    bound = await catalog.read(postgres_leases.place)

    def claims() -> str:
        claim(directory)
        found = claim_folder(folder)
        refuse_strange(folder, found, bound)
        return found

    try:
        found = await anyio.to_thread.run_sync(claims)
    except OSError as error:
        raise translated(error, folder) from error
    if bound is None and not catalog.read_only and await catalog.write(postgres_leases.bind, found) != found:
        refuse_strange(folder, found, "")
