"""Stores as MCP resources: the vectorstore:// URIs and their pages."""

import base64
import binascii
from typing import Any

from mcp import MCPError
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, ListResourcesResult, Resource
from pydantic import BaseModel

from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.engine import Engine, TextRequest
from vectorstores_tools.contract.errors import BadCursor, NotFound, VectorStoreError
from vectorstores_tools.contract.lookups import stores_of
from vectorstores_tools.contract.models import Page, VectorStoreFile
from vectorstores_tools.contract.requests import PageRequest, StoreFilesRequest
from vectorstores_tools.rendering.older_texts import replaced
from vectorstores_tools.rendering.reply import compact
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned, noted

FIRST_CHARACTERS = 50_000
MOST_CHARACTERS = 1_000_000
MOST_BYTES = 4 * 1024 * 1024
STORES_A_PAGE = 50
LONGEST_LIST = 60_000
"""Characters of a list of files; each may have 9,000 in its attributes."""
MAPS = ("attributes", "last_error", "notes")
JSON = "application/json"
PAGES_WATCHED = 10
"""The most pages of 100 stores in which a change of the list is looked for."""


GONE = "gone"
"""The state of a resource that is not there."""


class StoreResources:
    """The contents of each URI."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def register(self, server: MCPServer[Any]) -> None:
        """Add the templates."""
        store, files, file, batch, content = uris.FORMS
        server.resource(store, name="store", title="Vector store", mime_type=JSON)(self.store)
        server.resource(files, name="store_files", title="Files of a store", mime_type=JSON)(self.files)
        server.resource(batch, name="batch", title="File batch", mime_type=JSON)(self.batch)
        server.resource(file, name="file_text", title="Parsed text of a file")(self.text)
        server.resource(content, name="file_content", title="File as uploaded", mime_type="application/octet-stream")(
            self.content
        )

    async def store(self, vector_store_id: str) -> str:
        """Return the vector store: name, status, file counts, expiry, metadata."""
        try:
            found = await self.engine.retrieve_store(vector_store_id)
        except VectorStoreError as error:
            raise _unreadable(error) from error
        self.engine.expect_searches(vector_store_id)
        return _json(found)

    async def files(self, vector_store_id: str) -> str:
        """Return the newest 100 files of the store, or as many as fit; the list tool shows the others."""
        try:
            page = await self.engine.list_store_files(vector_store_id, StoreFilesRequest(limit=100))
        except VectorStoreError as error:
            raise _unreadable(error) from error
        self.engine.expect_searches(vector_store_id)
        return _fitting(vector_store_id, page)

    async def batch(self, vector_store_id: str, batch_id: str) -> str:
        """Return the batch: status and how many of its files stand where."""
        try:
            return _json(await self.engine.retrieve_batch(vector_store_id, batch_id))
        except VectorStoreError as error:
            raise _unreadable(error) from error

    async def text(
        self, vector_store_id: str, file_id: str, start: int = 0, end: int | None = None, text: str | None = None
    ) -> str:
        """Return characters start to end of the file's parsed text; without end the first 50,000 and how to go on.

        `text` is the id of the text that these are counted in, as a hit's uri has it. The text stands in a fence, as a
        search shows it; what was uploaded, byte for byte, is at files/{id}/content.
        """
        start = max(0, start)
        most = start + (FIRST_CHARACTERS if end is None else MOST_CHARACTERS)
        last = most if end is None else min(end, most)
        try:
            asked = TextRequest(file_id, vector_store_id, start=start, end=last, text_id=text)
            piece = await self.engine.read_text(asked)
        except VectorStoreError as error:
            raise _unreadable(error) from error
        self.engine.expect_searches(vector_store_id)
        shown = clean(piece.text)
        fence = Fence([shown, *(piece.notes or ())])
        other = replaced(piece, uris.file(vector_store_id, piece.superseded_by or ""))
        called = [f"[{other}]"] if other else []
        fenced = "\n".join([*called, fence.notice, *noted(fence, piece.notes or ()), fence.around(shown)])
        if piece.end >= piece.total or (end is not None and end <= most):
            return fenced
        last = min(piece.end + FIRST_CHARACTERS, piece.total)
        rest = uris.file(vector_store_id, piece.file_id, piece.end, last, piece.text_id)
        return f"{fenced}\n\n[Characters {piece.start} to {piece.end} of {piece.total}. Goes on at {rest}]"

    async def content(self, file_id: str) -> bytes:
        """Return the file's bytes as they were uploaded, up to 4 MiB."""
        try:
            async with self.engine.read_file(file_id) as content:
                if content.size > MOST_BYTES:
                    raise ResourceError(
                        f"{file_id} has {content.size:,} bytes, more than the {MOST_BYTES:,} that a resource may have. "
                        f"read(file_id='{file_id}') shows its text in parts."
                    )
                return b"".join([piece async for piece in content.stream])
        except VectorStoreError as error:
            raise _unreadable(error) from error

    async def page(self, cursor: str | None) -> ListResourcesResult:
        """Return a page of the stores as resources. The cursor is opaque: a client only hands it back."""
        request = PageRequest(limit=STORES_A_PAGE, after=_decoded(cursor) if cursor else None)
        try:
            page = await self.engine.list_stores(request)
        except BadCursor:
            raise _bad_cursor() from None
        except VectorStoreError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None
        stores = [
            Resource(
                uri=uris.store(store.id),
                name=line(store.name or store.id),
                description=line(store.description or "") or None,
                mime_type=JSON,
            )
            for store in page.data
        ]
        return ListResourcesResult(resources=stores, next_cursor=_encoded(page.last_id) if page.has_more else None)

    async def state(self, uri: str) -> str:
        """Return a state that differs once the resource reads differently; cheaper than reading a text."""
        named = uris.parse_uri(uri)
        try:
            return await self._state(named)
        except NotFound:
            return GONE

    async def _state(self, named: uris.ResourceUri) -> str:
        store_id, file_id = named.store_id or "", named.file_id or ""
        match named.kind:
            case "store":
                return (await self.engine.retrieve_store(store_id)).model_dump_json()
            case "files":
                page = await self.engine.list_store_files(store_id, StoreFilesRequest(limit=100))
                return page.model_dump_json()
            case "batch":
                return (await self.engine.retrieve_batch(store_id, named.batch_id or "")).model_dump_json()
            case "file":
                return (await self.engine.retrieve_store_file(store_id, file_id)).model_dump_json()
            case "content":
                return (await self.engine.retrieve_file(file_id)).model_dump_json()

    async def stores_state(self) -> str:
        """Return a state that differs once the list of stores has changed."""
        stores = stores_of(self.engine, pages=PAGES_WATCHED)
        return compact([(store.id, store.name) async for store in stores])


