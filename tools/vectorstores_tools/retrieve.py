"""The tool `retrieve`: one object as it is, or as it is when its work has ended."""

from vectorstores_tools.arguments.inputs import Retrieve
from vectorstores_tools.arguments.parsing import refuse
from vectorstores_tools.context import ToolCall, next_for
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.progress.following import follow_batch, follow_file, follow_store
from vectorstores_tools.rendering.batches import described_batch
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply

OF_A_STORE = ("name", "metadata", "expires_after")


async def retrieve(call: ToolCall, given: Retrieve) -> Reply:
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
