"""The tool `upload_file`: one file from a path, a text or a URL, and attached at once where a store is named."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import PurePath

from vectorstores_tools.arguments.inputs import UploadFile
from vectorstores_tools.arguments.parsing import checked, exactly_one, refuse
from vectorstores_tools.context import ToolCall, next_for
from vectorstores_tools.contract.engine import AttachOptions, NewFile
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.models import File, VectorStoreFile
from vectorstores_tools.contract.requests import FileAttach
from vectorstores_tools.progress.following import follow_file
from vectorstores_tools.progress.reporting import Progress, reported, watched
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply


async def upload_file(call: ToolCall, given: UploadFile) -> Reply:
    """Upload one file from exactly one of path, text, url, or attach an uploaded one by file_id.

    With vector_store_id it is searchable once its status is completed. For a folder or several files use batch_attach.
    """
    kind = exactly_one(given, "path", "text", "url", "file_id")
    store_id = given.vector_store_id
    if store_id is None:
        refuse(given, ("attributes", "chunking_strategy", "file_id"), "it needs vector_store_id")
        return described(await reported(call.report, lambda progress: _created(call, given, kind, progress)))

    async def work(progress: Progress) -> tuple[VectorStoreFile, list[str]]:
        file_id, notes = await _attached(call, given, kind, store_id, progress)
        return await follow_file(call, store_id, file_id, given.wait_seconds, progress), notes

    item, notes = await reported(call.report, work)
    file = await call.engine.retrieve_file(item.id)
    notes_shown = [*notes, *(item.notes or ())] or None
    return described(item, *notes, filename=file.filename, notes=notes_shown, next=next_for(call, item))


async def _attached(
    call: ToolCall, given: UploadFile, kind: str, store_id: str, progress: Progress
) -> tuple[str, list[str]]:
    """Attach the given file. Return the File's id, and sentences for the reader."""
    if kind in ("path", "url") and given.purpose == "assistants":
        return await _ingested(call, given, store_id, progress)
    await call.engine.retrieve_store(store_id)  # an unknown store must not leave a File behind
    file_id = given.file_id or (await _created(call, given, kind, progress)).id
    options = given.model_dump(include={"attributes", "chunking_strategy"}, exclude_none=True)
    await call.engine.attach_file(store_id, checked(FileAttach, file_id=file_id, **options))
    return file_id, []


async def _ingested(call: ToolCall, given: UploadFile, store_id: str, progress: Progress) -> tuple[str, list[str]]:
    async with _opened(call, given, progress) as source:

        async def single_source() -> AsyncGenerator[Source]:
            yield source

        done = await call.engine.attach_sources(
            store_id, single_source(), AttachOptions(given.attributes, given.chunking_strategy)
        )
    unchanged = ["This file was already attached here, unchanged; nothing was uploaded."] if done.unchanged else []
    return done.file_ids[0], [*unchanged, *done.notes]


async def _created(call: ToolCall, given: UploadFile, kind: str, progress: Progress) -> File:
    if kind == "text":
        return await call.engine.create_file(NewFile(_text_name(given), _encoded(given.text or ""), given.purpose))
    async with _opened(call, given, progress) as source:
        new = NewFile(source.filename, source.stream, given.purpose, size=source.size, sent=source.sent)
        return await call.engine.create_file(new)


@asynccontextmanager
async def _opened(call: ToolCall, given: UploadFile, progress: Progress) -> AsyncGenerator[Source]:
    """Open the one file that path or url names; its way to a remote is all the progress, or the first half of it."""
    if given.url is not None and "://" not in given.url:
        raise InvalidRequest(f"Invalid 'url': '{given.url[:200]}' is none.", "Use path for a file.", param="url")
    param, named = ("path", given.path) if given.path else ("url", str(given.url))
    survey = await call.intake.survey([named], call.roots)
    if len(survey.origins) > 1:
        raise InvalidRequest(
            f"'{named}' names {len(survey.origins)} files.",
            f"Attach them together: batch_attach(vector_store_id=..., paths=['{named}']).",
            param=param,
        )
    if not survey.origins:
        why = ", ".join(survey.skipped) or "nothing there"
        raise InvalidRequest(
            f"'{named}' gives no file to upload ({why}).", "Name a file that can be read.", param=param
        )
    origin = survey.origins[0]
    async with call.intake.open(origin, call.roots) as source:
        found = replace(source, folder=survey.folders.get(origin))
        named_so = replace(found, filename=given.filename) if given.filename else found
        steps = 50 if given.vector_store_id else 100
        yield watched(named_so, lambda share, words: progress.says(round(steps * share), 100, words))


def _text_name(given: UploadFile) -> str:
    """Return a name whose ending says that it is text: what parses a file goes by it."""
    name = given.filename or "text.txt"
    return name if PurePath(name).suffix else f"{name}.txt"


async def _encoded(text: str) -> AsyncGenerator[bytes]:
    yield text.encode("utf-8", "surrogatepass")
