"""Sources that are uploaded and attached in one go, known again by the marks that their files carry."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from vectorstores_server.engines.remote.attachments.attaching import Attachments
from vectorstores_server.engines.remote.attachments.provenance import (
    SHA256,
    SOURCE,
    marked,
    marks_of,
    path_of,
    placed,
    source_of,
    unmarked,
)
from vectorstores_server.engines.remote.attachments.replacement import SourceReplacement
from vectorstores_server.engines.remote.attachments.requests import attached_as, has_other_sizes
from vectorstores_tools.contract.engine import AttachOptions, Ingested, NewFile
from vectorstores_tools.contract.errors import InvalidRequest, TooLarge
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.models import File, FileBatch, VectorStoreFile
from vectorstores_tools.contract.requests import FileAttach

UNMARKED = (
    "Some files could not be marked with their source (a path over 512 characters, more than 14 attributes, or one of "
    "them named source or sha256): repeating the call would upload them again."
)
GONE = frozenset({"failed", "cancelled"})


@dataclass
class SyncState:
    """The progress of one call of `ingest`. `known` are the store's files by source, the oldest first."""

    store_id: str
    options: AttachOptions
    known: dict[str, list[VectorStoreFile]]
    entries: list[FileAttach] = field(default_factory=list[FileAttach])
    file_ids: list[str] = field(default_factory=list[str])
    uploaded: int = 0
    again: int = 0
    unchanged: int = 0
    replaced: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """File -> the files of the same source that it takes the place of."""
    notes: list[str] = field(default_factory=list[str])

    def current(self, source: Source) -> VectorStoreFile | None:
        """Return the file of these bytes, where it is the newest of its source: times are whole seconds."""
        attached = self.known.get(source.origin, [])
        newest = max((file.created_at for file in attached), default=0)
        return next((f for f in attached if f.created_at == newest and _sha256(f) == source.sha256), None)

    def last_version(self, source: Source) -> VectorStoreFile | None:
        """Return the newest file of this source, whatever its bytes."""
        return max(self.known.get(source.origin, []), key=lambda file: file.created_at, default=None)

    def takes_place(self, file_id: str, source: Source) -> None:
        """Note that a file stands for its source now, and others no longer do."""
        self.file_ids.append(file_id)
        if others := [file.id for file in self.known.get(source.origin, []) if file.id != file_id]:
            self.replaced.setdefault(file_id, []).extend(others)


class SourceSync:
    """Takes sources in. `upload` is the engine's."""

    def __init__(
        self,
        upload: Callable[[NewFile], Awaitable[File]],
        attaching: Attachments,
        replacing: SourceReplacement,
    ) -> None:
        self._upload = upload
        self._attaching = attaching
        self._replacing = replacing
        self._last: dict[tuple[str, str], FileBatch] = {}
        """(store, file) -> the batch that brought it, for as long as this process lives."""

    async def ingest(self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions) -> Ingested:
        """Attach sources, as the contract promises. What was uploaded is attached also when the call is interrupted."""
        delivery = SyncState(store_id, options, await self._known(store_id))
        try:
            async for source in sources:
                await self._take(source, delivery)
        except BaseException:
            with anyio.move_on_after(10, shield=True):
                await self._finish(delivery)
            raise
        batch = await self._finish(delivery)
        notes = list(dict.fromkeys(delivery.notes))
        return Ingested(batch, delivery.uploaded, delivery.unchanged, delivery.file_ids, notes, delivery.again)

    async def _known(self, store_id: str) -> dict[str, list[VectorStoreFile]]:
        """Return the store's files by source, the oldest first, without those that are about to go."""
        found: dict[str, list[VectorStoreFile]] = {}
        outgoing = self._replacing.outgoing(store_id)
        async for file in self._attaching.every(store_id):
            if (marks := marks_of(file.attributes)) and file.id not in outgoing:
                found.setdefault(source_of(str(marks[SOURCE])), []).append(file)
        return found

    async def _take(self, source: Source, delivery: SyncState) -> None:
        current = delivery.current(source)
        if current is None:
            await self._take_new(source, delivery)
            return
        strategy, attributes = delivery.options.chunking_strategy, delivery.options.attributes
        mark = placed(source, _mark(current))
        fitting = None if attributes is None else marked(attributes, mark, source.sha256)
        wanted = attributes if fitting is None else fitting
        if attributes is None and path_of(_mark(current)) != path_of(mark):  # of a version that kept no path
            wanted = marked(unmarked(current.attributes), mark, source.sha256)
        if current.status in GONE or has_other_sizes(strategy, current):
            delivery.entries.append(attached_as(current, wanted, strategy))
            delivery.again += 1
        else:
            delivery.unchanged += 1
            if wanted is not None and wanted != current.attributes:
                await self._attaching.describe(delivery.store_id, current, wanted)
        if attributes is not None and fitting is None:
            delivery.notes.append(UNMARKED)
        delivery.takes_place(current.id, source)

    async def _take_new(self, source: Source, delivery: SyncState) -> None:
        try:
            file = await self._upload(NewFile(source.filename, source.stream, size=source.size, sent=source.sent))
        except (InvalidRequest, TooLarge) as error:
            if error.param != "file":
                raise
            delivery.notes.append(f"{source.origin}: {error.fact} It was not uploaded.")
            return
        last = delivery.last_version(source)
        given = delivery.options.attributes
        if given is None and last is not None:  # a new version has the options of the last one, but for those given
            found = last.found_attributes or ()
            given = {key: value for key, value in (unmarked(last.attributes) or {}).items() if key not in found}
        attributes = marked(given, placed(source, _mark(last)), source.sha256)
        if attributes is None:
            delivery.notes.append(UNMARKED)
        cut = last.chunking_strategy if last is not None else None
        new = VectorStoreFile(id=file.id, attributes=attributes or given, chunking_strategy=cut)
        delivery.entries.append(attached_as(new, None, delivery.options.chunking_strategy))
        delivery.uploaded += 1
        delivery.takes_place(file.id, source)
        delivery.known[source.origin] = [new]

    async def _finish(self, delivery: SyncState) -> FileBatch | None:
        store_id = delivery.store_id
        brought = (self._last.get((store_id, file_id)) for file_id in delivery.file_ids)
        batch = next((candidate for candidate in brought if candidate is not None), None)
        if delivery.entries:
            batch = await self._attaching.together(store_id, delivery.entries)
            self._last.update({(store_id, entry.file_id): batch for entry in delivery.entries})
        for new, old in delivery.replaced.items():
            self._replacing.expect(store_id, new, old)
        return batch


def _mark(file: VectorStoreFile | None) -> str:
    return str(marks_of(file.attributes).get(SOURCE, "")) if file is not None else ""


def _sha256(file: VectorStoreFile) -> str:
    return str(marks_of(file.attributes).get(SHA256, ""))
