"""The fate of the files that a command named: the new ones, and those that an earlier run left unfinished."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import anyio

from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import counted, say, warn
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import Engine, Ingested
from vectorstores_tools.contract.lookups import filename_of, files_of
from vectorstores_tools.contract.models import VectorStoreFile
from vectorstores_tools.contract.requests import StoreFilesRequest
from vectorstores_tools.progress.following import built

UNFINISHED = ("in_progress", "failed", "cancelled")
LOOK_SHARE = 10
"""The pause after a poll of many files, as a multiple of the poll's length, so that polling takes little from work."""


@dataclass(slots=True)
class FileOutcomes:
    """The outcomes of the files."""

    completed: int = 0
    unchanged: int = 0
    failed: int = 0
    cancelled: int = 0

    def tell_failure(self, reason: str) -> None:
        """Count a file that failed, and write why."""
        self.failed += 1
        warn(f"Failed: {line(reason, 500)}")

    def __str__(self) -> str:
        cancelled = f", {self.cancelled} cancelled" if self.cancelled else ""
        return f"{self.completed} completed, {self.unchanged} unchanged, {self.failed} failed{cancelled}"


async def unfinished(engine: Engine, store_id: str) -> dict[str, str]:
    """Return the status of each file of the store that is not completed, by id."""
    return {file.id: status for status in UNFINISHED async for file in files_of(engine, store_id, status)}


async def finish(
    engine: Engine, store_id: str, ingested: Ingested, before: Mapping[str, str], outcomes: FileOutcomes
) -> None:
    """Wait until every file that was ingested is done, and count the outcomes.

    `before` is the result of `unfinished` before the call: those files are worked on too, though they are not new.
    """
    named = set(ingested.file_ids)
    former = named & before.keys()
    worked = ingested.uploaded + len(former)
    outcomes.unchanged += len(named) - worked
    if not worked:
        return
    _tell_former([before[file_id] for file_id in former])
    await _wait(engine, store_id, ingested, named if former else (), worked)
    failed = [file async for file in files_of(engine, store_id, "failed") if file.id in named]
    cancelled = [file.id async for file in files_of(engine, store_id, "cancelled") if file.id in named]
    for file in failed:
        outcomes.tell_failure(await _why(engine, file))
    outcomes.cancelled += len(cancelled)
    outcomes.completed += worked - len(failed) - len(cancelled)
    await _tell_notes(engine, store_id, ingested)


async def _tell_notes(engine: Engine, store_id: str, ingested: Ingested) -> None:
    """Write which of the files that were worked on have notes."""
    if ingested.batch is None or not (ingested.uploaded or ingested.again):
        return
    noted = (await engine.retrieve_batch(store_id, ingested.batch.id)).noted_files
    if noted is None:
        return
    say(f"{counted(noted.total, 'file')} {'has' if noted.total == 1 else 'have'} notes; `ls` shows them all:")
    for file in noted.files:
        say(f"  {line(file.filename or file.file_id, 80)}: {'; '.join(file.notes or ())}")


def _tell_former(statuses: list[str]) -> None:
    waiting = statuses.count("in_progress")
    if waiting:
        say(f"{counted(waiting, 'file')} of a former run {'is' if waiting == 1 else 'are'} still in progress")
    if again := len(statuses) - waiting:
        say(f"{counted(again, 'file')} that failed before {'is' if again == 1 else 'are'} tried again")


async def _wait(engine: Engine, store_id: str, ingested: Ingested, named: Collection[str], worked: int) -> None:
    """Show the bar until nothing is left; `named` are files to look at one by one, because no batch has them all."""
    mark = await engine.changed(0)
    with bar("Indexing", worked) as done:
        while left := await _left(engine, store_id, ingested, named):
            done(max(0, worked - left), await _long_one(engine, store_id))
            mark = await engine.changed(mark)
        done(worked)


async def _long_one(engine: Engine, store_id: str) -> str:
    """Return the progress of the first long file; a remote, which does not tell, is not asked."""
    if engine.capabilities.remote:
        return ""
    page = await engine.list_store_files(store_id, StoreFilesRequest(limit=20, order="asc", filter="in_progress"))
    return next((words for file in page.data if (words := built(file)[1])), "")


async def _left(engine: Engine, store_id: str, ingested: Ingested, named: Collection[str]) -> int:
    left = 0
    if ingested.batch is not None and (ingested.uploaded or ingested.again):
        left = (await engine.retrieve_batch(store_id, ingested.batch.id)).file_counts.in_progress
    if named:
        started = anyio.current_time()
        pending = [file.id async for file in files_of(engine, store_id, "in_progress")]
        left = max(left, len(set(pending).intersection(named)))
        if left:
            await anyio.sleep(LOOK_SHARE * (anyio.current_time() - started))
    return left


async def _why(engine: Engine, file: VectorStoreFile) -> str:
    reason = file.last_error.message if file.last_error else ""
    name = await filename_of(engine, file)
    return reason if name and name in reason else f"{name or file.id}: {reason or 'no reason is known'}"
