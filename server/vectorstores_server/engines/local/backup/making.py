"""Making a backup while servers run.

The catalog is copied first, in one snapshot. Bytes, texts and the files of the index never change under their names, so
they can be copied after it; if one of them is deleted meanwhile, the backup begins again with a newer snapshot and
keeps what it has copied so far. Of each table of the index the version that is newest just after the snapshot is
copied: its files stay for some minutes, and rows that died since are deleted a minute later at the earliest. Nothing
waits for the backup, and the backup waits for nobody.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from vectorstores_server.engines.local.backup.manifest import (
    FILE_NAME,
    FileEntry,
    Manifest,
    Report,
    copy_file,
    hash_file,
)
from vectorstores_server.engines.local.catalog.connection import check_version, connect
from vectorstores_server.engines.local.catalog.reconciliation import rebuild
from vectorstores_server.engines.local.directory.names import CATALOG, files_below, is_ours, is_table
from vectorstores_server.engines.local.directory.removal import Removal
from vectorstores_server.engines.local.files.blob_folder import BlobFolder
from vectorstores_server.system.posix import private_directory, sync_directory
from vectorstores_tools.contract.errors import InvalidRequest, Unavailable

ATTEMPTS = 5
COUNTS = {"stores": "store", "files": "file", "attachments": "attachment"}


class _GoneError(Exception):
    """A file that the snapshot names was deleted before it was copied."""


@dataclass(frozen=True, slots=True)
class _Copying:
    """One backup, over its attempts: a file that was copied is not copied again."""

    data: Path
    target: Path
    report: Report
    copied: dict[str, FileEntry] = field(default_factory=dict[str, FileEntry])

    def copy(self, name: str) -> FileEntry:
        """Copy a file whose bytes never change, once. Raises FileNotFoundError where it is gone."""
        if name not in self.copied:
            self.copied[name] = copy_file(self.data / name, self.target / name, self.report)
        return self.copied[name]

    def erase_all_but(self, files: Mapping[str, FileEntry]) -> None:
        """Erase the files that an earlier attempt copied and the last one does not need."""
        Removal(self.target).erase([name for name in self.copied if name not in files])


def back_up(data: Path, target: Path, version: str, report: Report, *, with_index: bool = True) -> Manifest:
    """Copy the data directory into a new or empty folder. The caller has seen that the directory is ours.

    Raises InvalidRequest for a target that cannot be one, Unavailable where files kept going, OSError.
    """
    check_target(data, target)
    private_directory(target)
    copying = _Copying(data, target, report)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _attempt(copying, version, with_index=with_index)
        except _GoneError as gone:
            if attempt == ATTEMPTS:
                raise Unavailable(
                    f"Files were deleted faster than they could be copied, at last {gone}.", "Try again later."
                ) from gone
            Removal(target).erase([CATALOG])
    raise AssertionError  # the last attempt returns or raises


def check_target(data: Path, target: Path) -> None:
    """Raise InvalidRequest unless the folder is new or empty, and neither in the data directory nor around it."""
    data_path, target_path = data.resolve(), target.resolve()
    if data_path == target_path or data_path in target_path.parents or target_path in data_path.parents:
        raise InvalidRequest(
            f"{target} lies in the data directory {data}, or around it.", "Name a folder beside it or on another disk."
        )
    if (target / FILE_NAME).exists():
        raise InvalidRequest(f"{target} holds a backup already.", "Name a new folder for each backup.")
    if target.exists() and any(target.iterdir()):
        raise InvalidRequest(f"{target} is not empty.", "Name a new or an empty folder.")


def bytes_to_copy(data: Path, *, with_index: bool = True) -> int:
    """Return about how many bytes a backup has, for its progress bar."""
    folders = ("blobs", "text", "index") if with_index else ("blobs", "text")
    sizes = [_size(data / name) for name in files_below(data, folders)]
    return sum(sizes) + _size(data / CATALOG)


def _attempt(copying: _Copying, version: str, *, with_index: bool) -> Manifest:
    data, target = copying.data, copying.target
    files: dict[str, FileEntry] = {}
    schema, counts, hashes, tables = _copy_catalog(data, target, with_index=with_index)
    files[CATALOG] = hash_file(target / CATALOG, copying.report)
    # Before anything else is copied: the versions of the tables that belong to the snapshot.
    versions = {table: _manifests(data, table) for table in tables} if with_index else {}
    for table, manifests in versions.items():
        files |= _copy_table(copying, table, manifests)
    files |= _copy_content(copying, hashes)
    copying.erase_all_but(files)
    manifest = Manifest(version, schema, int(time.time()), with_index, counts, files)
    sync_directory(target)
    manifest.write(target)
    return manifest


def _copy_catalog(data: Path, target: Path, *, with_index: bool) -> tuple[int, Mapping[str, int], list[str], list[str]]:
    """Copy the catalog in one snapshot; return its schema, its counts, the hashes of Files, the live tables."""
    path = target / CATALOG
    with closing(connect(data / CATALOG)) as db:
        db.execute("VACUUM INTO ?", (str(path),))
    path.chmod(0o600)
    with closing(sqlite3.connect(path)) as copy:
        copy.row_factory = sqlite3.Row
        schema = check_version(copy)
        # The next worker compares every table with the catalog first.
        copy.execute("UPDATE worker SET clean = 0")
        # Parts of uploads that are under way are not copied: such an upload ends with the copy.
        copy.execute("UPDATE upload SET status = 'cancelled' WHERE status = 'pending'")
        copy.execute("DELETE FROM part")
        if not with_index:
            for row in copy.execute("SELECT id FROM store WHERE expired = 0").fetchall():
                rebuild(copy, row["id"], int(time.time()))
        copy.commit()
        counts = {name: copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for name, table in COUNTS.items()}  # noqa: S608
        hashes = [row["sha256"] for row in copy.execute("SELECT DISTINCT sha256 FROM file ORDER BY sha256")]
        tables = [
            row["name"] for row in copy.execute("SELECT name FROM store_table WHERE state = 'live' ORDER BY name")
        ]
    return schema, counts, hashes, [table for table in tables if is_table(table)]


def _manifests(data: Path, table: str) -> list[str]:
    """Name the manifests of a table, the newest last. The names count the versions either up or down."""
    folder = f"index/{table}.lance/_versions"
    return (
        sorted(files_below(data, (folder,)), key=lambda name: _version(Path(name).name))
        if (data / folder).is_dir()
        else []
    )


def _version(name: str) -> int:
    """Return the version of a manifest. Names of the newer form count down from 2**64 - 1."""
    number = int(digits) if (digits := name.partition(".")[0]).isdecimal() else -1
    return 2**64 - 1 - number if number > 2**63 else number


def _copy_table(copying: _Copying, table: str, manifests: list[str]) -> dict[str, FileEntry]:
    if not manifests:
        return {}
    files: dict[str, FileEntry] = {}
    for name in _files_of(copying.data, table):
        try:
            files[name] = copying.copy(name)
        except FileNotFoundError:
            continue  # of a version pruned meanwhile; if it is needed after all, verifying the copy finds that
    try:
        files[manifests[-1]] = copying.copy(manifests[-1])
    except FileNotFoundError as error:
        raise _GoneError(manifests[-1]) from error
    return files


def _files_of(data: Path, table: str) -> Iterator[str]:
    """Yield the files of a table that are ours, without the manifests."""
    for name in files_below(data, (f"index/{table}.lance",)):
        if is_ours(name) and "/_versions/" not in name:
            yield name


def _copy_content(copying: _Copying, hashes: list[str]) -> dict[str, FileEntry]:
    """Copy each File's bytes, and the text that was made of them where there is one."""
    files: dict[str, FileEntry] = {}
    blobs = BlobFolder(copying.data)
    for sha256 in hashes:
        blob, text = f"blobs/{sha256}", f"text/{blobs.text_path(sha256).name}"
        try:
            files[blob] = copying.copy(blob)
        except FileNotFoundError as error:
            if _is_named(copying.data, sha256):
                continue  # it was missing before; the other files are kept, and `doctor --check` names the missing ones
            raise _GoneError(blob) from error
        try:
            files[text] = copying.copy(text)
        except FileNotFoundError:
            continue  # a cache: it is made again
    return files


def _is_named(data: Path, sha256: str) -> bool:
    with closing(connect(data / CATALOG)) as db:
        return db.execute("SELECT 1 FROM file WHERE sha256 = ?", (sha256,)).fetchone() is not None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
