"""OGX (llama-stack) as about 95 exchanges with version 1.5.0 showed it, over our own /v1."""

import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from support.doubles import Asked, Published, Reply
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.engine import Engine

STORE_KEYS = {
    "provider_id": "faiss",
    "provider_vector_store_id": "vs_other",
    "embedding_model": "sentence-transformers/all-MiniLM-L6-v2",
    "embedding_dimension": "384",
}
YEAR = 365 * 24 * 3600
PIECE, OVERLAP = 60, 30
"""Characters of what stands for a chunk."""


class OGX(Published):
    """Version 1.5.0: embeds inside the call that attaches, and takes and drops much that it does not have."""

    detail = "message"

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.searched: dict[tuple[str, str], dict[str, Any]] = {}
        """The attributes that a file was attached with: the only ones that a search sees."""
        self.batches: dict[str, str] = {}
        self.deleted: set[str] = set()
        """Files that are gone while their stores still have them."""

    async def answer(self, asked: Asked) -> Reply:
        asked = replace(asked, path=self._batch_of(asked.path))
        reply = await self._routed(asked, *asked.path.split("/"))
        if not reply.good and "error" in reply.said:
            return self._refusal(reply.said["error"]["message"], 413 if reply.status == 413 else 400)
        if asked.path.startswith("vector_stores") and "file_batches" not in asked.path:
            _as_ogx(reply.said)
        return reply

    async def _routed(self, asked: Asked, *parts: str) -> Reply:
        match asked.method, *parts:
            case (_, "files", *rest):
                return await self._file(asked, *rest)
            case ("GET", *_):
                return await self._read(asked)
            case ("POST", "vector_stores") | ("POST", "vector_stores", _):
                return await self.v1(await self._as_taken(asked))
            case ("POST", "vector_stores", store, "search" | "files" | "file_batches" as what):
                acts = {"search": self._search, "files": self._attach, "file_batches": self._batch}
                return await acts[what](asked, unquote(store))
            case (_, "uploads", *_):
                return self.no_route()
            case _:
                return await self.v1(asked)

    async def _read(self, asked: Asked) -> Reply:
        if "after" in asked.params or "before" in asked.params:
            return await self._from_cursor(asked)
        reply = await self.v1(asked)
        return _in_pieces(reply) if asked.path.endswith("/content") else reply

    async def _as_taken(self, asked: Asked) -> Asked:
        """Drop what has no effect: a description, an expiry, nulls, and files that do not exist."""
        files = [one for one in asked.json.get("file_ids") or () if (await self.get(f"files/{one}")).good]
        return asked.saying(description=None, expires_after=None, file_ids=files or None)

    async def _attach(self, asked: Asked, store: str) -> Reply:
        body = asked.json
        file = str(body["file_id"])
        known = await self.get(f"vector_stores/{store}/files/{file}")
        if known.good:
            return known
        holder = await self.get(f"vector_stores/{store}")
        if not holder.good:
            return holder
        reply = await self.v1(asked)
        if not reply.good:
            error = {"code": "server_error", "message": reply.said["error"]["message"]}
            return Reply(200, {"id": file, "object": "vector_store.file", "status": "failed", "last_error": error})
        self.searched[store, file] = body.get("attributes") or {}
        return await self._settled(store, file)

    async def _settled(self, store: str, file: str) -> Reply:
        mark = await self.engine.changed(0)
        while (reply := await self.get(f"vector_stores/{store}/files/{file}")).said.get("status") == "in_progress":
            mark = await self.engine.changed(mark)
        return reply

    async def _batch(self, asked: Asked, store: str) -> Reply:
        files = asked.json.get("file_ids")
        if not files:  # `files` is not looked at, and the batch never ends
            counts = dict.fromkeys(("in_progress", "completed", "failed", "cancelled", "total"), 0)
            return Reply(200, {"id": f"batch_{uuid4()}", "status": "in_progress", "file_counts": counts})
        reply = await self.v1(asked)
        if reply.good:
            self.searched |= {(store, file): asked.json.get("attributes") or {} for file in files}
            self.batches[f"batch_{uuid4()}"] = reply.said["id"]
            reply.said["id"] = next(reversed(self.batches))
        return reply

    async def _search(self, asked: Asked, store: str) -> Reply:
        body = asked.json
        if body.get("rewrite_query"):
            return self._refusal("Query rewriting is not available")
        query = body["query"] if isinstance(body["query"], str) else " ".join(body["query"])
        reply = await self.v1(asked.saying(query=query, filters=None, max_num_results=50))
        wanted = filters.parse_filter(body.get("filters"))
        hits: list[dict[str, Any]] = []
        for hit in reply.said.get("data", ()):
            old = self.searched.get((store, hit["file_id"]), {})
            if wanted is None or filters.matches(wanted, old):
                hits.append(_hit_as_ogx(hit, old))
        return Reply(reply.status, {**reply.said, "data": hits[: body.get("max_num_results", 10)]})

    async def _from_cursor(self, asked: Asked) -> Reply:
        """Ignore a cursor that is no item any more, or never was."""
        path = asked.path if asked.path.endswith("/files") else "vector_stores"
        path = re.sub(r"/file_batches/[^/]+", "", path)
        for name in ("after", "before"):
            if name in asked.params and not (await self.get(f"{path}/{asked.params[name]}")).good:
                asked = asked.without(name)
        return await self.v1(asked)

    async def _file(self, asked: Asked, *parts: str) -> Reply:
        file = unquote(parts[0]) if parts else asked.params.get("after", "")
        if parts and not re.fullmatch(r"file-[a-z0-9]{24}", file):
            return self._refusal(
                f"Invalid value for 'file_id': {file}. Must match format 'file-' followed by 1-64 hex characters."
            )
        if file in self.deleted or (file and not (await self.get(f"files/{file}")).good):
            return self._refusal(f"Record with id='{file}' not found in table 'openai_files'")
        if asked.method == "DELETE" and file in {attached for _, attached in await self._attached()}:
            self.deleted.add(file)
            return Reply(200, {"id": file, "object": "file", "deleted": True})
        reply = await self.v1(asked)
        for one in reply.said.get("data", [reply.said] if "filename" in reply.said else ()):
            one.update(expires_at=one.get("expires_at") or one["created_at"] + YEAR, status_details="")
        return reply

    async def _attached(self) -> list[tuple[str, str]]:
        return [key for key in self.searched if (await self.get(f"vector_stores/{key[0]}/files/{key[1]}")).good]

    def _batch_of(self, path: str) -> str:
        return re.sub(r"batch_[-0-9a-f]{36}", lambda id: self.batches.get(id[0], id[0]), path)

    def _refusal(self, said: str, status: int = 400) -> Reply:
        if found := re.match(r"No vector store found with id '(.*)'\.", said):
            said = f"Vector_store '{found[1]}' not found"
        if found := re.match(r"No file batch found with id '(.*)' in", said):
            return Reply(400, {"detail": f"File batch {found[1]} not found"})
        if found := re.match(r"No file found with id '(.*)' in vector store '(.*)'\.", said):
            said = f"File {found[1]} not found in vector store {found[2]}"
        return Reply(status, {"error": {self.detail: said}})


