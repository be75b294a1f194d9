"""The objects of /v1 exactly as OpenAI declares them: no key more, none less.

Source: the schemas VectorStoreObject, VectorStoreFileObject, VectorStoreFileBatchObject, OpenAIFile, Upload and their
pages in OpenAI's OpenAPI description. `description` is the one addition: it is accepted there and declared by none.
"""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

Status = Literal["in_progress", "completed", "failed", "cancelled"]
T = TypeVar("T")


class Wire(BaseModel):
    """What leaves /v1: unknown keys of an engine's answer are dropped."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)


class FileCounts(Wire):
    """How many files stand where."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class ExpiresAfter(Wire):
    """When a store expires, counted from its last use."""

    anchor: str
    days: int


class VectorStoreObject(Wire):
    """A vector store."""

    id: str
    object: Literal["vector_store"] = "vector_store"
    created_at: int
    name: str | None
    description: str | None
    usage_bytes: int
    file_counts: FileCounts
    status: Literal["in_progress", "completed", "expired"]
    expires_after: ExpiresAfter | None
    expires_at: int | None
    last_active_at: int | None
    metadata: dict[str, str] | None


class LastError(Wire):
    """Why a file failed."""

    code: Literal["server_error", "unsupported_file", "invalid_file"]
    message: str


class VectorStoreFileObject(Wire):
    """A File in a store."""

    id: str
    object: Literal["vector_store.file"] = "vector_store.file"
    usage_bytes: int
    created_at: int
    vector_store_id: str
    status: Status
    last_error: LastError | None
    chunking_strategy: dict[str, Any] | None
    attributes: dict[str, str | bool | int | float] | None


class FileBatchObject(Wire):
    """Files attached together."""

    id: str
    object: Literal["vector_store.files_batch"] = "vector_store.files_batch"
    created_at: int
    vector_store_id: str
    status: Status
    file_counts: FileCounts


class FileObject(Wire):
    """An uploaded File."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["uploaded", "processed", "error"]
    status_details: str | None


class UploadObject(Wire):
    """A File that arrives in parts."""

    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileObject | None


class UploadPartObject(Wire):
    """One part of an upload."""

    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str


class DeletedObject(Wire):
    """The answer to a deletion."""

    id: str
    object: str
    deleted: bool


class ListPage(Wire, Generic[T]):
    """One page of a list; first_id and last_id are null when it is empty."""

    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool


class TextItem(Wire):
    """A piece of text."""

    type: Literal["text"] = "text"
    text: str


class SearchResult(Wire):
    """One result of a search."""

    file_id: str
    filename: str
    score: float
    attributes: dict[str, str | bool | int | float] | None
    content: list[TextItem]


class SearchResultsPage(Wire):
    """The answer to a search, best first."""

    object: Literal["vector_store.search_results.page"] = "vector_store.search_results.page"
    search_query: list[str]
    data: list[SearchResult]
    has_more: bool
    next_page: str | None


class FileContentPage(Wire):
    """A store's file as parsed text."""

    object: Literal["vector_store.file_content.page"] = "vector_store.file_content.page"
    data: list[TextItem]
    has_more: bool
    next_page: str | None


class ErrorBody(Wire):
    """The inside of the envelope; all four keys are always there."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(Wire):
    """Every answer that is not a 2xx."""

    error: ErrorBody
