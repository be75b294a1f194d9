"""Folders that a store follows from now on, or no longer."""

from collections.abc import Sequence
from typing import Any

from vectorstores_tools.arguments.inputs import BatchAttach
from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.errors import NotSupported
from vectorstores_tools.contract.mirrors import Mirror, Mirroring
from vectorstores_tools.contract.models import FileBatch
from vectorstores_tools.progress.following import report_counts
from vectorstores_tools.progress.reporting import Progress, reported, until
from vectorstores_tools.rendering.batches import described_batch
from vectorstores_tools.rendering.objects import described
from vectorstores_tools.rendering.reply import Reply

COUNTED = ("found", "added", "changed", "renamed", "removed", "failed", "gone")


async def mirror_folders(call: ToolCall, given: BatchAttach) -> Reply:
    """Begin or end mirrors, as `given.mirror` says; wait for the walk while there is time."""
    if call.mirroring is None:
        raise NotSupported("The stores of this server cannot follow a folder;", "leave out mirror.", param="mirror")
    if given.mirror == "off":
        return await _end(call, call.mirroring, given)
    options = AttachOptions(given.attributes, given.chunking_strategy)
    begun = await call.mirroring.begin(
        given.vector_store_id, given.paths or (), call.roots, options, confirmed=given.confirm
    )
    mirrors, batch = await reported(call.report, lambda progress: _followed(call, begun, given, progress))
    return await _answer(call, given, mirrors, batch)


async def _end(call: ToolCall, mirroring: Mirroring, given: BatchAttach) -> Reply:
    ended = await mirroring.end(given.vector_store_id, given.paths or (), call.roots)
    store = await call.engine.retrieve_store(given.vector_store_id)
    folders = "1 folder" if ended == 1 else f"{ended} folders"
    sentence = (
        f"The store no longer follows {folders}. Its files stay." if ended else "The store followed none of these."
    )
    return described(_nothing(given), sentence, message=sentence, sources=_sources(store.sources or ()))


async def _followed(
    call: ToolCall, begun: Sequence[Mirror], given: BatchAttach, progress: Progress
) -> tuple[Sequence[Mirror], FileBatch | None]:
    """Wait for the walks, then for the last batch of them, while there is time."""
    mirroring, deadline = call.mirroring, given.wait_seconds
    assert mirroring is not None  # noqa: S101  # the caller has looked

    async def look() -> Sequence[Mirror]:
        return [await mirroring.state(mirror) for mirror in begun]

    def walked(mirrors: Sequence[Mirror]) -> bool:
        counts = {name: sum(mirror.counts.get(name, 0) for mirror in mirrors) for name in ("done", "of", "found")}
        words = f"{counts['done']:,} of {counts['of']:,} files taken" if counts["of"] else "looking at the folder"
        progress.says(counts["done"], 2 * max(counts["of"], 1), words)
        return not any(mirror.due for mirror in mirrors)

    mirrors = await until(call.engine, look, walked, deadline)
    batch_id = next((mirror.batch_id for mirror in reversed(mirrors) if mirror.batch_id), None)
    if batch_id is None:
        return mirrors, None
    before = progress.done

    def final(batch: FileBatch) -> bool:
        report_counts(batch.file_counts, progress, before=before)
        return batch.status != "in_progress"

    engine, store_id = call.engine, given.vector_store_id
    left = deadline if not any(mirror.due for mirror in mirrors) else 0
    return mirrors, await until(engine, lambda: engine.retrieve_batch(store_id, batch_id), final, left)


async def _answer(call: ToolCall, given: BatchAttach, mirrors: Sequence[Mirror], batch: FileBatch | None) -> Reply:
    store_id = given.vector_store_id
    store = await call.engine.retrieve_store(store_id)
    more: dict[str, Any] = {
        "sources": _sources(store.sources or ()),
        "walked": {name: count for name in COUNTED if (count := sum(m.counts.get(name, 0) for m in mirrors))} or None,
        "notes": [mirror.note for mirror in mirrors if mirror.note] or None,
        "next": _next(call, given, mirrors),
    }
    walking = any(mirror.due for mirror in mirrors)
    if batch is None:
        nothing = _nothing(given) | ({"status": "in_progress"} if walking else {})
        return described(nothing, *[mirror.note for mirror in mirrors if mirror.note], **more)
    if walking:
        batch = batch.model_copy(update={"status": "in_progress"})
    return await described_batch(call, batch, **more)


def _next(call: ToolCall, given: BatchAttach, mirrors: Sequence[Mirror]) -> str | None:
    store_id = line(given.vector_store_id)
    if any(mirror.due for mirror in mirrors):
        return call.waits_for(vector_store_id=store_id)
    if any(mirror.state == "paused" for mirror in mirrors):
        return "ask the user whether the missing files may go; then the same call with confirm=true removes them"
    return None


def _nothing(given: BatchAttach) -> dict[str, Any]:
    return {"object": "vector_store.files_batch", "vector_store_id": given.vector_store_id, "status": "completed"}


def _sources(sources: Sequence[Any]) -> list[dict[str, Any]]:
    return [source.model_dump(mode="json", exclude_none=True) for source in sources]
