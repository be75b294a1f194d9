"""The objects of /v1 exactly as OpenAI declares them: no key more, none less.

Source: the schemas VectorStoreObject, VectorStoreFileObject, VectorStoreFileBatchObject, OpenAIFile, Upload and
UploadPart in OpenAI's OpenAPI description. `description` is the one addition: accepted there, and declared by none.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from vectorstores_server.http.v1.schema_base import AttributesOut, MetadataOut, ReplyObject, is_absent, known

Status = Annotated[
    Literal["in_progress", "completed", "failed", "cancelled"],
    known("in_progress", "completed", "failed", "cancelled", otherwise="failed"),
]


class FileCountsObject(ReplyObject):
    """The number of files in each status."""

    in_progress: int
    completed: int
    failed: int
    cancelled: int
    total: int


class ExpiresAfterOut(ReplyObject):
    """The expiry of a store, counted from its last use."""

    anchor: str
    days: int


class VectorStoreObject(ReplyObject):
    """A vector store; one without a name has the empty name."""

    id: str
    object: Literal["vector_store"]
    created_at: int
    name: Annotated[str, BeforeValidator(lambda name: name or "")]
    description: str | None
    usage_bytes: int
    file_counts: FileCountsObject
    status: Annotated[
        Literal["in_progress", "completed", "expired"],
        known("in_progress", "completed", "expired", otherwise="completed"),
    ]
    expires_after: ExpiresAfterOut | None
    expires_at: int | None
    last_active_at: int | None
    metadata: MetadataOut | None


class LastErrorObject(ReplyObject):
    """The reason why a file failed."""

    code: Annotated[
        Literal["server_error", "unsupported_file", "invalid_file"],
        known("server_error", "unsupported_file", "invalid_file", otherwise="server_error"),
    ]
    message: str


class ChunkSizes(ReplyObject):
    """Sizes in tokens."""

    max_chunk_size_tokens: int
    chunk_overlap_tokens: int


class StaticStrategy(ReplyObject):
    """A file that was cut into chunks of at most these sizes."""

    type: Literal["static"]
    static: ChunkSizes


class OtherStrategy(ReplyObject):
    """A file of which nobody knows how it was cut."""

    type: Literal["other"]


def _strategy(strategy: Any) -> Any:
    return strategy if strategy and strategy.get("type") == "static" else {"type": "other"}


class VectorStoreFileObject(ReplyObject):
    """A File in a store; `created_at` is when it was attached."""

    id: str
    object: Literal["vector_store.file"]
    usage_bytes: int
    created_at: int
    vector_store_id: str
    status: Status
    last_error: LastErrorObject | None
    chunking_strategy: Annotated[StaticStrategy | OtherStrategy, BeforeValidator(_strategy)]
    attributes: AttributesOut | None


class FileBatchObject(ReplyObject):
    """Files attached together."""

    id: str
    object: Literal["vector_store.files_batch"]
    created_at: int
    vector_store_id: str
    status: Status
    file_counts: FileCountsObject


class FileObject(ReplyObject):
    """An uploaded File; `expires_at` is there when it expires."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int | SkipJsonSchema[None] = Field(default=None, exclude_if=is_absent)
    filename: str
    purpose: str
    status: Annotated[
        Literal["uploaded", "processed", "error"], known("uploaded", "processed", "error", otherwise="processed")
    ]
    status_details: str | SkipJsonSchema[None] = Field(default=None, exclude_if=is_absent)


class UploadObject(ReplyObject):
    """A File that arrives in parts; `file` is there when it is completed."""

    id: str
    object: Literal["upload"]
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Annotated[
        Literal["pending", "completed", "cancelled", "expired"],
        known("pending", "completed", "cancelled", "expired", otherwise="pending"),
    ]
    file: FileObject | SkipJsonSchema[None] = Field(default=None, exclude_if=is_absent)


class UploadPartObject(ReplyObject):
    """One part of an upload."""

    id: str
    object: Literal["upload.part"]
    created_at: int
    upload_id: str


class DeletedStore(ReplyObject):
    """A store that is gone."""

    id: str
    object: Literal["vector_store.deleted"]
    deleted: bool


class DeletedStoreFile(ReplyObject):
    """A file that is no longer in a store."""

    id: str
    object: Literal["vector_store.file.deleted"]
    deleted: bool


class DeletedFile(ReplyObject):
    """A File that is gone."""

    id: str
    object: Literal["file"]
    deleted: bool
