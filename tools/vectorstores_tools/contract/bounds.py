"""Bounds of a caller: the stores that a token may see, and the records that an engine keeps to hold it to them.

What lies outside does not exist for the caller: it is neither listed, found, counted nor named, and an id of it is
answered as one that nobody ever made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed
from vectorstores_tools.contract.models import Deleted, File, Page, VectorStore
from vectorstores_tools.contract.requests import MOST_ATTRIBUTES, FilesRequest, PageRequest


@dataclass(frozen=True, slots=True)
class StoreBounds:
    """The stores with these ids, and those whose metadata hold all of these pairs; without pairs none is seen by them.

    Callers with equal bounds are one team: a File that is in no store is seen by the team that uploaded it.
    """

    stores: frozenset[str] = frozenset()
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """The bounds in one text, the same for equal ones, in which order they were ever written."""
        pairs = [f"meta:{quote(key, safe='')}={quote(value, safe='')}" for key, value in sorted(self.metadata)]
        return " ".join([*sorted(f"store:{store_id}" for store_id in self.stores), *pairs])

    @property
    def pairs(self) -> str:
        """The pairs as people write them."""
        return ", ".join(f"{key}={value}" for key, value in self.metadata)

    def admit(self, store_id: str, metadata: Mapping[str, Any] | None) -> bool:
        """Tell whether the caller sees the store with these metadata."""
        return store_id in self.stores or self.hold(metadata)

    def hold(self, metadata: Mapping[str, Any] | None) -> bool:
        """Tell whether metadata hold all pairs, of which there are some."""
        held = metadata or {}
        return bool(self.metadata) and all(held.get(key) == value for key, value in self.metadata)

    def completed(self, metadata: Mapping[str, str] | None) -> dict[str, str]:
        """Return the metadata of a new store, with which the caller sees it.

        Raises NotAllowed for bounds that no new store can meet, InvalidRequest for metadata that contradict them.
        """
        if not self.metadata:
            raise NotAllowed(
                "This token sees certain stores alone and can make none.",
                "Ask the operator for a store, or for a token that is bound by metadata.",
            )
        given = dict(metadata or {})
        if any(given.get(key, value) != value for key, value in self.metadata):
            raise InvalidRequest(f"Stores of this token have the metadata {self.pairs}.", param="metadata")
        whole = given | dict(self.metadata)
        if len(whole) > MOST_ATTRIBUTES:
            raise InvalidRequest(
                f"Metadata have {MOST_ATTRIBUTES} keys at most, and {self.pairs} is among those of this token.",
                "Leave some out.",
                param="metadata",
            )
        return whole

    def check_change(self, now: Mapping[str, Any] | None, wanted: Mapping[str, str] | None) -> None:
        """Raise for metadata that would move a store out of these bounds, or that others' bounds may rest on."""
        if (now or {}) == (wanted or {}):
            return
        if not self.hold(now):
            raise NotAllowed(
                "This token sees the store by its id and may not change its metadata: others may see it by these.",
                "Ask the operator.",
            )
        if not self.hold(wanted):
            raise InvalidRequest(
                f"A store of this token keeps the metadata {self.pairs}.",
                "Metadata are replaced whole: give these too.",
                param="metadata",
            )


class BoundedRecords(Protocol):
    """The questions about an engine's stores and Files whose answers depend on bounds.

    A File is seen where a store that is seen has it, or where a caller with equal bounds uploaded it.
    """

    async def admit_store(self, bounds: StoreBounds, store_id: str) -> None:
        """Raise StoreNotFound for a store that is not seen, naming those seen that have the id as their name."""
        ...

    async def admit_files(self, bounds: StoreBounds, file_ids: Sequence[str]) -> None:
        """Raise FileNotFound for the first File that is not seen, naming those seen that have the id as their name."""
        ...

    async def admit_upload(self, bounds: StoreBounds, upload_id: str) -> None:
        """Raise UploadNotFound for an upload that a caller with other bounds began."""
        ...

    async def list_stores(self, bounds: StoreBounds, request: PageRequest) -> Page[VectorStore]:
        """Return a page of the stores that are seen. Raises BadCursor for one that is not."""
        ...

    async def list_files(self, bounds: StoreBounds, request: FilesRequest) -> Page[File]:
        """Return a page of the Files that are seen. Raises BadCursor for one that is not."""
        ...

    async def with_seen_notes(self, bounds: StoreBounds, made: VectorStore) -> VectorStore:
        """Return a new store whose notes name no store that is not seen."""
        ...

    async def note_upload(self, bounds: StoreBounds, upload_id: str) -> None:
        """Remember who began an upload."""
        ...

    async def note_file(self, bounds: StoreBounds, file_id: str) -> None:
        """Remember who uploaded a File."""
        ...

    async def note_sources(self, bounds: StoreBounds, store_id: str, file_ids: Sequence[str], since: int) -> None:
        """Remember who uploaded those of these Files that were made since then, for this store alone."""
        ...

    async def delete_file(self, bounds: StoreBounds, file_id: str) -> Deleted:
        """Take a File out of all stores that are seen, and delete it where nobody else has it.

        Somebody else has it where a store that is not seen holds it, or callers with other bounds uploaded it too.
        """
        ...
