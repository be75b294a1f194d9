"""The tool `create_store`, and its note for a store whose name exists already."""

from vectorstores_tools.arguments.inputs import CreateStore
from vectorstores_tools.arguments.parsing import checked
from vectorstores_tools.context import ToolCall, next_for
from vectorstores_tools.contract.errors import Unavailable
from vectorstores_tools.contract.models import VectorStore
from vectorstores_tools.contract.requests import PageRequest, StoreCreate
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply

SAME_NAME_AMONG = 100
"""The number of newest stores whose names are compared: a note is not worth reading all of a remote's pages."""


async def create_store(call: ToolCall, given: CreateStore) -> Reply:
    """Make a vector store: a searchable collection of files.

    Then fill it with batch_attach (folders, many files) or upload_file (one). Use list first where the store may exist.
    """
    store = await call.engine.create_store(checked(StoreCreate, **given.model_dump(exclude_none=True)))
    await call.stores_changed()
    notes = await _same_name(call, store) if store.notes is None else store.notes
    shown = store.model_dump(mode="json", exclude={"notes"})
    return described(shown, *notes, notes=notes or None, next=next_for(call, store) or _fill(store))


def _fill(store: VectorStore) -> str | None:
    return None if store.file_counts.total else f"batch_attach(vector_store_id='{store.id}', paths=[...]) fills it"


async def _same_name(call: ToolCall, store: VectorStore) -> list[str]:
    """Return a note where there are other stores of this name; an engine that has notes of its own has looked."""
    if not store.name:
        return []
    try:
        page = await call.engine.list_stores(PageRequest(limit=SAME_NAME_AMONG))
    except Unavailable:
        return []  # the store is made, and that is what the call was for
    others = [other.id for other in page.data if other.name == store.name and other.id != store.id]
    return [f"Another store has the same name: {', '.join(others[:3])}."] if others else []
