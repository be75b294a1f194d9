"""The objects of the contract, in the shapes and names of OpenAI's API.

What callers send (`Request`) is closed and limited; what an engine returns (`Answer`) has open strings for status and
code, requires only ids, and keeps keys that it does not know.
Source of the limits: the OpenAPI description of OpenAI's API, and DESIGN 4 where that is silent.
"""

from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

from vectorstores_tools.filters import MAX_INTEGER

MAX_QUERY_CHARACTERS = 8_000
MAX_QUERIES = 16
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_TEXT_CHARACTERS = 1_000_000
MAX_FILE_IDS_AT_CREATE = 500
MAX_FILES_IN_BATCH = 2_000

Key = Annotated[str, StringConstraints(min_length=1, max_length=64)]
ShortText = Annotated[str, StringConstraints(strict=True, max_length=512)]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Integer = Annotated[StrictInt, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
AttributeValue = StrictBool | Integer | Number | ShortText
Attributes = Annotated[dict[Key, AttributeValue], Field(max_length=16)]
Metadata = Annotated[dict[Key, ShortText], Field(max_length=16)]
Status = Literal["in_progress", "completed", "failed", "cancelled"]
Order = Literal["asc", "desc"]
T = TypeVar("T")


class Request(BaseModel):
    """What a caller sends: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What an engine returns: unknown keys are kept."""

    model_config = ConfigDict(extra="allow")


class ExpiresAfter(Request):
    """A store expires `days` days after its last use."""

    anchor: Literal["last_active_at"]
    days: int = Field(ge=1, le=365)


class FileExpiresAfter(Request):
    """A File expires `seconds` seconds after it was made."""

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3_600, le=2_592_000)


class StaticChunking(Request):
    """Sizes in tokens; neighbours overlap by at most half a chunk."""

    max_chunk_size_tokens: int = Field(ge=100, le=4_096)
    chunk_overlap_tokens: int = Field(ge=0, le=2_048)

    @model_validator(mode="after")
    def _overlap_is_at_most_half(self) -> Self:
        if self.chunk_overlap_tokens * 2 > self.max_chunk_size_tokens:
            raise ValueError("chunk_overlap_tokens must be at most half of max_chunk_size_tokens")
        return self


AUTO_CHUNKING = StaticChunking(max_chunk_size_tokens=800, chunk_overlap_tokens=400)


class ChunkingStrategy(Request):
    """`auto` (static 800/400) or `static` with both sizes."""

    type: Literal["auto", "static"]
    static: StaticChunking | None = None

    @model_validator(mode="after")
    def _sizes_belong_to_static(self) -> Self:
        if (self.type == "static") != (self.static is not None):
            raise ValueError(
                '{"type": "static"} needs "static": {"max_chunk_size_tokens": ..., "chunk_overlap_tokens": ...};'
                ' {"type": "auto"} takes nothing else'
            )
        return self

    @property
    def sizes(self) -> StaticChunking:
        """The sizes that are meant, `auto` resolved."""
        return self.static or AUTO_CHUNKING


class StoreCreate(Request):
    """The body of create."""

    name: str | None = Field(default=None, max_length=512)
    description: str | None = Field(default=None, max_length=2_000)
    metadata: Metadata | None = None
    file_ids: list[str] = Field(default=[], max_length=MAX_FILE_IDS_AT_CREATE)
    expires_after: ExpiresAfter | None = None
    chunking_strategy: ChunkingStrategy | None = None


class StoreUpdate(Request):
    """The body of update: a field that was not set stays, one set to None is cleared (`model_fields_set`)."""

    name: str | None = Field(default=None, max_length=512)
    metadata: Metadata | None = None
    expires_after: ExpiresAfter | None = None


class FileAttach(Request):
    """One File to attach. A field that was not set keeps what an earlier attachment has."""

    file_id: str = Field(min_length=1)
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None


Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class RankingOptions(Request):
    """`ranker` none = cosine order; `score_threshold` drops hits below it; `hybrid_search` is an extension on /v1."""

    ranker: Literal["none", "auto", "default-2024-11-15"] = "auto"
    score_threshold: float = Field(default=0.0, ge=0.0, le=1.0)
    hybrid_search: dict[Literal["embedding_weight", "text_weight"], Weight] | None = None


Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUERY_CHARACTERS)]


class SearchRequest(Request):
    """The body of search, `filters` already parsed by `vectorstores_tools.filters`."""

    queries: list[Query] = Field(min_length=1, max_length=MAX_QUERIES)
    filters: Any = None
    max_num_results: int = Field(default=10, ge=1, le=50)
    ranking_options: RankingOptions = RankingOptions()
    rewrite_query: bool = False


