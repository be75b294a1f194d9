"""One walk of a mirror: the folder is compared with its files in the store, and the store is made equal to it.

However a walk ends, its work stays, and the next one goes on: a file that was taken looks unchanged from then on.
"""

import os
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from anyio import to_thread

from vectorstores_server.mirrors.comparison import FolderChanges, GoneFiles, compare, counts_of, too_many
from vectorstores_tools.contract.engine import AttachOptions, Engine
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.intake import FolderIntake, FolderListing, Source, storable
from vectorstores_tools.contract.mirrors import Mirror, MirroredFile, MirrorRecords, Rename, State, WalkReport
from vectorstores_tools.contract.requests import MAX_FILES_IN_BATCH

MOST_FILES = 100_000
RECENT = 60.0
"""Seconds for which removed files count as gone: a large removal may come in pieces."""


@dataclass(slots=True)
class WalkOutcome:
    """The end of a walk. `waits`: more files are gone than may go, and they may yet be found elsewhere."""

    state: State
    waits: bool = False


@dataclass(frozen=True, slots=True)
class SeenFolder:
    """The result of one look: the number of files known and found, the changes, and the obstacle to a walk, if any."""

    known: int
    found: int
    changes: FolderChanges = field(default_factory=FolderChanges)
    gone: GoneFiles = field(default_factory=GoneFiles)
    trouble: tuple[State, str] | None = None


@dataclass(slots=True)
class MirrorWalk:
    """The walks of one mirror in one process, one after the other.

    `patience` are the seconds in which files that are gone may turn up elsewhere, before the mirror is paused.
    """

    engine: Engine
    records: MirrorRecords
    intake: FolderIntake
    mirror: Mirror
    patience: float = 30.0
    watched: str | None = None
    gone_since: float | None = None
    counts: Counter[str] = field(default_factory=Counter[str])
    removed: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    batch_id: str | None = None

    async def now(self) -> Mirror | None:
        """Return the mirror as it is now; None when it has ended."""
        return await self.records.find(self.mirror.id)

    async def run(self, within: Sequence[Path] = ()) -> WalkOutcome | None:
        """Walk the folder, or the folders `within` it; None when the mirror has ended.

        Raises VectorStoreError where the store cannot be used.
        """
        mirror = await self.now()
        if mirror is None:
            return None
        self.mirror = mirror
        seen = await self._seen(() if mirror.due else within)
        if seen.trouble is not None:
            self.counts = Counter(self.mirror.counts)
            return await self._end(*seen.trouble)
        self.counts = Counter({"found": seen.found})
        if seen.gone.left:
            self.counts["before"] = self._before(seen)
        failed: list[str] = []
        await self._take(seen.changes, seen.gone, failed)
        return await self._part(seen.gone.left, self.counts["before"])

    async def plan(self) -> tuple[FolderChanges, Sequence[Rename], tuple[State, str] | None]:
        """Return the plan of a walk, changing nothing: the changes, the renames, and the obstacle, if any."""
        seen = await self._seen()
        if seen.trouble is not None:
            return FolderChanges(), [], seen.trouble
        changes, gone = seen.changes, seen.gone
        renames: list[Rename] = []
        new: list[str] = []
        for path in changes.new:
            moved = await self._found_again(path, gone)
            if moved is None:
                new.append(path)
            else:
                renames.append(moved)
        hashes = {file.source: file.sha256 for file in await self._files()} if changes.changed else {}
        changed = [path for path in changes.changed if await self._differs(path, hashes)]
        same = changes.same + len(changes.changed) - len(changed)
        left = FolderChanges(new, changed, same, gone.left)
        if too_many(len(gone.left), self._before(seen)) and not self.mirror.confirmed:
            return left, renames, ("paused", _many(len(gone.left), self._before(seen)))
        return left, renames, None

    async def _seen(self, within: Sequence[Path] = ()) -> SeenFolder:
        """Look at the folder, or at those `within` it, and at the store's files from it."""
        mirror = self.mirror
        listing = await self.intake.walk(mirror.folder, within)
        if within and not listing.files:  # it may be that nothing is left anywhere
            within, listing = (), await self.intake.walk(mirror.folder)
        known = await self.records.stats(mirror.store_id, mirror.folder)
        found = len(known) if within else len(listing.files)
        if (trouble := self._trouble(listing, len(known), whole=not within)) is not None:
            return SeenFolder(len(known), found, trouble=trouble)
        differs = compare(known, listing, within)
        missed = [file for file in await self._files() if file.source in differs.gone] if differs.gone else []
        gone = [file for file in missed if not await self._kept(file)]
        changes = FolderChanges(differs.new, differs.changed, differs.same, gone)
        return SeenFolder(len(known), found, changes, GoneFiles.of(gone))

    def _before(self, seen: SeenFolder) -> int:
        """Return how many files the store had when the first of those that are gone was missed.

        Files taken since do not make their share smaller, whichever process took them.
        """
        return min(seen.known, self.mirror.counts.get("before", seen.known))

    async def _files(self) -> Sequence[MirroredFile]:
        return await self.records.files(self.mirror.store_id, self.mirror.folder)

    def _trouble(self, listing: FolderListing, known: int, *, whole: bool) -> tuple[State, str] | None:
        """Return the reason why nothing may be changed, None where all is well."""
        if Path(self.mirror.folder) in listing.unreadable:
            return "unreadable", "The folder cannot be read; nothing was changed."
        if listing.full or len(listing.files) > MOST_FILES:
            return "unreadable", f"The folder holds more than {MOST_FILES:,} files; nothing was changed."
        if whole and known and not listing.files and not self.mirror.confirmed:
            return "unreadable", "The folder is empty; nothing was changed. Is its disk mounted?"
        return None

    async def _kept(self, file: MirroredFile) -> bool:
        """Tell whether a file is kept though the walk passed it over: it was named by itself, and is still there."""
        return file.alone and await to_thread.run_sync(os.path.lexists, file.source)

    async def _take(self, changes: FolderChanges, gone: GoneFiles, failed: list[str]) -> None:
        """Take the files that are new or look changed, in runs of one batch each."""
        self.counts["of"] = len(changes.changed) + len(changes.new)
        for paths, are_new in ((changes.changed, False), (changes.new, True)):
            for first in range(0, len(paths), MAX_FILES_IN_BATCH):
                run = _Run(self, paths[first : first + MAX_FILES_IN_BATCH], gone if are_new else None, failed)
                await self._take_run(run)
        self.counts["failed"] = len(failed)
        del self.counts["of"], self.counts["done"]

    async def _take_run(self, run: "_Run") -> None:
        """Take one batch. Attributes and sizes that the mirror was made with are those of new files alone."""
        store_id = self.mirror.store_id
        options = AttachOptions() if run.gone is None else self.mirror.options
        async with aclosing(run.sources()) as sources:
            done = await self.engine.attach_sources(store_id, sources, options)
        await self.records.rename(store_id, run.renames)
        self.counts["renamed"] += len(run.renames)
        self.counts["changed" if run.gone is None else "added"] += done.uploaded + run.taken_back
        self.counts["done"] += len(run.paths)
        if done.uploaded and done.batch is not None:
            self.batch_id = done.batch.id
        await self._note("mirrored", None)

    async def _part(self, left: Sequence[MirroredFile], known: int) -> WalkOutcome:
        """Take out the files that are gone, unless they are so many that somebody has to agree."""
        now = anyio.current_time()
        while self.removed and self.removed[0][0] < now - RECENT:
            self.removed.popleft()
        recent = sum(count for _, count in self.removed)
        if too_many(len(left) + recent, known + recent) and left and not self.mirror.confirmed:
            self.counts["gone"] = len(left)
            self.gone_since = now if self.gone_since is None else self.gone_since
            waits = now < self.gone_since + self.patience
            if waits and self.mirror.state != "paused":
                await self._note("mirrored", None)
                return WalkOutcome("mirrored", waits=True)
            return await self._end("paused", _many(len(left), known))
        self.gone_since = None
        self.counts.pop("before", None)
        parted = await self.records.remove(self.mirror.store_id, [file.source for file in left])
        self.counts["removed"] = parted
        self.removed.append((now, parted))
        return await self._end("mirrored", None)

    async def _end(self, state: State, note: str | None) -> WalkOutcome:
        await self._note(state, note, walked=self.mirror.asked)
        return WalkOutcome(state)

    async def _note(self, state: State, note: str | None, walked: int = 0) -> None:
        report = WalkReport(state, note, counts_of(**self.counts), walked, self.watched, self.batch_id)
        await self.records.note(self.mirror.id, report)

    async def _found_again(self, path: str, gone: GoneFiles) -> Rename | None:
        try:
            async with self.intake.open(path, None) as source:
                return gone.renamed(path, source.sha256, source.stat)
        except VectorStoreError:
            return None

    async def _differs(self, path: str, hashes: Mapping[str, str]) -> bool:
        try:
            async with self.intake.open(path, None) as source:
                return source.sha256 != hashes.get(storable(path))
        except VectorStoreError:
            return False


