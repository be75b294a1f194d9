"""The tool `read`: a part of a file's parsed text, by address, characters or page."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vectorstores_tools.arguments.inputs import Read
from vectorstores_tools.arguments.parsing import refuse
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.models import TextSlice
from vectorstores_tools.read_image import read_image
from vectorstores_tools.rendering.older_texts import replaced
from vectorstores_tools.rendering.reply import Reply, compact, largest, room
from vectorstores_tools.rendering.search_results import MAX_PATH
from vectorstores_tools.rendering.untrusted_text import Fence, noted


async def read(call: ToolCall, given: Read) -> Reply:
    """Read a file's parsed text: around a hit by its uri, or by file_id from character start, or one page.

    Says how to go on where the text is longer than max_tokens. To find a place use search. as="image" shows the page
    itself (charts, tables, formulas), the passage of a uri marked.
    """
    if given.as_ == "image":
        return await _image(call, given)
    asked = _place(given)
    room_here = room(given.max_tokens)
    if given.page is None:
        most = asked.start + room_here
        asked = replace(asked, end=min(asked.end, most) if asked.end is not None else most)
    piece = await call.engine.read_text(asked)
    asked_end = _asked_end(given, piece)
    # In a small answer the text matters more than the notes on it.
    notes = piece.notes if piece.notes and len(compact(piece.notes)) <= room_here // 4 else []
    fence = Fence([clean(piece.text), line(piece.filename), *_origin(piece).values(), *notes])

    def at(length: int) -> Reply:
        return _reply(piece, length, asked.store_id, asked_end, fence, notes)

    length = largest(0, len(piece.text), lambda length: _size(at(length)) <= room_here)
    return at(max(length, 0))


async def _image(call: ToolCall, given: Read) -> Reply:
    return await read_image(call, _place(given, passage=True))


def _place(given: Read, *, passage: bool = False) -> TextRequest:
    if given.page is not None and not passage:
        refuse(given, ("start", "end"), "page names the place already.")
    if given.uri is None:
        if given.file_id is None:
            raise InvalidRequest("Nothing to read.", "Pass uri (of a hit) or file_id.", param="uri")
        return _checked(
            TextRequest(given.file_id, given.vector_store_id, start=given.start or 0, end=given.end, page=given.page)
        )
    refuse(given, ("file_id", "vector_store_id"), "uri names the file already.")
    named = uris.parse_uri(given.uri)
    if named.file_id is None:
        step = "retrieve" if named.kind in ("store", "batch") else "list"
        raise InvalidRequest(
            f"'{given.uri}' is no file.", f"{step}(vector_store_id='{named.store_id}', ...) shows it.", param="uri"
        )
    start = given.start if given.start is not None else (0 if given.page and not passage else named.start or 0)
    end = given.end if given.end is not None or given.start is not None else named.end
    return _checked(TextRequest(named.file_id, named.store_id, start, end, given.page, named.text_id))


def _checked(asked: TextRequest) -> TextRequest:
    start, end = asked.start, asked.end
    if end is not None and end <= start:
        raise InvalidRequest(f"Invalid 'end': {end} is not after start {start}.", "Pass a larger end.", param="end")
    return asked


def _asked_end(given: Read, piece: TextSlice) -> int:
    """Return the end of the requested range: the page's end, `end`, or the text's end; in another text, its own."""
    if piece.superseded_by is not None or piece.same_words is False:
        return piece.start + len(piece.text)
    if given.page is not None:
        return piece.start + len(piece.text)
    named = uris.parse_uri(given.uri).end if given.uri and given.start is None else None
    end = given.end if given.end is not None else named
    return min(end, piece.total) if end is not None else piece.total


def _reply(
    piece: TextSlice, length: int, store_id: str | None, asked_end: int, fence: Fence, notes: Sequence[str]
) -> Reply:
    shown_end = piece.start + length
    text = fence.around(clean(piece.text[:length]))
    step = _next(piece, shown_end, store_id, asked_end)
    facts: dict[str, Any] = {
        "object": "vector_store.file_content",
        "file_id": line(piece.file_id),
        "filename": line(piece.filename),
        **_origin(piece),
        "start": piece.start,
        "end": shown_end,
        "total": piece.total,
    }
    if store_id is not None:
        facts["uri"] = uris.file(store_id, piece.file_id, piece.start, shown_end, piece.text_id)
    if piece.pages:
        facts |= {"page": piece.page, "pages": piece.pages}
    if step:
        facts["next"] = step
    if notes:
        facts["notes"] = list(notes)
    place = f"Characters {piece.start} to {shown_end} of {piece.total} of {line(piece.file_id)}"
    page = f" (page {piece.page} of {piece.pages})" if piece.pages and piece.page else ""
    if piece.superseded_by is not None:
        facts["superseded_by"] = line(piece.superseded_by)
    head = [
        replaced(piece, line(piece.superseded_by or "")),
        f"{place}{page}.",
        f"Next: {step}." if step else "",
        fence.notice,
    ]
    called = [fence.around(_origin(piece)["path"])] if "path" in _origin(piece) else []
    shown = [" ".join(filter(None, head)), *called, *noted(fence, notes), text]
    return Reply(facts | {"notice": fence.notice, "text": text}, "\n".join(shown))


def _origin(piece: TextSlice) -> dict[str, str]:
    """Return the source of the file; its path, where that says more than the name."""
    path = {"path": line(piece.path, MAX_PATH)} if piece.path and piece.path != piece.filename else {}
    return path | ({"source": line(piece.source, MAX_PATH)} if piece.source else {})


def _next(piece: TextSlice, shown_end: int, store_id: str | None, asked_end: int) -> str | None:
    where = f"file_id='{line(piece.file_id)}'" + (f", vector_store_id='{line(store_id)}'" if store_id else "")
    if piece.outdated and store_id is not None:  # the rest of the same text, which no file_id names
        last = asked_end if shown_end < asked_end else piece.total
        rest = uris.file(store_id, piece.file_id, shown_end, last, piece.text_id)
        return f"read(uri='{rest}')" if shown_end < last else None
    if shown_end < asked_end:
        return f"read({where}, start={shown_end}, end={asked_end})"
    if shown_end >= piece.total:
        return None
    if piece.page is not None and piece.page < piece.pages:
        return f"read({where}, page={piece.page + 1})"
    return f"read({where}, start={shown_end})"


def _size(reply: Reply) -> int:
    return max(len(reply.text), len(compact(reply.structured)))
