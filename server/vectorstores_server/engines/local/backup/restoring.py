"""The way back from a backup: everything is verified, then copied beside the data directory, then put in its place."""

import os
import secrets
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from vectorstores_server.engines.local.backup.making import COUNTS
from vectorstores_server.engines.local.backup.manifest import Manifest, Report, copy_file, hash_file
from vectorstores_server.engines.local.catalog.migrations import MIGRATIONS
from vectorstores_server.engines.local.directory.names import CATALOG, is_of_a_system
from vectorstores_server.engines.local.directory.ownership import claim
from vectorstores_server.system.posix import private_directory, sync_directory
from vectorstores_tools.contract.errors import DirectoryUpgraded, InvalidRequest, Unavailable

MOST_NAMED = 5


def restore(backup: Path, data: Path, report: Report) -> Manifest:
    """Put a backup in place as a data directory that is new or empty; nothing is ever overwritten.

    `report` counts each byte twice: when it is verified, and when it is copied. Raises InvalidRequest, Unavailable for
    a backup that is damaged, DirectoryUpgraded for one of a newer version, OSError. Until the very last step the data
    directory is untouched; what was copied beside it is removed again where that fails.
    """
    manifest = Manifest.read(backup)
    if manifest.schema > len(MIGRATIONS):
        raise DirectoryUpgraded(manifest.version)
    check_place(data)
    verify(backup, manifest, report)
    beside = data.with_name(f"{data.name}.restore-{secrets.token_hex(4)}")
    private_directory(beside)
    try:
        for name, expected in manifest.files.items():
            if copy_file(backup / name, beside / name, report) != expected:
                raise _damaged(backup, [name])
        claim(beside)
        check_catalog(beside, manifest)
        sync_directory(beside)
        check_place(data)
        with suppress(FileNotFoundError):
            data.rmdir()
        os.rename(beside, data)  # noqa: PTH104 fails where the place has been taken meanwhile
        sync_directory(data.parent)
    finally:
        if beside.exists():  # made by this call, under a name of its own
            shutil.rmtree(beside)
    return manifest


def check_place(data: Path) -> None:
    """Raise InvalidRequest unless there is no data directory yet, or an empty one."""
    if data.exists() and any(not is_of_a_system(path.name) for path in data.iterdir()):
        raise InvalidRequest(
            f"{data} is not empty, and a restore overwrites nothing.",
            "Name another directory with --data, or move this one away.",
        )


def verify(backup: Path, manifest: Manifest, report: Report) -> None:
    """Compare each file with its size and hash. Raises Unavailable, naming the first that differ."""
    wrong: list[str] = []
    for name, expected in manifest.files.items():
        try:
            found = hash_file(backup / name, report)
        except FileNotFoundError:
            found = None
        if found != expected:
            wrong.append(name)
    if wrong:
        raise _damaged(backup, wrong)


def check_catalog(data: Path, manifest: Manifest) -> None:
    """Ask SQLite whether the catalog is sound, and compare its counts. Raises Unavailable."""
    with closing(sqlite3.connect(data / CATALOG)) as db:
        sound = db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        counts = {name: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for name, table in COUNTS.items()}  # noqa: S608
    if not sound or counts != dict(manifest.counts):
        raise _damaged(data, [CATALOG])


def _damaged(backup: Path, names: list[str]) -> Unavailable:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return Unavailable(
        f"The backup {backup} is damaged: {', '.join(names[:MOST_NAMED])}{more} differ from what was written."
        " Nothing was restored.",
        "Use another backup.",
    )
