"""The two tools that ChatGPT's connectors ask for: `search(query)` over all stores, and `fetch(id)`.

Source: OpenAI's "Building MCP servers for ChatGPT and API integrations": results are {id, title, url}, a document is
{id, title, text, url, metadata}; both are sent as one text item of JSON, too.
"""

from typing import TYPE_CHECKING, Any

from vectorstores_tools.arguments.inputs import FetchDocument, FindDocuments
from vectorstores_tools.arguments.parsing import checked
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract import uris
from vectorstores_tools.contract.characters import clean, line
from vectorstores_tools.contract.engine import TextRequest
from vectorstores_tools.contract.errors import InvalidRequest, StoreExpired
from vectorstores_tools.contract.lookups import stores_of
from vectorstores_tools.contract.requests import SearchRequest
from vectorstores_tools.rendering.reply import Reply, compact
from vectorstores_tools.rendering.untrusted_text import Fence, cleaned

if TYPE_CHECKING:
    from vectorstores_tools.contract.models import SearchHit

DOCUMENTS = 10
LONGEST_DOCUMENT = 50_000
"""Characters of a document's text."""
PAGES = 1
"""The most pages of 100 stores that are searched."""


async def find_documents(call: ToolCall, given: FindDocuments) -> Reply:
    """Search all documents by meaning and words. Returns ids, titles and addresses; fetch shows a document's text."""
    request = checked(SearchRequest, queries=[given.query], max_num_results=DOCUMENTS)
    best: dict[str, SearchHit] = {}
    async for store in stores_of(call.engine, pages=PAGES):
        if store.status == "expired":
            continue
        try:
            page = await call.engine.search(store.id, request)
        except StoreExpired:
            continue  # this very moment
        for hit in page.data:
            uri = uris.file(store.id, hit.file_id)
            if uri not in best or best[uri].score < hit.score:
                best[uri] = hit
    ranked = sorted(best.items(), key=lambda pair: pair[1].rank)[:DOCUMENTS]
    return _sent({"results": [{"id": uri, "title": line(hit.path or hit.filename), "url": uri} for uri, hit in ranked]})


async def fetch(call: ToolCall, given: FetchDocument) -> Reply:
    """Show the text of a document that search found, by its id."""
    named = uris.parse_uri(given.id)
    if named.kind != "file" or named.store_id is None or named.file_id is None:
        raise InvalidRequest(f"'{given.id}' is no document.", "Pass an id that search returned.", param="id")
    item = await call.engine.retrieve_store_file(named.store_id, named.file_id)
    piece = await call.engine.read_text(TextRequest(named.file_id, named.store_id, end=LONGEST_DOCUMENT))
    fence = Fence([clean(piece.text)])
    rest = f"\n[The first {piece.end} of {piece.total} characters.]" if piece.end < piece.total else ""
    uri = uris.file(named.store_id, named.file_id)
    return _sent(
        {
            "id": uri,
            "title": line(piece.path or piece.filename),
            "text": f"{fence.notice}\n{fence.around(clean(piece.text))}{rest}",
            "url": uri,
            "metadata": cleaned(item.attributes or {}, "attributes"),
        }
    )


def _sent(facts: dict[str, Any]) -> Reply:
    return Reply(facts, compact(facts))
