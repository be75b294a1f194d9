"""Requests in the shapes and names of OpenAI's API: unknown keys are errors, and sizes have limits.

Source of the limits: the OpenAPI description of OpenAI's API, and our own choice where that is silent.
"""

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from vectorstores_tools.contract.filters import MAX_INTEGER

NULL = {"type": "null"}
ABOUT_A_MEMBER = ("default", "description", "title")
"""Keys of a member's schema that do not depend on its type."""
MAX_QUERY_CHARACTERS = 8_000
MAX_QUERIES = 16
MOST_RESULTS = 50
MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_TEXT_CHARACTERS = 1_000_000
MAX_FILE_IDS_AT_CREATE = 500
MAX_FILES_IN_BATCH = 2_000

V = TypeVar("V")
NUL = "The character U+0000 is in it, which not every database can keep; leave it out."


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError(NUL)
    return text


def _values_without_nul(values: dict[str, V]) -> dict[str, V]:
    for value in values.values():
        if isinstance(value, str):
            _without_nul(value)
    return values


Kept = AfterValidator(_without_nul)
"""The check of texts that an engine keeps beside the content of files."""
Key = Annotated[str, StringConstraints(min_length=1, max_length=64), Kept]
ShortText = Annotated[str, StringConstraints(strict=True, max_length=512)]
Name = Annotated[str, StringConstraints(max_length=512), Kept]
Description = Annotated[str, StringConstraints(max_length=2_000), Kept]
Number = Annotated[StrictFloat, Field(allow_inf_nan=False)]
Integer = Annotated[StrictInt, Field(ge=-MAX_INTEGER, le=MAX_INTEGER)]
AttributeValue = StrictBool | Integer | Number | ShortText
MOST_ATTRIBUTES = 16
"""The limit of OpenAI for a file's attributes, and for the keys of a store's metadata."""
Attributes = Annotated[
    dict[Key, AttributeValue], Field(max_length=MOST_ATTRIBUTES), AfterValidator(_values_without_nul)
]
Metadata = Annotated[dict[Key, ShortText], Field(max_length=MOST_ATTRIBUTES), AfterValidator(_values_without_nul)]
Status = Literal["in_progress", "completed", "failed", "cancelled"]
Order = Literal["asc", "desc"]


class Request(BaseModel):
    """The base of what a caller sends: unknown keys are errors, and an optional member that is null is absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema in which each optional member, and each value of a map, may be null."""
        schema = handler(core_schema)
        described = handler.resolve_ref_schema(schema)
        required = described.get("required", ())
        for name, member in described.get("properties", {}).items():
            for values_of in (member, *member.get("anyOf", ())):
                if isinstance(values := values_of.get("additionalProperties"), dict):
                    values_of["additionalProperties"] = {"anyOf": [values, NULL]}
            if name not in required and NULL not in member.get("anyOf", ()):
                outer = {key: member.pop(key) for key in ABOUT_A_MEMBER if key in member}
                described["properties"][name] = {"anyOf": [member, NULL], **outer}
        return schema


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

    name: Name | None = None
    description: Description | None = None
    metadata: Metadata | None = None
    file_ids: list[str] = Field(default=[], max_length=MAX_FILE_IDS_AT_CREATE)
    expires_after: ExpiresAfter | None = None
    chunking_strategy: ChunkingStrategy | None = None


class StoreUpdate(Request):
    """The body of update: a field that was not set stays, one set to None is cleared (`model_fields_set`)."""

    name: Name | None = None
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
    """The body of search, `filters` already parsed by `contract.filters`.

    `explain`: hits say which words of the queries they hold, where the engine knows. `fold`: hits of equal text are
    one, and max_num_results counts these.
    """

    queries: list[Query] = Field(min_length=1, max_length=MAX_QUERIES)
    filters: Any = None
    max_num_results: int = Field(default=10, ge=1, le=MOST_RESULTS)
    ranking_options: RankingOptions = RankingOptions()
    rewrite_query: bool = False
    explain: bool = False
    fold: bool = False


class PageRequest(Request):
    """A page of a list: `after` / `before` are ids; `before` gives the items just before it, in list order."""

    limit: int = Field(default=20, ge=1, le=100)
    order: Order = "desc"
    after: str | None = None
    before: str | None = None


class StoreFilesRequest(PageRequest):
    """A page of a store's or batch's files, of one status if `filter` is given.

    `filters`, for a store's files alone, is a `filters.Filter` that they meet.
    """

    filter: Status | None = None
    filters: Any = None


class FilesRequest(PageRequest):
    """A page of the uploaded Files."""

    limit: int = Field(default=10_000, ge=1, le=10_000)
    purpose: str | None = None
