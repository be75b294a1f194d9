"""`vectorstore://` addresses: the one way in which citations, resources and `read` name things."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, quote, unquote, urlencode

from vectorstores_tools.contract.errors import InvalidRequest

SCHEME = "vectorstore://"
TEXT_ID_DIGITS = 8
FORMS = (
    "vectorstore://{vector_store_id}",
    "vectorstore://{vector_store_id}/files",
    "vectorstore://{vector_store_id}/files/{file_id}{?start,end,text}",
    "vectorstore://{vector_store_id}/batches/{batch_id}",
    "vectorstore://files/{file_id}/content",
)

Kind = Literal["store", "files", "file", "batch", "content"]


@dataclass(frozen=True, slots=True)
class ResourceUri:
    """The object that a URI names. `start` and `end` are characters of the parsed text that has the id `text_id`."""

    kind: Kind
    store_id: str | None = None
    file_id: str | None = None
    batch_id: str | None = None
    start: int | None = None
    end: int | None = None
    text_id: str | None = None


def text_id(text: str) -> str:
    """Return the id by which an address names the text that its characters are counted in: the begin of its sha256."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:TEXT_ID_DIGITS]


def store(store_id: str) -> str:
    """Return the URI of a store."""
    return SCHEME + _segment(store_id)


def files(store_id: str) -> str:
    """Return the URI of the list of a store's files."""
    return f"{store(store_id)}/files"


def batch(store_id: str, batch_id: str) -> str:
    """Return the URI of a batch."""
    return f"{store(store_id)}/batches/{_segment(batch_id)}"


def file(
    store_id: str, file_id: str, start: int | None = None, end: int | None = None, text_id: str | None = None
) -> str:
    """Return the URI of characters [start, end) of a file's parsed text; without a range `text_id` says nothing."""
    span: dict[str, object] = {name: at for name, at in (("start", start), ("end", end)) if at is not None}
    if span and text_id:
        span["text"] = text_id
    return f"{files(store_id)}/{_segment(file_id)}" + (f"?{urlencode(span)}" if span else "")


def content(file_id: str) -> str:
    """Return the URI of a File's bytes as they were uploaded."""
    return f"{SCHEME}files/{_segment(file_id)}/content"


def parse_uri(uri: str) -> ResourceUri:
    """Return the parts of `uri`. Raises InvalidRequest, showing the forms there are."""
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    if not uri.startswith(SCHEME):
        raise _unknown(uri)
    parts = [unquote(part) for part in path.split("/")]
    if not all(parts):
        raise _unknown(uri)
    match parts:
        case ["files", file_id, "content"]:
            return ResourceUri("content", file_id=file_id)
        case [store_id]:
            return ResourceUri("store", store_id)
        case [store_id, "files"]:
            return ResourceUri("files", store_id)
        case [store_id, "batches", batch_id]:
            return ResourceUri("batch", store_id, batch_id=batch_id)
        case [store_id, "files", file_id]:
            span = parse_qs(query)
            start, end = _offset(span, "start"), _offset(span, "end")
            return ResourceUri("file", store_id, file_id, start=start, end=end, text_id=span.get("text", [None])[-1])
        case _:
            raise _unknown(uri)


def _segment(identifier: str) -> str:
    return quote(identifier, safe="")


def _offset(span: Mapping[str, list[str]], name: str) -> int | None:
    if name not in span:
        return None
    given = span[name][-1]
    if not given.isdecimal() or len(given) > 12:
        raise InvalidRequest(f"Invalid 'uri': {name} must be a number of characters, not '{given[:20]}'.", param="uri")
    return int(given)


def _unknown(uri: str) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid 'uri': '{uri[:200]}' names nothing here.", f"The forms are {', '.join(FORMS)}.", param="uri"
    )