class PageRequest(Request):
    """Which part of a list: `after` / `before` are ids; `before` gives the items just before it, in list order."""

    limit: int = Field(default=20, ge=1, le=100)
    order: Order = "desc"
    after: str | None = None
    before: str | None = None


class StoreFilesRequest(PageRequest):
    """A page of a store's or batch's files, of one status if `filter` is given."""

    filter: Status | None = None


class FilesRequest(PageRequest):
    """A page of the uploaded Files."""

    limit: int = Field(default=10_000, ge=1, le=10_000)
    purpose: str | None = None


class FileCounts(Answer):
    """How many files stand where."""

    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    total: int = 0


class LastError(Answer):
    """Why a file failed. code: unsupported_file, invalid_file or server_error."""

    code: str = "server_error"
    message: str = ""


class VectorStore(Answer):
    """A store. status: in_progress, completed or expired. Times are Unix seconds."""

    id: str
    object: str = "vector_store"
    created_at: int = 0
    name: str | None = None
    description: str | None = None
    usage_bytes: int = 0
    file_counts: FileCounts = FileCounts()
    status: str = "completed"
    expires_after: dict[str, Any] | None = None
    expires_at: int | None = None
    last_active_at: int | None = None
    metadata: dict[str, Any] | None = None


class VectorStoreFile(Answer):
    """A File in a store; its id is the File's. status: in_progress, completed, failed or cancelled."""

    id: str
    object: str = "vector_store.file"
    usage_bytes: int = 0
    created_at: int = 0
    vector_store_id: str = ""
    status: str = "in_progress"
    last_error: LastError | None = None
    chunking_strategy: dict[str, Any] | None = None
    attributes: dict[str, Any] | None = None


class FileBatch(Answer):
    """Files attached together. status: in_progress, completed, failed or cancelled."""

    id: str
    object: str = "vector_store.files_batch"
    created_at: int = 0
    vector_store_id: str = ""
    status: str = "in_progress"
    file_counts: FileCounts = FileCounts()


class File(Answer):
    """An uploaded File; `bytes` is its size."""

    id: str
    object: str = "file"
    bytes: int = 0
    created_at: int = 0
    expires_at: int | None = None
    filename: str = ""
    purpose: str = "assistants"
    status: str = "processed"
    status_details: str | None = None


class Upload(Answer):
    """A File that arrives in parts."""

    id: str
    object: str = "upload"
    bytes: int = 0
    created_at: int = 0
    expires_at: int = 0
    filename: str = ""
    purpose: str = "assistants"
    status: str = "pending"
    file: File | None = None


class UploadPart(Answer):
    """One part of an upload."""

    id: str
    object: str = "upload.part"
    created_at: int = 0
    upload_id: str = ""


class Deleted(Answer):
    """The answer to a deletion."""

    id: str
    object: str
    deleted: bool = True


class Page(Answer, Generic[T]):
    """One page of a list; first_id and last_id are None when it is empty."""

    object: str = "list"
    data: list[T] = []
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False


class TextContent(Answer):
    """A piece of text."""

    type: str = "text"
    text: str = ""


class SearchHit(Answer):
    """One result: the chunk's text, and where it stands (None = this engine does not know).

    `chars` is the chunk's [start, end) in the file's parsed text, `matches` the passages in it that matched, best
    first, `match_scores` their scores; `lines` and `page` count from 1. `vector_score` and `text_score` are the two
    parts of the score.
    """

    file_id: str
    filename: str = ""
    score: float = 0.0
    attributes: dict[str, Any] | None = None
    content: list[TextContent] = []
    vector_store_id: str | None = None
    page: int | None = None
    heading_path: list[str] | None = None
    lines: tuple[int, int] | None = None
    chars: tuple[int, int] | None = None
    matches: list[tuple[int, int]] | None = None
    match_scores: list[float] | None = None
    vector_score: float | None = None
    text_score: float | None = None


class NotSearched(Answer):
    """Files of the store that a search could not see."""

    in_progress: int = 0
    failed: int = 0


class SearchPage(Answer):
    """The answer to a search, best first. What is not in the contract says why hits are missing.

    `files` = how many files were searchable after the filter; `below_threshold` = hits that score_threshold removed,
    `best_below` the best of their scores; `notes` are sentences for the reader.
    """

    object: str = "vector_store.search_results.page"
    search_query: list[str] = []
    data: list[SearchHit] = []
    has_more: bool = False
    next_page: str | None = None
    not_searched: NotSearched | None = None
    store_files: int | None = None
    files: int | None = None
    below_threshold: int = 0
    best_below: float | None = None
    notes: list[str] = []


class TextSlice(Answer):
    """A range [start, end) of a file's parsed text, in characters of it; `pages` is 0 where there are none."""

    file_id: str
    filename: str = ""
    text: str = ""
    start: int = 0
    end: int = 0
    total: int = 0
    page: int | None = None
    pages: int = 0
