"""The storage that several servers share: a catalog in PostgreSQL, and a place for bytes and index that all reach."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vectorstores_server.engines.local.catalog import Catalog, postgres_leases
from vectorstores_server.engines.local.catalog.connection import on_disk
from vectorstores_server.engines.local.catalog.postgres import PostgresCatalog
from vectorstores_server.engines.local.directory.ownership import claim
from vectorstores_server.engines.local.directory.shared_folder import PlaceMarker, claim_folder, refuse_strange
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.engines.local.files.blobs import Blobs
from vectorstores_server.engines.local.files.erasure import ContentSweep, FolderSweep
from vectorstores_server.engines.local.files.part_folder import PartFolder
from vectorstores_server.engines.local.files.upload_parts import UploadParts
from vectorstores_server.engines.local.index.folder_tables import FolderTables
from vectorstores_server.engines.local.index.places import TablePlace
from vectorstores_server.engines.local.leader.claims import LeasedClaims
from vectorstores_server.engines.local.leader.leases import Leases
from vectorstores_server.engines.local.objects.blob_objects import BlobObjects
from vectorstores_server.engines.local.objects.bucket import ObjectBucket
from vectorstores_server.engines.local.objects.local_files import LocalFiles
from vectorstores_server.engines.local.objects.ownership import claim_bucket
from vectorstores_server.engines.local.objects.part_objects import PartObjects
from vectorstores_server.engines.local.objects.place import ObjectPlace
from vectorstores_server.engines.local.objects.probe import probe
from vectorstores_server.engines.local.objects.sweep import ObjectSweep
from vectorstores_server.engines.local.objects.table_copies import TableCopies
from vectorstores_server.engines.local.objects.tables import ObjectTables
from vectorstores_server.engines.local.storage import EngineStorage

LEASE_SECONDS = 30.0
"""The time after which a server that says nothing has lost what it held."""
SHARE_OF_FILES = 10
"""The part of the copies that is for files, one in so many; the rest is for tables."""


@dataclass(frozen=True, slots=True)
class SharedPlace:
    """The bytes and the index that all servers reach. `claim` makes sure that the place is ours, and can be used."""

    blobs: Blobs
    parts: UploadParts
    sweep: Callable[[Catalog], ContentSweep]
    tables: TablePlace
    claim: Callable[[], Awaitable[PlaceMarker]]


def in_folder(folder: Path) -> SharedPlace:
    """Return a folder that all servers reach."""

    async def claimed() -> PlaceMarker:
        return await on_disk(folder, claim_folder, folder)

    sweep = partial(FolderSweep, directory=folder)
    return SharedPlace(
        BlobFolder(folder), PartFolder(folder), sweep, FolderTables(folder / "index", alone=False), claimed
    )


def in_objects(place: ObjectPlace, copies: Path, copies_bytes: int) -> SharedPlace:
    """Return an object storage, with copies on this machine in a folder, of so many bytes at most."""
    bucket = ObjectBucket(place)
    of_files = copies_bytes // SHARE_OF_FILES
    local = LocalFiles(copies / "files", of_files)
    tables = ObjectTables(bucket, TableCopies(bucket, copies / "tables", copies_bytes - of_files))

    async def claimed() -> PlaceMarker:
        await probe(bucket)
        return await claim_bucket(bucket)

    sweep = partial(ObjectSweep, bucket=bucket, local=local)
    return SharedPlace(BlobObjects(bucket, local), PartObjects(bucket, local), sweep, tables, claimed)


def over_postgres(
    catalog: PostgresCatalog, place: SharedPlace, directory: Path, *, lease_seconds: float = LEASE_SECONDS
) -> EngineStorage:
    """Return the storage of one server. `directory` is its own, for what is made there while it works."""

    async def prepare() -> None:
        await _prepare(catalog, place, directory)

    server = secrets.token_hex(8)
    claims = LeasedClaims(catalog, server, lease_seconds)
    leases = Leases(catalog, claims, lease_seconds)
    return EngineStorage(
        catalog=catalog,
        blobs=place.blobs,
        parts=place.parts,
        sweep=place.sweep,
        tables=place.tables,
        directory=directory,
        lock=leases.lock,
        claims=claims,
        server=server,
        prepare=prepare,
        keep=leases.keep,
    )


async def _prepare(catalog: PostgresCatalog, place: SharedPlace, directory: Path) -> None:
    """Make sure that place and catalog belong together. Raises Unavailable and DiskFull."""
    await catalog.prepared()
    await on_disk(directory, claim, directory)
    bound = await catalog.read(postgres_leases.place)
    found = await place.claim()
    refuse_strange(found, bound)
    if bound is None and not catalog.read_only:
        refuse_strange(found, await catalog.write(postgres_leases.bind, found.id))
