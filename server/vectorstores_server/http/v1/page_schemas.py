"""The answers of /v1 that hold several objects, and the answer for an error."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BeforeValidator, Field

from vectorstores_server.http.v1.schema_base import AttributesOut, ReplyObject, known

T = TypeVar("T")


class ListPage(ReplyObject, Generic[T]):
    """One page of a list; first_id and last_id are null when it is empty."""

    object: Literal["list"]
    data: list[T]
    first_id: str | None
    last_id: str | None
    has_more: bool


class TextItem(ReplyObject):
    """A piece of text."""

    type: Annotated[Literal["text"], known("text", otherwise="text")]
    text: str


def _within_one(score: float) -> float:
    """Bring a bare BM25 score (`ranker` none without vectors) or cosine into the contract's range."""
    return min(max(score, 0.0), 1.0)


class SearchResult(ReplyObject):
    """One result of a search."""

    file_id: str
    filename: str
    score: Annotated[float, Field(ge=0, le=1), BeforeValidator(_within_one)]
    attributes: AttributesOut | None
    content: list[TextItem]


class SearchResultsPage(ReplyObject):
    """The answer to a search, best first; it is whole, so has_more is false."""

    object: Literal["vector_store.search_results.page"]
    search_query: list[str]
    data: list[SearchResult]
    has_more: bool
    next_page: str | None


class FileContentPage(ReplyObject):
    """A store's file as parsed text, whole."""

    object: Literal["vector_store.file_content.page"]
    data: list[TextItem]
    has_more: bool
    next_page: str | None


class ErrorBody(ReplyObject):
    """The inside of the envelope; all four keys are always there."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(ReplyObject):
    """Every answer that is not a 2xx."""

    error: ErrorBody
