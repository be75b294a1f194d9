"""`/stores/ID/files/ID`: a file's text with a passage marked in its place, and its page as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from vectorstores_server.page import paths
from vectorstores_server.page.filter_links import AskedFilter, FilterLinks
from vectorstores_server.page.store_view import FileRow, file_row
from vectorstores_server.page.stores_view import StoreRow
from vectorstores_server.page.views import PageParts
from vectorstores_tools.contract.engine import Engine, TextRequest
from vectorstores_tools.contract.errors import VectorStoreError
from vectorstores_tools.contract.models import TextSlice
from vectorstores_tools.rendering.marked_passages import Segment, segments, shows_pages
from vectorstores_tools.rendering.older_texts import replaced

AROUND = 1_500
"""Characters of the text on either side of a passage."""
MOST = 20_000
"""Characters of a text that are shown at once."""
LARGEST_PAGE = 100_000
PICTURE_HEADERS = {
    "cache-control": "private, max-age=60",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of a text: its number where that is known, and its pieces."""

    number: int | None
    pieces: list[Segment]

    @property
    def is_marked(self) -> bool:
        """True where a passage is marked in it."""
        return any(piece.marked for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class AskedPlace:
    """The place that an address asks for: characters [start, end) of the text with the id `text`, or a page."""

    start: int | None
    end: int | None
    page: int | None
    text: str | None = None

    @classmethod
    def of(cls, request: Request) -> "AskedPlace":
        """Read an address; a value that is no number counts as absent."""
        start, end, page = (_number(request.query_params.get(name, "")) for name in ("start", "end", "page"))
        if start is not None and end is not None and end <= start:
            end = None
        return cls(start, end, page if page else None, request.query_params.get("text"))

    @property
    def span(self) -> dict[str, int | str]:
        """The passage, as the query of an address."""
        if self.start is None or self.end is None:
            return {}
        return {"start": self.start, "end": self.end, **({"text": self.text} if self.text else {})}


def _number(given: str) -> int | None:
    return int(given) if given.isdecimal() and len(given) < 12 else None


class FileView:
    """One file of a store."""

    def __init__(self, parts: PageParts) -> None:
        self._parts = parts

    async def show(self, request: Request) -> Response:
        """Return the file's text around a passage, or from its beginning, with its page as a picture."""
        store_id, file_id = request.path_params["store_id"], request.path_params["file_id"]
        engine, place = self._parts.engine_of(request), AskedPlace.of(request)
        store = await engine.retrieve_store(store_id)
        attached = await engine.retrieve_store_file(store_id, file_id)
        row = file_row(attached, store_id, FilterLinks(paths.store(store_id), {}, AskedFilter()))
        shown = await self._shown(engine, store_id, file_id, place)
        facts: dict[str, Any] = {
            "store": StoreRow.of(store),
            "file": row,
            "shown": shown,
            "lines": _lines(shown.piece, place) if shown.piece else [],
            "picture": _picture(row, shown, place),
            "place": place,
            **_neighbours(row, shown),
        }
        return self._parts.html(request, "file.html", **facts)

    async def picture(self, request: Request) -> Response:
        """Return a page as a picture, the passage marked."""
        place = AskedPlace.of(request)
        asked = TextRequest(
            request.path_params["file_id"],
            request.path_params["store_id"],
            start=place.start or 0,
            end=place.end,
            page=place.page,
            text_id=place.text,
        )
        image = await self._parts.engine_of(request).read_image(asked)
        return Response(image.data, headers=PICTURE_HEADERS, media_type=image.media_type)

    async def _shown(self, engine: Engine, store_id: str, file_id: str, place: AskedPlace) -> "ShownText":
        try:
            return await self._text(engine, TextRequest(file_id, store_id, text_id=place.text), place)
        except VectorStoreError as error:
            return ShownText(None, problem=error.fact)

    async def _text(self, engine: Engine, file: TextRequest, place: AskedPlace) -> "ShownText":
        """Return the page that is asked for or that the passage is on; without pages the text around the passage."""
        read = engine.read_text
        page, headings = place.page, list[str]()
        if place.start is not None:
            passage = await read(replace(file, start=place.start, end=place.end or place.start + 1))
            if passage.same_words is False:  # the text that the passage stood in is gone
                whole = await self._text(engine, replace(file, text_id=None), AskedPlace(None, None, page))
                return replace(whole, note=replaced(passage, ""))
            page, headings = page or passage.page, passage.heading_path or []
        if page is not None:
            piece = await read(replace(file, page=page))
            return ShownText(piece, headings, page, note=replaced(piece, ""))
        start = place.start or 0
        first = max(0, start - AROUND) if place.end is not None else start
        last = min((place.end or start + MOST) + AROUND, first + MOST)
        piece = await read(replace(file, start=first, end=last))
        return ShownText(piece, headings, piece.page, note=replaced(piece, ""))


@dataclass(frozen=True, slots=True)
class ShownText:
    """The part of a text that is shown; `problem` says why there is none, `note` that it is not that of today."""

    piece: TextSlice | None
    headings: Sequence[str] = ()
    page: int | None = None
    problem: str = ""
    note: str = ""


def _lines(piece: TextSlice, place: AskedPlace) -> list[TextLine]:
    """Return the text in lines, the passage marked."""
    text = piece.text[:LARGEST_PAGE]
    marks: list[tuple[int, int]] = []
    if place.start is not None and place.end is not None and place.text in (None, piece.text_id):
        marks = [(max(0, place.start - piece.start), place.end - piece.start)]
    first = piece.lines[0] if piece.lines else None
    found: list[TextLine] = []
    at = 0
    for count, row in enumerate(text.split("\n")):
        number = None if first is None else first + count
        found.append(TextLine(number, segments(text, marks, at, at + len(row))))
        at += len(row) + 1
    return found


def _picture(row: FileRow, shown: ShownText, place: AskedPlace) -> str:
    """Return the address of the page's picture; empty where there is none."""
    if not shows_pages(row.name):
        return ""
    page = place.page or shown.page
    query = {**place.span, **({"page": page} if page else {})}
    return f"{row.href}/picture" + (f"?{urlencode(query)}" if query else "")


def _neighbours(row: FileRow, shown: ShownText) -> dict[str, str]:
    """Return the addresses and names of the parts before and after: pages, else stretches of the text."""
    piece, page = shown.piece, shown.page
    if piece is None:
        return {"earlier": "", "later": "", "before": "", "after": ""}
    same = f"&text={piece.text_id}" if piece.outdated else ""
    if page is not None and piece.pages:
        return {
            "earlier": f"{row.href}?page={page - 1}{same}" if page > 1 else "",
            "later": f"{row.href}?page={page + 1}{same}" if page < piece.pages else "",
            "before": f"Page {page - 1}",
            "after": f"Page {page + 1}",
        }
    return {
        "earlier": f"{row.href}?start={max(0, piece.start - MOST)}{same}" if piece.start > 0 else "",
        "later": f"{row.href}?start={piece.end}{same}" if piece.end < piece.total else "",
        "before": "Before",
        "after": "After",
    }
