"""What each tool takes. The schemas that a model reads are made of these classes; limits come from `models`."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from vectorstores_tools.contract.filters import COMPARISONS, COMPOUNDS
from vectorstores_tools.contract.requests import (
    MAX_FILE_IDS_AT_CREATE,
    MAX_FILES_IN_BATCH,
    MAX_QUERIES,
    MAX_TEXT_CHARACTERS,
    Attributes,
    ChunkingStrategy,
    ExpiresAfter,
    FileAttach,
    Metadata,
    Order,
    Query,
    Request,
    Status,
)

Id = Annotated[str, Field(min_length=1, max_length=256)]
Stores = Annotated[list[Id], Field(min_length=1, max_length=20)]
Queries = Annotated[list[Query], Field(min_length=1, max_length=MAX_QUERIES)]
Tokens = Annotated[int, Field(ge=200, le=20_000)]
Clearable = Literal["name", "metadata", "expires_after", "attributes"]

OneOrMore = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
Pairs = WithJsonSchema({"type": "object"})
"""A map whose limits a call learns from its error."""
SCALARS = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
FilterTree = WithJsonSchema(
    {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": [*COMPARISONS, *COMPOUNDS]},
            "key": {"type": "string"},
            "value": {"anyOf": [*SCALARS, {"type": "array", "items": {"anyOf": SCALARS}}]},
            "filters": {"type": "array", "items": {"type": "object"}},
        },
    }
)

Chunking = Annotated[ChunkingStrategy | None, Field(description="auto is 800/400; overlap at most half")]
FileMap = Annotated[
    Annotated[Attributes, Pairs] | None,
    Field(description="To filter by: up to 16 strings, numbers, booleans"),
]
StoreMap = Annotated[Annotated[Metadata, Pairs] | None, Field(description="Up to 16 strings")]
Wait = Annotated[int, Field(ge=0, le=50, description="Seconds to wait for processing")]


class CreateStore(Request):
    """Arguments of create_store."""

    name: str | None = None
    description: str | None = None
    metadata: StoreMap = None
    file_ids: Annotated[list[Id], Field(max_length=MAX_FILE_IDS_AT_CREATE)] | None = Field(
        default=None, description="Uploaded Files to attach"
    )
    expires_after: ExpiresAfter | None = None
    chunking_strategy: Chunking = None


class UploadFile(Request):
    """Arguments of upload_file."""

    path: str | None = Field(default=None, min_length=1, description="Absolute, or from ~")
    text: str | None = Field(default=None, max_length=MAX_TEXT_CHARACTERS)
    url: str | None = None
    file_id: Id | None = Field(default=None, description="Attach this uploaded File")
    filename: str | None = Field(default=None, min_length=1, max_length=255)
    purpose: str = "assistants"
    vector_store_id: Id | None = Field(default=None, description="Attach to it at once")
    attributes: FileMap = None
    chunking_strategy: Chunking = None
    wait_seconds: Wait = 20


class BatchFile(FileAttach):
    """One of batch_attach's files; its schema is not shown a fourth time."""

    chunking_strategy: Annotated[ChunkingStrategy, Pairs] | None = None


class BatchAttach(Request):
    """Arguments of batch_attach."""

    vector_store_id: Id
    file_ids: Annotated[list[Id], Field(max_length=MAX_FILES_IN_BATCH)] | None = None
    files: Annotated[list[BatchFile], Field(max_length=MAX_FILES_IN_BATCH)] | None = Field(
        default=None, description="As file_ids, each with its own options"
    )
    paths: Annotated[list[str], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Files, folders or globs; absolute, or from ~"
    )
    attributes: FileMap = None
    chunking_strategy: Chunking = None
    wait_seconds: Wait = 20


class RankingInput(Request):
    """`ranking_options`; hybrid_search is an extension of /v1 only."""

    ranker: Literal["none", "auto", "default-2024-11-15"] = "auto"
    score_threshold: float = Field(default=0.0, ge=0.0, le=1.0)


class Search(Request):
    """Arguments of search."""

    query: Annotated[Queries, OneOrMore]
    vector_store_id: Annotated[Stores, OneOrMore] | None = Field(default=None, description="Not needed with one store")
    filters: Annotated[Any, FilterTree] = Field(
        default=None,
        description='By attributes, e.g. {"type":"eq","key":"topic","value":"ai"}; and / or take filters',
    )
    max_num_results: int = Field(default=10, ge=1, le=50)
    ranking_options: RankingInput | None = None
    response_format: Literal["concise", "detailed"] = Field(
        default="concise", description="Passages that matched, or chunks"
    )
    max_tokens: Tokens | None = Field(default=None, description="Of the answer; default 4000, detailed 8000")


class List(Request):
    """Arguments of list."""

    of: Literal["stores", "files"] | None = Field(default=None, description="files: all uploaded ones")
    vector_store_id: Id | None = Field(default=None, description="Its files")
    batch_id: Id | None = Field(default=None, description="That batch's files")
    limit: int = Field(default=20, ge=1, le=100)
    order: Order = "desc"
    after: Id | None = Field(default=None, description="last_id of the page before")
    before: Id | None = None
    filter: Status | None = Field(default=None, description="Files of this status")


class Retrieve(Request):
    """Arguments of retrieve."""

    vector_store_id: Id | None = None
    file_id: Id | None = None
    batch_id: Id | None = None
    wait_seconds: Wait = Field(default=0, description="Wait for a final status")


class Read(Request):
    """Arguments of read."""

    uri: str | None = Field(default=None, max_length=2_000, description="vectorstore://... of a hit")
    file_id: Id | None = None
    vector_store_id: Id | None = None
    start: int | None = Field(default=None, ge=0, description="Character")
    end: int | None = Field(default=None, ge=1)
    page: int | None = Field(default=None, ge=1)
    as_: Literal["text", "image"] = Field(default="text", alias="as", description="image: see a PDF's page, a picture")
    max_tokens: Tokens = 8_000


class Update(Request):
    """Arguments of update."""

    vector_store_id: Id
    file_id: Id | None = None
    name: str | None = None
    metadata: StoreMap = None
    expires_after: ExpiresAfter | None = None
    attributes: FileMap = None
    clear: list[Clearable] | None = None


class Delete(Request):
    """Arguments of delete."""

    what: Literal["store", "file_from_store", "file"]
    vector_store_id: Id | None = None
    file_id: Id | None = None
    confirm: bool = Field(default=False, description="True once the user agreed, for store and file")


class CancelBatch(Request):
    """Arguments of cancel_batch."""

    vector_store_id: Id
    batch_id: Id


class FindDocuments(Request):
    """Arguments of ChatGPT's search."""

    query: Query = Field(description="What to look for")


class FetchDocument(Request):
    """Arguments of ChatGPT's fetch."""

    id: str = Field(min_length=1, max_length=2_000, description="Of a result of search")