class LlamaStack(OGX):
    """Version 0.2: another prefix, another word for what went wrong, and no batches at all."""

    prefix = "/v1/openai/v1/"
    detail = "detail"

    async def answer(self, asked: Asked) -> Reply:
        return self.no_route() if "/file_batches" in asked.path else await super().answer(asked)


def _as_ogx(said: dict[str, Any]) -> None:
    """Put into an object or a page what OGX has in other ways."""
    if "data" in said and not said["data"]:
        said.update(first_id="", last_id="")
    for one in said.get("data", [said]):
        if one.get("object") == "vector_store":
            one.update(metadata={**(one["metadata"] or {}), **STORE_KEYS}, expires_at=None)
            one.pop("description", None)
        if one.get("last_error"):
            one["last_error"]["code"] = "server_error"


def _hit_as_ogx(hit: dict[str, Any], attributes: dict[str, Any]) -> dict[str, Any]:
    document = str(uuid4())
    own = {"document_id": document, "filename": hit["filename"], "file_id": hit["file_id"], "chunk_id": str(uuid4())}
    counts = {"token_count": 12.0, "metadata_token_count": 7.0, "chunk_tokenizer": "DEFAULT_TIKTOKEN_TOKENIZER"}
    content = [{**part, "embedding": None, "chunk_metadata": None, "metadata": None} for part in hit["content"]]
    return {**hit, "file_id": document, "attributes": {**attributes, **own, **counts}, "content": content}


def _in_pieces(reply: Reply) -> Reply:
    """Answer with one item a chunk, each beginning inside the one before."""
    if reply.good:
        text = "".join(part["text"] for part in reply.said["data"])
        starts = range(0, max(1, len(text) - OVERLAP), PIECE - OVERLAP)
        reply.said["data"] = [{"type": "text", "text": text[start : start + PIECE]} for start in starts]
    return reply
