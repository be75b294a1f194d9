"""The answer about a batch: the batch, and its failed files with their reasons."""

from typing import Any

from vectorstores_tools.context import ToolCall, next_for
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.lookups import filename_of
from vectorstores_tools.contract.models import FileBatch
from vectorstores_tools.contract.requests import StoreFilesRequest
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply

FAILURES_SHOWN = 10


async def described_batch(call: ToolCall, batch: FileBatch, *sentences: str, **more: Any) -> Reply:
    """Return a batch with up to ten of its failures."""
    failed = await failures(call.engine, batch) if batch.file_counts.failed else None
    # The engine's notes on the batch stand beside those of the call.
    notes = [*(batch.notes or ()), *(more.pop("notes", None) or ())] or None
    step = more.pop("next", None) or next_for(call, batch)
    return described(batch, *sentences, failures=failed, notes=notes, next=step, **more)


async def failures(engine: Engine, batch: FileBatch) -> list[dict[str, str]]:
    """Return the first ten files of the batch that failed, each with its reason."""
    wanted = StoreFilesRequest(limit=FAILURES_SHOWN, order="asc", filter="failed")
    page = await engine.list_batch_files(batch.vector_store_id, batch.id, wanted)
    return [
        {
            "file_id": item.id,
            "filename": await filename_of(engine, item),
            "code": item.last_error.code if item.last_error else "server_error",
            "message": item.last_error.message if item.last_error else "",
        }
        for item in page.data
    ]
