"""retrieve and update."""

from typing import Any

from vectorstores_tools.arguments import checked, refuse
from vectorstores_tools.call import Call
from vectorstores_tools.describing import described
from vectorstores_tools.errors import InvalidRequest
from vectorstores_tools.following import follow_batch, follow_file, follow_store, next_for
from vectorstores_tools.inputs import Retrieve, Update
from vectorstores_tools.outcomes import described_batch
from vectorstores_tools.reply import Reply
from vectorstores_tools.requests import StoreUpdate

OF_A_STORE = ("name", "metadata", "expires_after")


async def retrieve(call: Call, given: Retrieve) -> Reply:
    """Show one object: a store, a file in a store, a batch, or (file_id alone) an uploaded File.

    With wait_seconds it waits for the final status: use it instead of asking again and again.
    """
    store_id, seconds = given.vector_store_id, given.wait_seconds
    if store_id is None:
        refuse(given, ("batch_id",), "a batch belongs to a store.")
        if given.file_id is None:
            raise InvalidRequest("Nothing to retrieve.", "Pass vector_store_id or file_id.", param="vector_store_id")
        return described(await call.engine.retrieve_file(given.file_id))
    if given.batch_id is not None:
        refuse(given, ("file_id",), "a batch is named by vector_store_id and batch_id.")
        return await described_batch(call, await follow_batch(call, store_id, given.batch_id, seconds))
    if given.file_id is not None:
        item = await follow_file(call, store_id, given.file_id, seconds)
        file = await call.engine.retrieve_file(given.file_id)
        return described(item, filename=file.filename, next=next_for(call, item))
    store = await follow_store(call, store_id, seconds)
    return described(store, next=next_for(call, store))


async def update(call: Call, given: Update) -> Reply:
    """Change a store (name, metadata, expires_after) or a file in it (attributes). Maps are replaced whole.

    clear empties fields. A search sees new attributes at once.
    """
    if given.file_id is not None:
        return await _update_file(call, given, given.file_id)
    refuse(given, ("attributes",), "attributes belong to a file: pass file_id too.")
    changes = given.model_dump(include=set(OF_A_STORE), exclude_none=True)
    for field in given.clear or ():
        if field == "attributes":
            raise InvalidRequest("A store has no attributes.", "Pass file_id too.", param="clear")
        _once(given, field)
        changes[field] = None
    _something(changes)
    store = await call.engine.update_store(given.vector_store_id, checked(StoreUpdate, **changes))
    if "name" in changes:
        await call.stores_changed()
    return described(store, next=next_for(call, store))


async def _update_file(call: Call, given: Update, file_id: str) -> Reply:
    refuse(given, OF_A_STORE, "a file in a store has attributes only.")
    for field in given.clear or ():
        if field != "attributes":
            raise InvalidRequest(f"A file in a store has no {field}.", "Leave out file_id.", param="clear")
        _once(given, field)
    _something({"attributes": given.attributes} if given.attributes is not None or given.clear else {})
    item = await call.engine.update_store_file(given.vector_store_id, file_id, given.attributes)
    return described(item, next=next_for(call, item))


def _once(given: Update, field: str) -> None:
    if getattr(given, field) is not None:
        raise InvalidRequest(f"'{field}' is both given and in clear.", "Do one of the two.", param="clear")


def _something(changes: dict[str, Any]) -> None:
    if not changes:
        raise InvalidRequest(
            "Nothing to change.",
            "Pass name, metadata or expires_after; attributes with file_id; or clear.",
            param="name",
        )
