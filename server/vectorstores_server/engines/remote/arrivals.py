"""Sources that are uploaded and attached in one go, known again by the attributes `source` and `sha256`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio

from vectorstores_server.engines.remote import pages, paths
from vectorstores_server.engines.remote.client import RemoteClient
from vectorstores_server.engines.remote.failures import Subject
from vectorstores_tools.contract import AttachOptions, Ingested, NewFile, Source
from vectorstores_tools.errors import InvalidRequest, TooLarge
from vectorstores_tools.models import Attributes, File, FileAttach, FileBatch, VectorStoreFile

SOURCE, SHA256 = "source", "sha256"
MARKS = frozenset({SOURCE, SHA256})
LONGEST_SOURCE, MOST_ATTRIBUTES = 512, 16
GONE = frozenset({"failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of the store that came from a source."""

    file_id: str
    sha256: str
    status: str


@dataclass
class Delivery:
    """What one call of `ingest` has done so far."""

    known: dict[str, list[Attached]]
    entries: list[FileAttach] = field(default_factory=list[FileAttach])
    file_ids: list[str] = field(default_factory=list[str])
    unchanged: int = 0
    replaced: dict[str, str] = field(default_factory=dict[str, str])
    notes: list[str] = field(default_factory=list[str])


class Arrivals:
    """Takes sources in. `upload` and `attach` are the engine's."""

    def __init__(
        self,
        client: RemoteClient,
        upload: Callable[[NewFile], Awaitable[File]],
        attach: Callable[[str, list[FileAttach]], Awaitable[FileBatch]],
    ) -> None:
        self._client = client
        self._upload = upload
        self._attach = attach
        self.replaced: dict[tuple[str, str], str] = {}
        """(store, new file) -> the file that it takes the place of, once it is completed."""
        self._last: dict[tuple[str, str], FileBatch] = {}
        """(store, file) -> the batch that brought it, for as long as this process lives."""

    async def ingest(self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions) -> Ingested:
        """See the contract. What was uploaded is attached also when the call is interrupted."""
        delivery = Delivery(await self._known(store_id))
        try:
            async for source in sources:
                await self._take(source, options, delivery)
        except BaseException:
            with anyio.move_on_after(10, shield=True):
                await self._finish(store_id, delivery)
            raise
        batch = await self._finish(store_id, delivery)
        uploaded = len(delivery.entries)
        return Ingested(batch, uploaded, delivery.unchanged, delivery.file_ids, list(dict.fromkeys(delivery.notes)))

    async def _known(self, store_id: str) -> dict[str, list[Attached]]:
        """Return the store's files by source, the oldest first."""
        found: dict[str, list[Attached]] = {}
        path = paths.store(store_id, "/files")
        async for file in pages.every(self._client, path, VectorStoreFile, Subject(store_id)):
            marks = file.attributes or {}
            if SOURCE in marks:
                one = Attached(file.id, str(marks.get(SHA256, "")), file.status)
                found.setdefault(str(marks[SOURCE]), []).append(one)
        return found

    async def _take(self, source: Source, options: AttachOptions, delivery: Delivery) -> None:
        earlier = [one for one in delivery.known.get(source.origin, []) if one.status not in GONE]
        same = [one for one in earlier if one.sha256 == source.sha256]
        if same:
            delivery.unchanged += 1
            delivery.file_ids.append(same[-1].file_id)
            return
        try:
            file = await self._upload(NewFile(source.filename, source.stream))
        except (InvalidRequest, TooLarge) as error:
            if error.param != "file":
                raise
            delivery.notes.append(f"{source.origin}: {error.fact} It was not uploaded.")
            return
        delivery.entries.append(self._entry(file.id, source, options, delivery))
        delivery.file_ids.append(file.id)
        delivery.replaced.update({one.file_id: file.id for one in earlier})

    def _entry(self, file_id: str, source: Source, options: AttachOptions, delivery: Delivery) -> FileAttach:
        attributes: Attributes | None = options.attributes
        marked = {**(attributes or {}), SOURCE: source.origin, SHA256: source.sha256}
        if len(source.origin) > LONGEST_SOURCE or len(marked) > MOST_ATTRIBUTES:
            delivery.notes.append(
                "Some files could not be marked with their source (a path over 512 characters, or more than 14"
                " attributes): repeating the call would upload them again."
            )
        else:
            attributes = marked
        given = {"attributes": attributes, "chunking_strategy": options.chunking_strategy}
        return FileAttach(file_id=file_id, **{name: value for name, value in given.items() if value is not None})  # pyright: ignore[reportArgumentType]  # both fields by name

    async def _finish(self, store_id: str, delivery: Delivery) -> FileBatch | None:
        if not delivery.entries:
            return next((self._last[store_id, i] for i in delivery.file_ids if (store_id, i) in self._last), None)
        batch = await self._attach(store_id, delivery.entries)
        self._last.update({(store_id, entry.file_id): batch for entry in delivery.entries})
        for old, new in delivery.replaced.items():
            self.replaced[store_id, new] = old
        return batch


def unmarked(attributes: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the attributes as the caller gave them, without the marks of a source."""
    return None if attributes is None else {key: v for key, v in attributes.items() if key not in MARKS}