@dataclass(slots=True)
class _Run:
    """The files of one batch, opened one after the other."""

    walk: MirrorWalk
    paths: Sequence[str]
    gone: GoneFiles | None
    """Those of which new files may be the new place; None where no file of this run is new."""
    failed: list[str]
    renames: list[Rename] = field(default_factory=list[Rename])
    taken_back: int = 0

    async def sources(self) -> AsyncGenerator[Source]:
        """Yield the sources to attach; files that have only moved, or were kept, are left out."""
        mirror = self.walk.mirror
        for path in self.paths:
            try:
                async with self.walk.intake.open(path, None) as source:
                    if self.gone is not None and await self._known_elsewhere(path, source, self.gone):
                        continue
                    yield replace(source, folder=mirror.folder)
            except VectorStoreError:
                self.failed.append(path)

    async def _known_elsewhere(self, path: str, source: Source, gone: GoneFiles) -> bool:
        moved = gone.renamed(path, source.sha256, source.stat)
        if moved is not None:
            self.renames.append(moved)
            return True
        if await self.walk.records.take_back(self.walk.mirror.store_id, source) is None:
            return False
        self.taken_back += 1
        return True


def _many(gone: int, known: int) -> str:
    return (
        f"{gone:,} of {known:,} files are gone from the folder; none was taken out. If they are to go, agree:"
        " batch_attach with mirror='on' and confirm=true, or sync --yes."
    )
