"""Copies of tables in a folder of this machine: LanceDB's files never change once written, so that a copy is a cache.

A copy is brought up to date by one listing, or by none where it is no older than the version that is asked for. Files
get their names when they are whole, and manifests come last: what a crash leaves is an older version, or no table. The
newest manifest is taken alone, so that of the table one version is readable here, the newest that was there at the
listing. Files that the table has no more go a while later: somebody may be reading.

Several processes may share the folder: they write the same files under the same names. Where a copy is broken,
because another process made room, the table is read where it lies.
"""

import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio
from anyio import to_thread

from vectorstores_server.engines.local.catalog.connection import translated
from vectorstores_server.engines.local.objects.bucket import ObjectBucket, StoredObject
from vectorstores_server.engines.local.objects.parallel import side_by_side
from vectorstores_server.system.posix import private_directory

P = ParamSpec("P")
T = TypeVar("T")

UNFINISHED = ".tmp"
LAPSE_SECONDS = 300.0
"""The time for which files stay that the table has no more, and for which a known version is enough."""
ATTEMPTS = 3
NOT_READ = ("_versions/", "_transactions/")
_COUNTS_DOWN_FROM = 2**64 - 1


@dataclass(slots=True)
class TableCopy:
    """The state of one copy. `files`: name -> bytes of what is here; `version`: the one that is readable, 0 for none.

    `looked_at`: the time at which the listing began that it was brought up to date by.
    """

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    files: dict[str, int] | None = None
    version: int = 0
    looked_at: float = float("-inf")
    used_at: float = float("-inf")
    gone: dict[str, float] = field(default_factory=dict[str, float])


