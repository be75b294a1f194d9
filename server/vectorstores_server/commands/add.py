"""`add`: attach files, folders, globs or URLs to a store, and watch them become searchable."""

import argparse
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from vectorstores_server.console.ingest_report import FileOutcomes, finish, unfinished
from vectorstores_server.console.lookups import engine_of, pick, usable_store
from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import counted, say
from vectorstores_server.intake import MachineIntake, intake_for
from vectorstores_server.intake.files import is_link
from vectorstores_server.intake.folders import EXAMPLES, split_glob
from vectorstores_server.intake.paths import local_path
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import AttachOptions, Engine
from vectorstores_tools.contract.errors import InvalidRequest, VectorStoreError
from vectorstores_tools.contract.intake import Source, Survey
from vectorstores_tools.contract.lookups import stores_of
from vectorstores_tools.contract.models import VectorStore
from vectorstores_tools.contract.requests import MAX_FILES_IN_BATCH, StoreCreate

MAX_FILES = 100_000
INTERRUPTED = "Files read so far stay, and are indexed while any server or command runs; the same command goes on."


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Attach, wait, and write the outcome; 1 when a file failed."""
    named = [_whole(path) for path in arguments.paths]
    async with engine_of(settings) as engine:
        intake = _intake(settings, engine, named)
        survey = await intake.survey(named, None)
        _tell_passed_over(survey)
        if not survey.origins:
            raise InvalidRequest("No file was found to add.", "Name files of a supported type.")
        store = await _store(engine, arguments.store)
        later = await engine.newly_supported(store.id, survey.folders)
        _tell_later(survey.named(later))
        survey = survey.without(later)
        say(f"Adding {counted(len(survey.origins), 'file')} to {line(store.name or '')} ({store.id})")
        outcomes = await _add(engine, intake, store, survey)
    say(str(outcomes))
    return 1 if outcomes.failed else 0


def _tell_passed_over(survey: Survey) -> None:
    for reason, count in sorted(survey.skipped.items()):
        names = [line(name, 80) for name in survey.examples.get(reason, ())]
        shown = ", ".join([*names, "..."] if names and count > len(names) else names)
        say(f"Passed over: {count} {reason}" + (f" ({shown})" if shown else ""))


def _tell_later(later: Sequence[str]) -> None:
    if later:
        names = ", ".join([*(line(name, 80) for name in later[:EXAMPLES]), *(["..."] if len(later) > EXAMPLES else [])])
        say(
            f"{counted(len(later), 'file')} of types that could not be read when this was added before: {names}."
            " The same command once more adds them."
        )


def _intake(settings: Settings, engine: Engine, named: Sequence[str]) -> MachineIntake:
    """Return the intake for what a person typed: each path is its own root. URLs need `url_hosts` as everywhere."""
    intake = intake_for(settings, engine.capabilities)
    roots = [_root(Path(_whole(argument))) for argument in named if not _is_url(argument)]
    return replace(intake, roots=roots, max_files=MAX_FILES)


def _root(named: Path) -> Path:
    if named.is_symlink() and not named.is_dir():
        raise is_link(named)
    return named if named.exists() else split_glob(named)[0]


def _whole(named: str) -> str:
    return named if _is_url(named) else str(local_path(named).expanduser().absolute())


def _is_url(named: str) -> bool:
    return named.lower().startswith(("https://", "http://"))


async def _store(engine: Engine, named: str | None) -> VectorStore:
    if named is None or named.startswith("vs_"):
        return await usable_store(engine, named)
    known = pick([store async for store in stores_of(engine)], named)
    if known is not None:
        return await usable_store(engine, known.id)
    store = await engine.create_store(StoreCreate(name=named))
    say(f"Made the store {line(named)} ({store.id})")
    for note in store.notes or ():
        say(line(note, 500))
    return store


async def _add(engine: Engine, intake: MachineIntake, store: VectorStore, survey: Survey) -> FileOutcomes:
    outcomes, origins = FileOutcomes(), survey.origins
    for first in range(0, len(origins), MAX_FILES_IN_BATCH):
        part = origins[first : first + MAX_FILES_IN_BATCH]
        before = await unfinished(engine, store.id)
        with bar("Reading ", len(part)) as done:
            reading = _OpenedSources(intake, part, survey.folders, outcomes, done)
            async with aclosing(reading.sources()) as sources:
                ingested = await engine.attach_sources(store.id, sources, AttachOptions())
        for note in ingested.notes:
            say(line(note, 500))
        outcomes.failed += reading.opened - len(ingested.file_ids)
        await finish(engine, store.id, ingested, before, outcomes)
    return outcomes


@dataclass(slots=True)
class _OpenedSources:
    """Opens one origin after the other; `done` gets their number."""

    intake: MachineIntake
    origins: Sequence[str]
    folders: Mapping[str, str]
    outcomes: FileOutcomes
    done: Callable[[int], None]
    opened: int = 0

    async def sources(self) -> AsyncGenerator[Source]:
        for count, origin in enumerate(self.origins, 1):
            try:
                async with self.intake.open(origin, None) as source:
                    self.opened += 1
                    yield replace(source, folder=self.folders.get(origin))
            except VectorStoreError as error:
                self.outcomes.tell_failure(str(error))
            self.done(count)
