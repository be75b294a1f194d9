"""The sources of one call on their way in: small files that are at hand together, any other by itself.

A file of a few lines costs more in transactions, syncs and ways to a thread than in bytes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from vectorstores_server.engines.local.catalog import Catalog
from vectorstores_server.engines.local.catalog.ids import clock, new_id
from vectorstores_server.engines.local.catalog.places import Origin
from vectorstores_server.engines.local.catalog.sources import (
    EnteredSource,
    NewSource,
    all_standing,
    enter_all,
    reattach,
    standing,
)
from vectorstores_server.engines.local.files.blobs import Blobs, ReceivedBytes
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.errors import InvalidRequest, TooLarge
from vectorstores_tools.contract.intake import Source, storable
from vectorstores_tools.contract.models import File
from vectorstores_tools.contract.requests import FileExpiresAfter

RUN = 32
"""The most sources of a run, which are entered in one transaction."""
RUN_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class HeldSource:
    """A source that was taken from the caller, and what the catalog knows it by."""

    source: Source
    origin: Origin

    @classmethod
    def of(cls, source: Source) -> "HeldSource":
        """Note the time at which it was taken: it tells whether its times on disk can be relied on."""
        folder = None if source.folder is None else storable(source.folder)
        return cls(source, Origin(storable(source.origin), source.sha256, folder, source.stat, time.time_ns()))

    def origin_of(self, received: ReceivedBytes) -> Origin:
        """Return its origin; the bytes that came are what counts, should the file have changed since it was hashed."""
        if received.sha256 == self.origin.sha256:
            return self.origin
        return replace(self.origin, sha256=received.sha256, stat=None)


@dataclass(slots=True)
class SourceTaking:
    """The sources of one call, and what has become of them so far. A run is empty once it is taken."""

    catalog: Catalog
    blobs: Blobs
    limit: int
    store_id: str
    options: AttachOptions
    entered: list[EnteredSource]
    run: list[HeldSource] = field(default_factory=list[HeldSource])
    batch_id: str | None = None
    notes: list[str] = field(default_factory=list[str])

    def hold(self, source: Source) -> bool:
        """Add a source to the run; tell whether it may wait for the next one."""
        self.run.append(HeldSource.of(source))
        room = len(self.run) < RUN and sum(held.source.size for held in self.run) < RUN_BYTES
        return source.at_hand and room

    async def take(self) -> None:
        """Attach the run. What could not be attached stays in it when an error is raised."""
        while self.run:
            part = self._at_hand()
            if len(part) > 1:
                await self._take_together(part)
            for held in [held for held in part or self.run[:1] if held in self.run]:
                await self._take_alone(held)
                self.run.remove(held)

    def _at_hand(self) -> list[HeldSource]:
        """Return the first sources of the run, as many as can be taken together: no two of one origin."""
        part: dict[str, HeldSource] = {}
        for held in self.run:
            small = held.source.at_hand and 0 < held.source.size <= self.limit
            if not small or held.origin.source in part:
                break
            part[held.origin.source] = held
        return list(part.values())

    async def take_what_is_at_hand(self) -> None:
        """Attach the run as far as that does not wait for anybody."""
        self.run = [held for held in self.run if held.source.at_hand]
        await self.take()

    async def _take_together(self, run: Sequence[HeldSource]) -> None:
        """Attach the new ones among sources in one transaction, and take note of those of which nothing is to be done.

        Others, which failed before or get other options, stay in the run.
        """
        states = await self.catalog.read(all_standing, self.store_id, [held.origin for held in run], self.options)
        before = dict(zip(run, states, strict=True))
        new = [held for held in run if before[held] is None]
        contents = [b"".join([piece async for piece in held.source.stream]) for held in new]
        async with self.blobs.receive_all(contents) as received:
            sources = [self._new(*pair) for pair in zip(new, received, strict=True)]
            entries = await self.catalog.write(
                enter_all, self.store_id, sources, self.blobs.sync, self.options, self.batch_id, clock()
            )
        done = dict(zip(new, entries, strict=True))
        done |= {held: EnteredSource(known.file_id, None) for held, known in before.items() if known and known.idle}
        self._note([done[held] for held in run if held in done])
        self.run = [held for held in self.run if held not in done]

    def _new(self, held: HeldSource, received: ReceivedBytes) -> NewSource:
        file = make_file(held.source.filename, "assistants", received.size, None)
        return NewSource(held.origin_of(received), file, lambda: self.blobs.rename(received))

    async def _take_alone(self, held: HeldSource) -> None:
        """Attach a source; a note says what is wrong with one that cannot be."""
        try:
            self._note([await self._entered(held)])
        except (InvalidRequest, TooLarge) as error:
            if error.param != "file":
                raise
            self.notes.append(f"{held.source.origin}: {error.fact} It was not uploaded.")

    async def _entered(self, held: HeldSource) -> EnteredSource:
        catalog, store_id, options = self.catalog, self.store_id, self.options
        known = await catalog.read(standing, store_id, held.origin, options)
        if known is not None and known.idle:
            return EnteredSource(known.file_id, None)
        if known is not None:
            again = await catalog.write(reattach, store_id, held.origin, options, self.batch_id, clock())
            if again is not None:
                return again
        async with self.blobs.receive(held.source.stream, self.limit) as received:
            new = [self._new(held, received)]
            [entry] = await catalog.write(enter_all, store_id, new, self.blobs.sync, options, self.batch_id, clock())
            return entry

    def _note(self, entries: Sequence[EnteredSource]) -> None:
        self.entered += entries
        self.batch_id = next((entry.batch_id for entry in reversed(entries) if entry.batch_id), self.batch_id)


def make_file(filename: str, purpose: str, size: int, expires_after: FileExpiresAfter | None) -> File:
    """Return a new File object. Raises InvalidRequest when there are no bytes."""
    if not size:
        raise InvalidRequest(f"The file {filename} is empty.", "Upload one that has text in it.", param="file")
    now = clock()
    expires_at = now + expires_after.seconds if expires_after else None
    return File(
        id=new_id("file-"),
        bytes=size,
        created_at=now,
        expires_at=expires_at,
        filename=storable(filename),
        purpose=purpose,
    )
