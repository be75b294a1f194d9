"""`add`: attach files, folders, globs or URLs to a store, and watch them become searchable."""

import argparse
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vectorstores_server.commands.opened import engine_of, find_store, pick, stores_of
from vectorstores_server.intake import MachineIntake, intake_for
from vectorstores_server.intake.walk import split_glob
from vectorstores_server.progress import bar
from vectorstores_server.settings import Settings
from vectorstores_server.terminal import say
from vectorstores_tools.contract import AttachOptions, Engine, Source
from vectorstores_tools.errors import InvalidRequest, VectorStoreError
from vectorstores_tools.fencing import line
from vectorstores_tools.models import MAX_FILES_IN_BATCH, FileBatch, StoreCreate, StoreFilesRequest, VectorStore

MAX_FILES = 100_000


@dataclass(slots=True)
class Tally:
    """What became of the files."""

    unchanged: int = 0
    completed: int = 0
    failed: int = 0


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Attach, wait, and write what came of it; 1 when a file failed."""
    named = [_whole(path) for path in arguments.paths]
    async with engine_of(settings) as engine:
        intake = _intake(settings, engine, named)
        survey = await intake.survey(named, None)
        for reason, count in sorted(survey.skipped.items()):
            say(f"Passed over: {count} {reason}")
        if not survey.origins:
            raise InvalidRequest("No file was found to add.", "Name files of a supported type.")
        store = await _store(engine, arguments.store)
        say(f"Adding {len(survey.origins)} files to {line(store.name or '')} ({store.id})")
        tally = await _add(engine, intake, store, survey.origins)
    say(f"{tally.completed} completed, {tally.unchanged} unchanged, {tally.failed} failed")
    return 1 if tally.failed else 0


def _intake(settings: Settings, engine: Engine, named: Sequence[str]) -> MachineIntake:
    """Return the intake for what a person typed: each path is its own root, each URL's host is allowed."""
    intake = intake_for(settings, engine.capabilities)
    roots = [split_glob(Path(one))[0] if not Path(one).exists() else Path(one) for one in named if not _is_url(one)]
    return replace(intake, roots=roots, max_files=MAX_FILES)


def _whole(named: str) -> str:
    return named if _is_url(named) else str(Path(named).expanduser().absolute())


def _is_url(named: str) -> bool:
    return named.lower().startswith(("https://", "http://"))


async def _store(engine: Engine, named: str | None) -> VectorStore:
    if named is None or named.startswith("vs_"):
        return await find_store(engine, named)
    known = pick([store async for store in stores_of(engine)], named)
    if known is not None:
        return known
    store = await engine.create_store(StoreCreate(name=named))
    say(f"Made the store {line(named)} ({store.id})")
    for note in (store.model_extra or {}).get("notes", []):
        say(note)
    return store


async def _add(engine: Engine, intake: MachineIntake, store: VectorStore, origins: Sequence[str]) -> Tally:
    tally = Tally()
    for first in range(0, len(origins), MAX_FILES_IN_BATCH):
        part = origins[first : first + MAX_FILES_IN_BATCH]
        with bar("Reading ", len(part)) as done:
            result = await engine.ingest(store.id, _opened(intake, part, tally, done), AttachOptions())
        tally.unchanged += result.unchanged
        for note in result.notes:
            say(note)
        if result.batch is not None and result.uploaded:
            await _follow(engine, result.batch, tally)
    return tally


async def _opened(
    intake: MachineIntake, origins: Sequence[str], tally: Tally, done: Callable[[int], None]
) -> AsyncIterator[Source]:
    for count, origin in enumerate(origins, 1):
        try:
            async with intake.open(origin, None) as source:
                yield source
        except VectorStoreError as error:
            _tell_failure(str(error), tally)
        done(count)


async def _follow(engine: Engine, batch: FileBatch, tally: Tally) -> None:
    """Wait for the batch, and write which files failed."""
    mark = await engine.changed(0)
    with bar("Indexing", batch.file_counts.total) as done:
        while batch.status == "in_progress":
            batch = await engine.retrieve_batch(batch.vector_store_id, batch.id)
            done(batch.file_counts.total - batch.file_counts.in_progress)
            if batch.status == "in_progress":
                mark = await engine.changed(mark)
    tally.completed += batch.file_counts.completed
    await _tell_failures(engine, batch, tally)


async def _tell_failures(engine: Engine, batch: FileBatch, tally: Tally) -> None:
    after: str | None = None
    while batch.file_counts.failed:
        request = StoreFilesRequest(limit=100, after=after, filter="failed")
        page = await engine.list_batch_files(batch.vector_store_id, batch.id, request)
        for file in page.data:
            _tell_failure(file.last_error.message if file.last_error else file.id, tally)
        if not page.has_more:
            return
        after = page.last_id


def _tell_failure(sentence: str, tally: Tally) -> None:
    tally.failed += 1
    sys.stderr.write(f"Failed: {line(sentence, 500)}\n")
