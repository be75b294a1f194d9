"""The promises of every engine and every intake. An engine adds no public behaviour of its own.

Promises that hold for all methods of `Engine`:
- Ids are opaque strings. Times are Unix seconds. Lists are ordered by (created_at, id), newest first unless asked.
- Input is validated before anything happens, with the same errors whatever the engine.
- Raises only `VectorStoreError`s: StoreNotFound, FileNotFound, FileNotInStore, BatchNotFound for unknown ids (naming
  the id where a name was given), StoreExpired, NotSupported where the engine cannot do a thing, Unavailable.
- Ending or cancelling a call never ends the processing that it started.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.maintenance import Health, Maintenance
from vectorstores_tools.contract.models import (
    Deleted,
    File,
    FileBatch,
    Page,
    SearchPage,
    TextSlice,
    Upload,
    UploadPart,
    VectorStore,
    VectorStoreFile,
)
from vectorstores_tools.contract.requests import (
    NUL,
    Attributes,
    ChunkingStrategy,
    FileAttach,
    FileExpiresAfter,
    FilesRequest,
    PageRequest,
    SearchRequest,
    StoreCreate,
    StoreFilesRequest,
    StoreUpdate,
)

if TYPE_CHECKING:
    from vectorstores_tools.contract.bounds import BoundedRecords
    from vectorstores_tools.contract.mirrors import MirrorRecords


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The features of an engine. A call for one that it lacks raises NotSupported; nothing is dropped in silence."""

    remote: bool = False
    extensions: frozenset[str] = frozenset()
    """File name endings, lower case with the dot, that it can parse."""
    names: frozenset[str] = frozenset()
    """Names of files without an ending, in lower case, that it can parse: makefile, license."""
    any_text: bool = False
    """True where it parses any text, whatever the file's ending."""
    max_file_bytes: int = 512 * 1024 * 1024
    batches: bool = True
    cancel_batch: bool = True
    rewrite_query: bool = False
    uploads: bool = True
    expiry: bool = True
    clear: bool = True
    """True where null empties a field of a store."""
    description: bool = True
    failure_codes: bool = True
    """True where last_error.code tells kinds of failure apart; else it is server_error."""
    lasting_cursors: bool = True
    """True where a cursor stays good when its item is gone; else it is a BadCursor."""
    citations: bool = True


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file on its way in. `stream` is read once, to its end; `size` is that of the whole, where it is known."""

    filename: str
    stream: AsyncIterator[bytes]
    purpose: str = "assistants"
    expires_after: FileExpiresAfter | None = None
    size: int | None = None
    sent: Callable[[int], None] | None = None
    """Called with the number of bytes sent to a remote so far; it falls where they have to be sent once more."""

    def __post_init__(self) -> None:
        """Raise InvalidRequest for a name that no engine can keep."""
        _check_name(self.filename)


@dataclass(frozen=True, slots=True)
class NewUpload:
    """A file that is to arrive in parts: `bytes` is the size of the whole."""

    filename: str
    purpose: str
    bytes: int
    mime_type: str
    expires_after: FileExpiresAfter | None = None

    def __post_init__(self) -> None:
        """Raise InvalidRequest for a name that no engine can keep."""
        _check_name(self.filename)


def _check_name(filename: str) -> None:
    if "\0" in filename:
        raise InvalidRequest("Invalid 'filename'.", NUL, param="filename")


@dataclass(frozen=True, slots=True)
class TextRequest:
    """A part of a file's parsed text: characters [start, end), or one page, counted from 1. All of it by default.

    With `store_id` the file must be attached there. `text_id` names the text that these are places in, where an address
    says it: it may be older than the file's text of today.
    """

    file_id: str
    store_id: str | None = None
    start: int = 0
    end: int | None = None
    page: int | None = None
    text_id: str | None = None


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page of a file as an image; `marked` says whether the passage that was asked for is marked on it."""

    file_id: str
    filename: str
    data: bytes
    media_type: str
    width: int
    height: int
    page: int
    pages: int
    marked: bool


@dataclass(frozen=True, slots=True)
class FileContent:
    """A File's bytes: `size` of the whole, `stream` of the range that was asked for."""

    file: File
    size: int
    stream: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """Options for every file of one call."""

    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None


@dataclass(frozen=True, slots=True)
class Ingested:
    """The result of `attach_sources`: the batch of the uploaded files; with nothing new, these origins' last batch.

    `again` counts known files that are processed again, because they had failed or their chunk sizes have changed.
    """

    batch: FileBatch | None
    uploaded: int
    unchanged: int
    file_ids: Sequence[str] = ()
    """The Files of all sources, new or not, in the order they came."""
    notes: Sequence[str] = ()
    again: int = 0


