"""The tool `create_store`, and what a new store's owner is told at once."""

from typing import cast

from vectorstores_tools.arguments.inputs import CreateStore
from vectorstores_tools.arguments.parsing import checked
from vectorstores_tools.context import ToolCall, next_for
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.models import VectorStore
from vectorstores_tools.contract.requests import PageRequest, StoreCreate
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply

SAME_NAME_AMONG = 100
"""Of how many newest stores the names are compared: a note is not worth reading all of a remote's pages."""


async def create_store(call: ToolCall, given: CreateStore) -> Reply:
    """Make a vector store: a searchable collection of files.

    Then fill it with batch_attach (folders, many files) or upload_file (one). Use list first where the store may exist.
    """
    store = await call.engine.create_store(checked(StoreCreate, **given.model_dump(exclude_none=True)))
    await call.stores_changed()
    notes = _notes(store)
    if notes is None:
        notes = await _same_name(call, store)
    shown = store.model_dump(mode="json", exclude={"notes"})
    return described(shown, *notes, notes=notes or None, next=next_for(call, store) or _fill(store))


def _fill(store: VectorStore) -> str | None:
    return None if store.file_counts.total else f"batch_attach(vector_store_id='{store.id}', paths=[...]) fills it"


def _notes(store: VectorStore) -> list[str] | None:
    """Return what the engine says besides the object, e.g. that it has no model; None where it is not one of ours."""
    listed = (store.model_extra or {}).get("notes")
    return [str(note) for note in cast("list[object]", listed)] if isinstance(listed, list) else None


async def _same_name(call: ToolCall, store: VectorStore) -> list[str]:
    """Return a note where there are other stores of this name; an engine of ours has looked itself."""
    if not store.name:
        return []
    try:
        page = await call.engine.list_stores(PageRequest(limit=SAME_NAME_AMONG))
    except Unavailable:
        return []  # the store is made, and that is what the call was for
    others = [other.id for other in page.data if other.name == store.name and other.id != store.id]
    return [f"Another store has the same name: {', '.join(others[:3])}."] if others else []
