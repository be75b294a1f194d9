"""The tool `delete`, and the question that goes before it."""

from vectorstores_tools.arguments.inputs import Delete
from vectorstores_tools.arguments.parsing import refuse
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.errors import InvalidRequest, NotAllowed
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply

NEEDED = {"store": ("vector_store_id",), "file_from_store": ("vector_store_id", "file_id"), "file": ("file_id",)}
KEPT = {
    "store": "Its files stay uploaded; delete(what='file') removes one.",
    "file_from_store": "The file stays uploaded, and attached to other stores.",
    "file": "It is gone from every store it was attached to.",
}


async def delete(call: ToolCall, given: Delete) -> Reply:
    """Delete a store, an uploaded File (from all stores), or take a file out of one store (file_from_store).

    Deleting a store or a File needs the user's consent and cannot be undone.
    """
    named_exactly(given)
    if call.consent == "declined":
        kind = "vector_store.deleted" if given.what == "store" else "file"
        nothing = {"id": given.vector_store_id or given.file_id, "object": kind, "deleted": False}
        return described(nothing, message="The user declined. Nothing was deleted.")
    if given.what != "file_from_store" and call.consent != "given" and not given.confirm:
        raise await _unconfirmed(call.engine, given)
    return await _deleted(call, given)


def named_exactly(given: Delete) -> None:
    """Raise InvalidRequest unless the ids are exactly those that `what` needs."""
    needed = NEEDED[given.what]
    for name in needed:
        if getattr(given, name) is None:
            raise InvalidRequest(
                f"delete(what='{given.what}') needs {' and '.join(needed)}.", "Nothing was deleted.", param=name
            )
    others = [name for name in ("vector_store_id", "file_id") if name not in needed]
    hint = " To take it out of one store: what='file_from_store'." if given.what == "file" else ""
    refuse(given, others, f"delete(what='{given.what}') takes {' and '.join(needed)} alone.{hint} Nothing was deleted.")


async def what_is_lost(engine: Engine, given: Delete) -> str:
    """Return the sentence that says what a deletion takes away. Raises as the deletion would."""
    if given.what == "store":
        store = await engine.retrieve_store(given.vector_store_id or "")
        name = f" '{line(store.name)}'" if store.name else ""
        return f"vector store {line(store.id)}{name} and its index of {store.file_counts.total} files"
    file = await engine.retrieve_file(given.file_id or "")
    return (
        f"the uploaded file {line(file.id)} '{line(file.filename)}' ({file.bytes:,} bytes) and its place in every store"
    )


async def _unconfirmed(engine: Engine, given: Delete) -> NotAllowed:
    ids = f"{NEEDED[given.what][0]}='{given.vector_store_id or given.file_id}'"
    return NotAllowed(
        f"Nothing was deleted. This would delete {await what_is_lost(engine, given)}, for good.",
        f"Ask the user, then call delete(what='{given.what}', {ids}, confirm=true).",
        param="confirm",
        code="confirmation_required",
    )


async def _deleted(call: ToolCall, given: Delete) -> Reply:
    store_id, file_id = given.vector_store_id or "", given.file_id or ""
    if given.what == "store":
        gone = await call.engine.delete_store(store_id)
        await call.stores_changed()
    elif given.what == "file":
        gone = await call.engine.delete_file(file_id)
    else:
        gone = await call.engine.detach_file(store_id, file_id)
    return described(gone, message=KEPT[given.what])