class Engine(Protocol):
    """Stores, files, batches and search. See the module's docstring for what holds throughout."""

    @property
    def capabilities(self) -> Capabilities:
        """The features of this engine."""
        ...

    async def create_store(self, request: StoreCreate) -> VectorStore:
        """Make a store and attach `file_ids` to it. Raises FileNotFound before anything is made."""
        ...

    async def list_stores(self, request: PageRequest) -> Page[VectorStore]:
        """Return a page of the stores. Raises BadCursor; a cursor stays good for 7 days after its item is gone."""
        ...

    async def retrieve_store(self, store_id: str) -> VectorStore:
        """Return the store, expired or not."""
        ...

    async def update_store(self, store_id: str, request: StoreUpdate) -> VectorStore:
        """Replace the fields that were set; one set to None is cleared."""
        ...

    async def delete_store(self, store_id: str) -> Deleted:
        """Delete the store with its attachments. Files stay."""
        ...

    async def search(self, store_id: str, request: SearchRequest) -> SearchPage:
        """Search the store. score is 0..1, falling with rank; several queries: best per passage; never two versions."""
        ...

    def expect_searches(self, store_id: str) -> None:
        """Take note that somebody works with the store: what a search needs may be made ready meanwhile.

        It returns at once, raises nothing, and an engine may do nothing.
        """
        ...

    async def attach_file(self, store_id: str, request: FileAttach) -> VectorStoreFile:
        """Attach a File; one that is attached already is processed again if it had failed or its chunk sizes change."""
        ...

    async def list_store_files(self, store_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        """Return a page of the store's files."""
        ...

    async def retrieve_store_file(self, store_id: str, file_id: str) -> VectorStoreFile:
        """Return the file as this store has it."""
        ...

    async def update_store_file(self, store_id: str, file_id: str, attributes: Attributes | None) -> VectorStoreFile:
        """Replace the whole map of attributes; None clears it. A search sees it at once."""
        ...

    async def detach_file(self, store_id: str, file_id: str) -> Deleted:
        """Take the file out of this store. The File stays."""
        ...

    async def read_text(self, request: TextRequest) -> TextSlice:
        """Return a part of the parsed text. Raises NotReady while there is none."""
        ...

    async def read_image(self, request: TextRequest) -> PageImage:
        """Return a page of a PDF, or a picture: `page`, else the one of a passage [start, end), which is marked.

        Raises NotSupported for files of other types.
        """
        ...

    async def create_batch(self, store_id: str, files: Sequence[FileAttach]) -> FileBatch:
        """Attach 1 to 2,000 Files together. Raises FileNotFound before anything is attached."""
        ...

    async def retrieve_batch(self, store_id: str, batch_id: str) -> FileBatch:
        """Return the batch with its counts, which stay as its own files left them."""
        ...

    async def cancel_batch(self, store_id: str, batch_id: str) -> FileBatch:
        """Stop unfinished files, unless another running batch wants them. A batch that has ended stays as it is."""
        ...

    async def list_batch_files(self, store_id: str, batch_id: str, request: StoreFilesRequest) -> Page[VectorStoreFile]:
        """Return a page of the batch's files."""
        ...

    async def attach_sources(
        self, store_id: str, sources: AsyncIterator[Source], options: AttachOptions, untouched: Sequence[str] = ()
    ) -> Ingested:
        """Upload and attach sources until the iterator ends, as one batch.

        An origin that is attached here with the same sha256 and has not failed or been cancelled is skipped, its
        stream unread. With another sha256 the new File takes the place of the old one once it is completed. What was
        taken from the iterator before an interruption is attached; repeating the call never attaches it twice.
        `untouched` are Files of further sources that need not be looked at, as `MirrorRecords.untouched` told.
        """
        ...

    async def newly_supported(self, store_id: str, folders: Mapping[str, str]) -> list[str]:
        """Return the origins, each with the folder that was named, whose types the folder did not give before.

        They are left out this time. The next call returns none of them: the folder's next attachment takes them. An
        engine that remembers no folders returns none.
        """
        ...

    async def create_file(self, new: NewFile) -> File:
        """Store the bytes. Raises TooLarge, InvalidRequest for an empty file; then nothing is left behind."""
        ...

    async def list_files(self, request: FilesRequest) -> Page[File]:
        """Return a page of the uploaded Files."""
        ...

    async def retrieve_file(self, file_id: str) -> File:
        """Return the File."""
        ...

    async def delete_file(self, file_id: str) -> Deleted:
        """Delete the File, and detach it from every store."""
        ...

    def read_file(
        self, file_id: str, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[FileContent]:
        """Open the bytes [start, end) of the File as it was uploaded."""
        ...

    async def create_upload(self, new: NewUpload) -> Upload:
        """Begin a File that arrives in parts; it expires after an hour."""
        ...

    async def add_part(self, upload_id: str, stream: AsyncIterator[bytes]) -> UploadPart:
        """Store one part, at most 64 MB."""
        ...

    async def complete_upload(self, upload_id: str, part_ids: Sequence[str], md5: str | None) -> Upload:
        """Make the File from the parts in that order. Raises InvalidRequest when bytes or md5 do not fit."""
        ...

    async def cancel_upload(self, upload_id: str) -> Upload:
        """Give up an upload."""
        ...

    @property
    def maintenance(self) -> Maintenance | None:
        """The upkeep of what this engine keeps; None where it keeps nothing itself."""
        ...

    @property
    def bounded(self) -> "BoundedRecords | None":
        """The records that hold callers to their bounds; None where it cannot."""
        ...

    @property
    def mirrors(self) -> "MirrorRecords | None":
        """The folders that its stores follow; None where stores cannot follow one."""
        ...

    async def health(self) -> Health:
        """Return the state of the engine's parts, for an operator. Raises Unavailable where nothing is known."""
        ...

    async def changed(self, since: int) -> int:
        """Wait until something may have changed after `since`, and return the new mark; 0 returns the mark of now.

        Changes by other processes count too. A call may return without any change; it never misses one.
        """
        ...

    async def aclose(self) -> None:
        """Let go of everything. What is unfinished stays queued."""
        ...
