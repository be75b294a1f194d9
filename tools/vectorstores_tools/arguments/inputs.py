"""Arguments of the tools. The schemas that a model reads are made of these classes; limits come from `requests`."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

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
"""An object whose form stands in the description; a call with a faulty one gets an error that explains it."""
Chunking = Annotated[
    Annotated[ChunkingStrategy, Pairs] | None,
    Field(
        description='{"type":"auto"} (800/400) or '
        '{"type":"static","static":{"max_chunk_size_tokens":300,"chunk_overlap_tokens":100}}'
    ),
]
Expiry = Annotated[Annotated[ExpiresAfter, Pairs] | None, Field(description='{"anchor":"last_active_at","days":7}')]
FileMap = Annotated[
    Annotated[Attributes, Pairs] | None,
    Field(description="To filter by: up to 16 strings, numbers, booleans"),
]
StoreMap = Annotated[Annotated[Metadata, Pairs] | None, Field(description="Up to 16 strings")]
Wait = Annotated[int, Field(ge=0, le=50, description="Seconds to wait for processing")]


class CreateStore(Request):
    """Arguments of create_store."""

    name: str | None = Field(default=None, description="For people")
    description: str | None = Field(default=None, description="What is in it")
    metadata: StoreMap = None
    file_ids: Annotated[list[Id], Field(max_length=MAX_FILE_IDS_AT_CREATE)] | None = Field(
        default=None, description="Uploaded Files to attach"
    )
    expires_after: Expiry = None
    chunking_strategy: Chunking = None


class UploadFile(Request):
    """Arguments of upload_file."""

    path: str | None = Field(default=None, min_length=1, description="Absolute, or from ~")
    text: str | None = Field(default=None, max_length=MAX_TEXT_CHARACTERS, description="The content itself")
    url: str | None = Field(default=None, description="https, where allowed")
    file_id: Id | None = Field(default=None, description="Attach this uploaded File")
    filename: str | None = Field(default=None, min_length=1, max_length=255, description="Its ending tells the type")
    purpose: str = Field(default="assistants", description="As in OpenAI's API")
    vector_store_id: Id | None = Field(default=None, description="Attach to it at once")
    attributes: FileMap = None
    chunking_strategy: Chunking = None
    wait_seconds: Wait = 20


class BatchFile(FileAttach):
    """One of batch_attach's files. Its chunking has no description, because that of the call says the form already."""

    chunking_strategy: Annotated[ChunkingStrategy, Pairs] | None = None


class BatchAttach(Request):
    """Arguments of batch_attach."""

    vector_store_id: Id = Field(description="The store")
    file_ids: Annotated[list[Id], Field(max_length=MAX_FILES_IN_BATCH)] | None = Field(
        default=None, description="Uploaded Files"
    )
    files: Annotated[list[BatchFile], Field(max_length=MAX_FILES_IN_BATCH)] | None = Field(
        default=None, description="As file_ids, each with its own options"
    )
    paths: Annotated[list[str], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="Files, folders or globs; absolute, or from ~"
    )
    mirror: Literal["on", "off"] | None = Field(
        default=None, description="on: the store follows these folders; off: no longer"
    )
    confirm: bool = Field(default=False, description="True once the user agreed to remove all missing files")
    attributes: FileMap = None
    chunking_strategy: Chunking = None
    wait_seconds: Wait = 20


class RankingInput(Request):
    """`ranking_options`; hybrid_search is an extension of /v1 only."""

    ranker: Literal["none", "auto", "default-2024-11-15"] = "auto"
    score_threshold: float = Field(default=0.0, ge=0.0, le=1.0)


class Search(Request):
    """Arguments of search."""

    query: Annotated[Queries, OneOrMore] = Field(description="What to look for; a list for several wordings")
    vector_store_id: Annotated[Stores, OneOrMore] | None = Field(default=None, description="Not needed with one store")
    filters: Annotated[Any, Pairs] = Field(
        default=None,
        description='{"type":"eq","key":"topic","value":"ai"}; ne gt gte lt lte prefix, in nin (a list);'
        ' {"type":"and","filters":[...]}, or. Keys: attributes, $path $filename $type $added_at $modified_at',
    )
    max_num_results: int = Field(default=10, ge=1, le=50, description="How many hits")
    ranking_options: Annotated[RankingInput, Pairs] | None = Field(
        default=None, description='{"score_threshold":0.3}; ranker none is cosine alone'
    )
    response_format: Literal["concise", "detailed"] = Field(
        default="concise", description="Passages that matched, or chunks"
    )
    max_tokens: Tokens | None = Field(default=None, description="Of the answer; default 4000, detailed 8000")


class List(Request):
    """Arguments of list."""

    of: Literal["stores", "files"] | None = Field(default=None, description="files: all uploaded ones")
    vector_store_id: Id | None = Field(default=None, description="Its files")
    batch_id: Id | None = Field(default=None, description="That batch's files")
    limit: int = Field(default=20, ge=1, le=100, description="A page's length")
    order: Order = Field(default="desc", description="By time of making")
    after: Id | None = Field(default=None, description="last_id of the page before")
    before: Id | None = Field(default=None, description="first_id of the page after")
    filter: Status | None = Field(default=None, description="Files of this status")
    filters: Annotated[Any, Pairs] = Field(default=None, description="As search's")


class Retrieve(Request):
    """Arguments of retrieve."""

    vector_store_id: Id | None = Field(default=None, description="The store")
    file_id: Id | None = Field(default=None, description="A file, in the store where one is given")
    batch_id: Id | None = Field(default=None, description="A batch of the store")
    wait_seconds: Wait = Field(default=0, description="Wait for a final status")


class Read(Request):
    """Arguments of read."""

    uri: str | None = Field(default=None, max_length=2_000, description="vectorstore://... of a hit")
    file_id: Id | None = Field(default=None, description="Instead of uri")
    vector_store_id: Id | None = Field(default=None, description="Where the file is attached")
    start: int | None = Field(default=None, ge=0, description="First character")
    end: int | None = Field(default=None, ge=1, description="Character after the last")
    page: int | None = Field(default=None, ge=1, description="Instead of start and end")
    as_: Literal["text", "image"] = Field(default="text", alias="as", description="image: see a PDF's page, a picture")
    max_tokens: Tokens = Field(default=8_000, description="Of the answer")


class Update(Request):
    """Arguments of update."""

    vector_store_id: Id = Field(description="The store")
    file_id: Id | None = Field(default=None, description="A file in it, for attributes")
    name: str | None = Field(default=None, description="Of the store")
    metadata: StoreMap = None
    expires_after: Expiry = None
    attributes: FileMap = None
    clear: list[Clearable] | None = Field(default=None, description="Fields to empty")


class Delete(Request):
    """Arguments of delete."""

    what: Literal["store", "file_from_store", "file"] = Field(description="Decides which ids are needed")
    vector_store_id: Id | None = Field(default=None, description="For store, file_from_store")
    file_id: Id | None = Field(default=None, description="For file_from_store, file")
    confirm: bool = Field(default=False, description="True once the user agreed, for store and file")


class CancelBatch(Request):
    """Arguments of cancel_batch."""

    vector_store_id: Id = Field(description="The store")
    batch_id: Id = Field(description="The batch")


class FindDocuments(Request):
    """Arguments of ChatGPT's search."""

    query: Query = Field(description="What to look for")


class FetchDocument(Request):
    """Arguments of ChatGPT's fetch."""

    id: str = Field(min_length=1, max_length=2_000, description="Of a result of search")
