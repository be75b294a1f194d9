"""Objects followed until their final status, with their progress until then."""

from collections.abc import Awaitable

from vectorstores_tools.context import ToolCall
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.models import FileBatch, FileCounts, VectorStore, VectorStoreFile
from vectorstores_tools.progress.reporting import Progress, followed, until


def report_counts(counts: FileCounts, progress: Progress, before: int = 0) -> None:
    """Put the counts of a store or batch into a Progress after its first `before` steps."""
    done = counts.total - counts.in_progress
    failed = f", {counts.failed} failed" if counts.failed else ""
    progress.says(before + done, before + counts.total, f"{done} of {counts.total} files processed{failed}")


def built(item: VectorStoreFile) -> tuple[float, str]:
    """Return the share of a long file's passages that are done, and the same in words; 0 and "" where it is unknown."""
    if item.progress is None or not item.progress.of:
        return 0.0, ""
    return item.progress.done / item.progress.of, f"{line(item.filename or item.id, 80)}: {item.progress.words}"


async def follow_file(
    call: ToolCall, store_id: str, file_id: str, seconds: float, progress: Progress | None = None
) -> VectorStoreFile:
    """Return the store's file once its status is final or the time is up; a Progress that is given goes on."""

    def tell(item: VectorStoreFile, progress: Progress) -> bool:
        done = item.status != "in_progress"
        share, words = built(item)
        progress.says(100 if done else 50 + int(49 * share), 100, words or f"{file_id} is {item.status}")
        return done

    def retrieve() -> Awaitable[VectorStoreFile]:
        return call.engine.retrieve_store_file(store_id, file_id)

    if progress is not None:
        return await until(call.engine, retrieve, lambda item: tell(item, progress), seconds)
    return await followed(call, retrieve, tell, seconds)


async def follow_store(call: ToolCall, store_id: str, seconds: float) -> VectorStore:
    """Return the store once none of its files is in progress and no folder is walked, or the time is up."""

    def tell(item: VectorStore, progress: Progress) -> bool:
        report_counts(item.file_counts, progress)
        return item.status != "in_progress" and not any(source.walking for source in item.sources or ())

    return await followed(call, lambda: call.engine.retrieve_store(store_id), tell, seconds)


async def follow_batch(call: ToolCall, store_id: str, batch_id: str, seconds: float) -> FileBatch:
    """Return the batch once its status is final or the time is up."""

    def tell(item: FileBatch, progress: Progress) -> bool:
        report_counts(item.file_counts, progress)
        return item.status != "in_progress"

    return await followed(call, lambda: call.engine.retrieve_batch(store_id, batch_id), tell, seconds)
