"""Sources that are uploaded and attached in one go, known again by the attributes `source` and `sha256`."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from vectorstores_server.engines.remote.attaching import Attaching
from vectorstores_server.engines.remote.replacing import Replacing
from vectorstores_tools.contract import AttachOptions, Ingested, NewFile, Source
from vectorstores_tools.errors import InvalidRequest, TooLarge
from vectorstores_tools.models import Attributes, File, FileAttach, FileBatch

SOURCE, SHA256 = "source", "sha256"
MARKS = frozenset({SOURCE, SHA256})
HASH = re.compile(r"[0-9a-f]{64}")
LONGEST_SOURCE, MOST_ATTRIBUTES = 512, 16
UNMARKED = (
    "Some files could not be marked with their source (a path over 512 characters, more than 14 attributes, or one of "
    "them named source or sha256): repeating the call would upload them again."
)
GONE = frozenset({"failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Attached:
    """A file of the store that came from a source."""

    file_id: str
    sha256: str
    created_at: int


@dataclass
class Delivery:
    """What one call of `ingest` has done so far."""

    known: dict[str, list[Attached]]
    entries: list[FileAttach] = field(default_factory=list[FileAttach])
    file_ids: list[str] = field(default_factory=list[str])
    unchanged: int = 0
    replaced: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """New file -> the files of the same source that it takes the place of."""
    notes: list[str] = field(default_factory=list[str])

    def replaces(self, new: str, old: Sequence[Attached]) -> None:
        """Note that one file takes the place of others."""
        if old:
            self.replaced.setdefault(new, []).extend(one.file_id for one in old)


class Arrivals:
    """Takes sources in. `upload` is the engine's."""

    def __init__(
        self,
        upload: Callable[[NewFile], Awaitable[File]],
        attaching: Attaching,
        replacing: Replacing,
    ) -> None:
        self._upload = upload
        self._attaching = attaching
        self._replacing = replacing
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
        """Return the store's files by source, the oldest first, without what failed or is about to go."""
        found: dict[str, list[Attached]] = {}
        outgoing = self._replacing.outgoing(store_id)
        async for file in self._attaching.every(store_id):
            marks = marks_of(file.attributes)
            if marks and file.status not in GONE and file.id not in outgoing:
                one = Attached(file.id, str(marks[SHA256]), file.created_at)
                found.setdefault(str(marks[SOURCE]), []).append(one)
        return found

    async def _take(self, source: Source, options: AttachOptions, delivery: Delivery) -> None:
        attached = delivery.known.get(source.origin, [])
        current = next((one for one in _newest(attached) if one.sha256 == source.sha256), None)
        if current is not None:
            delivery.unchanged += 1
            delivery.file_ids.append(current.file_id)
            # What an interrupted process has left beside it.
            delivery.replaces(current.file_id, [one for one in attached if one is not current])
            return
        try:
            file = await self._upload(NewFile(source.filename, source.stream, size=source.size, sent=source.sent))
        except (InvalidRequest, TooLarge) as error:
            if error.param != "file":
                raise
            delivery.notes.append(f"{source.origin}: {error.fact} It was not uploaded.")
            return
        delivery.entries.append(self._entry(file.id, source, options, delivery))
        delivery.file_ids.append(file.id)
        delivery.replaces(file.id, attached)
        delivery.known[source.origin] = [Attached(file.id, source.sha256, int(time.time()))]

    def _entry(self, file_id: str, source: Source, options: AttachOptions, delivery: Delivery) -> FileAttach:
        attributes = options.attributes
        marked: Attributes = {**(attributes or {}), SOURCE: source.origin, SHA256: source.sha256}
        taken = MARKS & (attributes or {}).keys()
        if taken or len(source.origin) > LONGEST_SOURCE or len(marked) > MOST_ATTRIBUTES:
            delivery.notes.append(UNMARKED)
        else:
            attributes = marked
        given = {"attributes": attributes, "chunking_strategy": options.chunking_strategy}
        return FileAttach(file_id=file_id, **{name: value for name, value in given.items() if value is not None})  # pyright: ignore[reportArgumentType]  # both fields by name

    async def _finish(self, store_id: str, delivery: Delivery) -> FileBatch | None:
        if not delivery.entries:
            self._expect(store_id, delivery)
            return next((self._last[store_id, i] for i in delivery.file_ids if (store_id, i) in self._last), None)
        batch = await self._attaching.together(store_id, delivery.entries)
        self._expect(store_id, delivery)
        self._last.update({(store_id, entry.file_id): batch for entry in delivery.entries})
        return batch

    def _expect(self, store_id: str, delivery: Delivery) -> None:
        for new, old in delivery.replaced.items():
            self._replacing.expect(store_id, new, old)


def _newest(attached: Sequence[Attached]) -> list[Attached]:
    """Return those that were attached last; times are whole seconds."""
    return [one for one in attached if one.created_at == max(each.created_at for each in attached)]


def marks_of(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the two attributes that say where a file came from; none where somebody else named theirs so."""
    marks = {key: value for key, value in (attributes or {}).items() if key in MARKS}
    return marks if len(marks) == len(MARKS) and HASH.fullmatch(str(marks[SHA256])) else {}


def unmarked(attributes: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the attributes as the caller gave them, without the marks of a source."""
    marks = marks_of(attributes)
    return attributes if not attributes or not marks else {k: v for k, v in attributes.items() if k not in marks}


def remarked(attributes: Attributes | None, before: Mapping[str, Any] | None) -> Attributes | None:
    """Return the map as it is to be, with the marks that the file had. Raises InvalidRequest for what does not fit."""
    marks = marks_of(before)
    given = attributes or {}
    if marks and (MARKS & given.keys() or len(given) + len(marks) > MOST_ATTRIBUTES):
        raise InvalidRequest(
            "This file came from a path: its attributes source and sha256 keep that, and leave room for 14 others.",
            "Pass fewer, with other names.",
            param="attributes",
        )
    return {**given, **marks} or None