def _fitting(store_id: str, page: Page[VectorStoreFile]) -> str:
    """Return a page of at most LONGEST_LIST characters, first without the maps of its files, and how to go on."""
    facts = cleaned(page.model_dump(mode="json"))
    if len(compact(facts)) > LONGEST_LIST:
        facts["data"] = [{key: value for key, value in item.items() if key not in MAPS} for item in facts["data"]]
        facts["message"] = "Too long to show attributes and notes: retrieve shows them."
    while len(compact(facts["data"])) > LONGEST_LIST:
        facts["data"] = facts["data"][: len(facts["data"]) * 3 // 4]
        facts |= {"last_id": facts["data"][-1]["id"], "has_more": True}
    if facts["has_more"]:
        facts["next"] = f"list(vector_store_id='{line(store_id)}', after='{facts['last_id']}')"
    return compact(facts)


def _json(item: BaseModel) -> str:
    return compact(cleaned(item.model_dump(mode="json")))


def _unreadable(error: VectorStoreError) -> ResourceError:
    return ResourceNotFoundError(str(error)) if isinstance(error, NotFound) else ResourceError(str(error))


def _encoded(store_id: str | None) -> str | None:
    return base64.urlsafe_b64encode(store_id.encode()).decode() if store_id else None


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode()).decode()
    except (binascii.Error, UnicodeError):
        raise _bad_cursor() from None


def _bad_cursor() -> MCPError:
    return MCPError(INVALID_PARAMS, "Unknown cursor. Pass the nextCursor of the last page, or none for the first page.")
