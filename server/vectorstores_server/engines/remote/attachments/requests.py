"""Requests that attach a file, new or as it is attached already."""

from typing import Any

from vectorstores_tools.contract.models import VectorStoreFile
from vectorstores_tools.contract.requests import Attributes, ChunkingStrategy, FileAttach, StaticChunking


def body_of(entry: FileAttach, *, without_id: bool = False) -> dict[str, Any]:
    """Return the body of a request; options not given are not sent."""
    return entry.model_dump(exclude_none=True, exclude={"file_id"} if without_id else None)


def kept(file: VectorStoreFile) -> dict[str, Any]:
    """Return the body that attaches the file as it is attached."""
    sizes = (file.chunking_strategy or {}).get("static")
    chunking = {"chunking_strategy": {"type": "static", "static": sizes}} if sizes else {}
    return {"file_id": file.id, "attributes": file.attributes or {}, **chunking}


def has_other_sizes(wanted: ChunkingStrategy | None, file: VectorStoreFile) -> bool:
    """Tell whether a file must be cut into chunks again."""
    return wanted is not None and wanted.sizes.model_dump() != (file.chunking_strategy or {}).get("static")


def attached_as(file: VectorStoreFile, attributes: Attributes | None, strategy: ChunkingStrategy | None) -> FileAttach:
    """Return the request that attaches a file as it is attached, but for the options given. It is not checked again."""
    sizes = (file.chunking_strategy or {}).get("static")
    if strategy is None and sizes:
        strategy = ChunkingStrategy.model_construct(type="static", static=StaticChunking.model_construct(**sizes))
    chosen = file.attributes if attributes is None else attributes
    return FileAttach.model_construct(file_id=file.id, attributes=chosen, chunking_strategy=strategy)
