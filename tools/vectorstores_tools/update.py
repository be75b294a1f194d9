"""The tool `update`: names, metadata and expiry of a store, attributes of a file in one."""

from typing import Any

from vectorstores_tools.arguments.inputs import Update
from vectorstores_tools.arguments.parsing import checked, refuse
from vectorstores_tools.context import ToolCall, next_for
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import StoreUpdate
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply
from vectorstores_tools.retrieve import OF_A_STORE


async def update(call: ToolCall, given: Update) -> Reply:
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


async def _update_file(call: ToolCall, given: Update, file_id: str) -> Reply:
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
