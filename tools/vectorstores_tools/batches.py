"""The tools `batch_attach` and `cancel_batch`."""

import anyio

from vectorstores_tools.arguments.inputs import BatchAttach, CancelBatch
from vectorstores_tools.arguments.parsing import checked, exactly_one, refuse
from vectorstores_tools.attach_paths import attach_paths
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import FileAttach
from vectorstores_tools.mirror_folders import mirror_folders
from vectorstores_tools.progress.following import follow_batch
from vectorstores_tools.rendering.batches import described_batch
from vectorstores_tools.rendering.reply import Reply


async def batch_attach(call: ToolCall, given: BatchAttach) -> Reply:
    """Attach many files to a store: uploaded ones by file_ids or files, or from this machine by paths (folders, globs).

    Repeating it with the same paths never attaches twice. mirror='on': the store follows the folders from then on.
    Waits up to wait_seconds; retrieve waits on.
    """
    kind = exactly_one(given, "file_ids", "files", "paths")
    if given.mirror is not None and kind != "paths":
        raise InvalidRequest("A store follows folders only.", "Name them with paths.", param="mirror")
    if given.confirm and given.mirror != "on":
        raise InvalidRequest("confirm goes with mirror='on'.", "Leave it out.", param="confirm")
    if kind == "paths":
        return await (attach_paths if given.mirror is None else mirror_folders)(call, given)
    if kind == "files":
        refuse(given, ("attributes", "chunking_strategy"), "each of files has its own")
    started = anyio.current_time()
    batch = await call.engine.create_batch(given.vector_store_id, _attachments(given))
    left = given.wait_seconds - (anyio.current_time() - started)
    if batch.status == "in_progress" and left > 0:
        batch = await follow_batch(call, given.vector_store_id, batch.id, left)
    return await described_batch(call, batch)


async def cancel_batch(call: ToolCall, given: CancelBatch) -> Reply:
    """Stop a batch. What is already processed stays attached; delete(what='file_from_store') takes it out."""
    batch = await call.engine.cancel_batch(given.vector_store_id, given.batch_id)
    return await described_batch(call, batch)


def _attachments(given: BatchAttach) -> list[FileAttach]:
    if given.files is not None:
        return list(given.files)
    options = given.model_dump(include={"attributes", "chunking_strategy"}, exclude_none=True)
    return [checked(FileAttach, file_id=file_id, **options) for file_id in given.file_ids or ()]