class TableCopies:
    """The folder, `most_bytes` at most. Methods raise Unavailable where the storage is away, and DiskFull."""

    def __init__(self, bucket: ObjectBucket, folder: Path, most_bytes: int, *, lapse: float = LAPSE_SECONDS) -> None:
        self.folder = folder
        self._bucket = bucket
        self._most_bytes = most_bytes
        self._lapse = lapse
        self._copies: dict[str, TableCopy] = {}
        self._beginning, self._begun = anyio.Lock(), False

    async def bring_up_to_date(self, table: str, version: int | None = None) -> bool:
        """Make the newest version readable here, or one not older than `version`; False for a table that is too large.

        A table that is not there has no copy either.
        """
        asked_at = time.monotonic()
        copy = self._copies.setdefault(table, TableCopy())
        copy.used_at = asked_at
        if version is not None and copy.version >= version and asked_at - copy.looked_at < self._lapse:
            return True
        async with self._beginning:
            if not self._begun:
                await self._begin()
                self._begun = True
        async with copy.lock:
            if copy.looked_at < asked_at:  # nobody has looked since this call began
                await self._refresh(table, copy)
        return copy.version > 0

    async def forget(self, table: str) -> None:
        """Remove a copy."""
        copy = self._copies.setdefault(table, TableCopy())
        async with copy.lock:
            await self._remove(table, copy)

    @property
    def nbytes(self) -> int:
        """The bytes of the copies that this process knows."""
        return sum(sum(copy.files.values()) for copy in self._copies.values() if copy.files)

    async def _refresh(self, table: str, copy: TableCopy) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            began = time.monotonic()
            listed = await self._bucket.list(f"index/{table}.lance")
            try:
                await self._follow(table, copy, listed)
            except FileNotFoundError:  # pruned meanwhile here or there: with a newer listing once more
                copy.files = None
                if attempt == ATTEMPTS:
                    raise self._bucket.away() from None
                continue
            copy.looked_at = began
            return

    async def _follow(self, table: str, copy: TableCopy, listed: Sequence[StoredObject]) -> None:
        """Copy what a listing has and the copy lacks."""
        prefix = f"index/{table}.lance/"
        there = {stored.name.removeprefix(prefix): stored for stored in listed}
        manifests = {_version(name): name for name in there if _is_manifest(name)}
        wanted = {name: stored for name, stored in there.items() if not name.startswith(NOT_READ)}
        size = sum(stored.size for stored in wanted.values())
        if not manifests or size > self._most_bytes:
            await self._remove(table, copy)
            return
        if copy.files is None:
            copy.files = await self._run(_present, self._of(table))
        newest = max(manifests)
        await self._make_room(table, size)
        await self._fetch(table, copy, wanted)
        await self._fetch(table, copy, {manifests[newest]: there[manifests[newest]]})
        copy.version = newest
        await self._drop_old(table, copy, {*wanted, manifests[newest]})

    async def _fetch(self, table: str, copy: TableCopy, wanted: dict[str, StoredObject]) -> None:
        files = copy.files if copy.files is not None else {}
        missing = [(name, stored) for name, stored in wanted.items() if files.get(name) != stored.size]

        async def fetch(name: str, stored: StoredObject) -> None:
            path = self._of(table) / name
            unfinished = path.with_name(f"{secrets.token_hex(16)}{UNFINISHED}")
            try:
                await self._bucket.download(stored.name, stored.size, unfinished)
                await self._run(unfinished.replace, path)
            finally:
                with anyio.CancelScope(shield=True):
                    await self._run(unfinished.unlink, missing_ok=True)
            files[name] = stored.size

        await side_by_side([partial(fetch, *of) for of in missing])

    async def _drop_old(self, table: str, copy: TableCopy, kept: set[str]) -> None:
        """Remove files that the table has had no more for a while, and older manifests at once."""
        now, files = time.monotonic(), copy.files or {}
        copy.gone = {name: copy.gone.get(name, now) for name in files if name not in kept}
        doomed = [n for n, since in copy.gone.items() if _is_manifest(n) or now - since >= self._lapse]
        for name in doomed:
            await self._run((self._of(table) / name).unlink, missing_ok=True)
            del files[name], copy.gone[name]

    async def _make_room(self, table: str, size: int) -> None:
        """Remove the copies that were least recently used."""
        others = sorted((other.used_at, name) for name, other in self._copies.items() if name != table and other.files)
        for _, name in others:
            kept = sum(sum(c.files.values()) for n, c in self._copies.items() if n != table and c.files)
            if kept + size <= self._most_bytes:
                return
            await self._remove(name, self._copies[name])

    async def _remove(self, table: str, copy: TableCopy) -> None:
        """Take a copy away at once, so that nobody finds half of it."""
        copy.files, copy.version, copy.gone = None, 0, {}
        aside = self.folder / f"{secrets.token_hex(16)}{UNFINISHED}"

        def remove() -> None:
            with suppress(FileNotFoundError):
                self._of(table).rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

        await self._run(remove)

    async def _begin(self) -> None:
        """Take note of the copies that are here, and remove what was left of some."""
        for table in await self._run(_tables, self.folder):
            copy = self._copies.setdefault(table, TableCopy())
            copy.files = await self._run(_present, self._of(table)) if copy.files is None else copy.files

    async def _run(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await to_thread.run_sync(partial(fn, *args, **kwargs))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise translated(error, self.folder) from error

    def _of(self, table: str) -> Path:
        return self.folder / f"{table}.lance"


def _tables(folder: Path) -> list[str]:
    private_directory(folder)
    for path in folder.glob(f"*{UNFINISHED}"):
        shutil.rmtree(path, ignore_errors=True)
    return [path.stem for path in folder.glob("*.lance")]


def _present(folder: Path) -> dict[str, int]:
    """Return the files of a copy with their sizes; unfinished ones are removed."""
    found: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.suffix == UNFINISHED:
            path.unlink(missing_ok=True)
        elif path.is_file():
            found[path.relative_to(folder).as_posix()] = path.stat().st_size
    return found


def _is_manifest(name: str) -> bool:
    return name.startswith("_versions/") and name.endswith(".manifest")


def _version(name: str) -> int:
    """Return the version of a manifest. Names of the newer form count down from 2**64 - 1."""
    digits = name.rpartition("/")[2].partition(".")[0]
    number = int(digits) if digits.isdecimal() else -1
    return _COUNTS_DOWN_FROM - number if number > 2**63 else number
