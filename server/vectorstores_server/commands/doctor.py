"""`doctor`: the first facts to know when something does not work; `--purge` takes deleted data off the disk at once."""

import argparse
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vectorstores_server.console.lookups import engine_of, maintenance_of
from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import agrees, counted, fields, say, size
from vectorstores_server.engines.local.directory.names import foreign
from vectorstores_server.engines.local.directory.removal import Removal
from vectorstores_server.engines.local.embedding.errors import INSTALL_COMMAND, EmbeddingFailure
from vectorstores_server.engines.local.embedding.models import CARDS, MINILM
from vectorstores_server.engines.local.embedding.weights import find_weights
from vectorstores_server.settings import APP, Settings, unknown_variables
from vectorstores_server.system import posix
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import InvalidRequest, VectorStoreError
from vectorstores_tools.contract.lookups import stores_of
from vectorstores_tools.contract.maintenance import Finding, Maintenance
from vectorstores_tools.contract.requests import PageRequest

MOST_NAMED = 5
"""The most files of others that are named."""
PARTS = ("mcp", "lancedb", "onnxruntime", "tokenizers", "pydantic", "httpx")


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the state of everything; 1 where something is wrong."""
    if arguments.trash and not arguments.purge:
        raise InvalidRequest("--trash goes with --purge.", f"Run `{APP} doctor --purge --trash`.")
    if arguments.check or arguments.repair:
        return await _check(settings, repair=arguments.repair, sure=arguments.yes)
    if arguments.purge:
        return await _purge(settings, trash=arguments.trash, sure=arguments.yes)
    if settings.storage.backend == "remote":
        return await _remote(settings)
    model, model_works = _model(settings)
    stores, stores_work, eclipsed, notes, memory = await _stores(settings)
    fields(
        [
            *_program(),
            *_place(settings),
            ("stores", stores),
            *memory,
            *(("upgrade", note) for note in notes[:MOST_NAMED]),
            *_eclipsed(eclipsed),
            ("embedder", settings.embedder.name),
            ("model", model),
            *_intake(settings),
        ]
    )
    return 0 if model_works and stores_work else 1


async def _check(settings: Settings, *, repair: bool, sure: bool) -> int:
    """Check all data; 0 when all is sound, or repaired."""
    async with engine_of(settings if repair else settings.changed(read_only=True)) as engine:
        maintenance = maintenance_of(engine)
        if not settings.storage.there:
            raise InvalidRequest(f"There is no data directory {settings.storage.data} yet.", "Name it with --data.")
        found = await _findings(maintenance)
        for finding in found:
            say(str(finding))
        say(
            f"{counted(len(found), 'thing')} {'is' if len(found) == 1 else 'are'} damaged."
            if found
            else "All is sound."
        )
        if not found or not repair:
            return 1 if found else 0
        if not sure and not agrees(f"Mend what can be mended of {counted(len(found), 'thing')}?"):
            raise InvalidRequest("Nothing was changed.", "Answer y, or pass --yes.")
        left = await maintenance.repair(found)
        say(f"Mended {len(found) - len(left)}; {len(left)} left.")
        for finding in left:
            say(str(finding))
    return 1 if left else 0


async def _findings(maintenance: Maintenance) -> list[Finding]:
    done = 0
    with bar("Looking", await maintenance.things_to_check()) as show:

        def report(count: int) -> None:
            nonlocal done
            done += count
            show(done)

        return [finding async for finding in maintenance.check(report)]


async def _purge(settings: Settings, *, trash: bool, sure: bool) -> int:
    async with engine_of(settings) as engine:
        maintenance = maintenance_of(engine)
        if trash:
            count, bytes_held = Removal(settings.storage.data).trash_size()
            question = f"Erase the trash, {counted(count, 'file')} of {size(bytes_held)} that nothing names?"
            if count and not sure and not agrees(question):
                raise InvalidRequest("Nothing was erased.", "Answer y, or pass --yes.")
        await maintenance.purge(trash=trash)
    say("Deleted data is erased from the disk." + (" The trash is empty." if trash else ""))
    return 0


async def _remote(settings: Settings) -> int:
    """Ask the remote for one page of its stores: address, key and dialect are right when it comes."""
    try:
        async with engine_of(settings) as engine:
            page = await engine.list_stores(PageRequest(limit=20))
        stores = f"{counted(len(page.data), 'store')}{' or more' if page.has_more else ''}; it answers"
    except VectorStoreError as error:
        stores, page = str(error), None
    key = "none" if settings.remote.api_key is None else f"set, sent as {settings.remote.auth}"
    fields(
        [
            *_program(),
            ("backend", f"remote, {settings.remote.base_url}, dialect {settings.remote.dialect}"),
            ("key", key),
            ("stores", stores),
            *_intake(settings),
        ]
    )
    return 1 if page is None else 0


def _program() -> list[tuple[str, str]]:
    return [
        ("program", f"{APP} {version(APP)}, {sys.argv[0]}"),
        ("system", f"Python {platform.python_version()}, {platform.platform(terse=True)}"),
        ("packages", ", ".join(f"{name} {_version(name)}" for name in PARTS)),
    ]


def _intake(settings: Settings) -> list[tuple[str, str]]:
    return [
        ("paths", _roots(settings)),
        ("URLs", ", ".join(settings.intake.url_hosts) or "none"),
        *(("setting", sentence) for sentence in unknown_variables(os.environ)),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _place(settings: Settings) -> list[tuple[str, str]]:
    if settings.storage.database is not None:
        return [("database", str(settings.storage.database)), ("objects", settings.storage.objects or "none")]
    data = settings.storage.data
    return [("data", _data(data)), *_unknown_files(settings), ("worker", _worker(data))]


def _data(data: Path) -> str:
    place = next(folder for folder in (data, *data.parents) if folder.exists())
    free = size(shutil.disk_usage(place).free)
    if not data.exists():
        return f"{data}, not made yet; {free} free"
    used = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    return f"{data}, {size(used)} used, {free} free"


def _unknown_files(settings: Settings) -> list[tuple[str, str]]:
    """Name files below the data directory that are not the server's: it never touches them."""
    if not settings.storage.data.exists():
        return []
    found = [
        name
        for name in foreign(settings.storage.data, MOST_NAMED + 1)
        if settings.storage.data / name != settings.log.file
    ]
    if not found:
        return []
    more = " and others" if len(found) > MOST_NAMED else ""
    return [("not ours", f"{', '.join(map(line, found[:MOST_NAMED]))}{more}; left alone")]


def _worker(data: Path) -> str:
    """Return the holder of the right to write to the index, which is never this process."""
    owner = posix.lock_owner(data / "worker.lock")
    if owner is None:
        return "nobody works now"
    return f"process {owner} works" if owner else "another process works"


async def _stores(settings: Settings) -> tuple[str, bool, list[str], list[str], list[tuple[str, str]]]:
    """Return the counts, whether the stores can be read, attributes named like a file's facts, notes on the stores.

    Last, the field about the memory of searches.
    """
    if not settings.storage.there:
        return "none", True, [], [], []
    notes: list[str] = []
    count = files = waiting = 0
    try:
        async with engine_of(settings.changed(read_only=True)) as engine:
            async for store in stores_of(engine):
                count += 1
                files += store.file_counts.total
                waiting += store.file_counts.in_progress
                notes += [f"{line(store.name or store.id)}: {note}" for note in store.notes or ()]
            eclipsed = await maintenance_of(engine).keys_named_like_facts()
            small, taken = await maintenance_of(engine).searched_in_memory()
    except VectorStoreError as error:
        return str(error), False, [], [], []
    counts = f"{count} with {counted(files, 'file')}, {waiting} of them in progress"
    return counts, True, eclipsed, notes, _memory(small, taken, settings.storage.resident_mb << 20)


def _memory(small: int, taken: int, most: int) -> list[tuple[str, str]]:
    """Say which share of the memory for small stores a server takes that searches all of them."""
    if not small or not most:
        return []
    stores = f"{counted(small, 'store')} can be searched in it, about {size(taken)} of at most {size(most)}"
    return [("memory", f"{stores} in each server; /metrics tells what is there")]


def _eclipsed(keys: list[str]) -> list[tuple[str, str]]:
    """Name attributes that no filter reaches: their names mean a fact of the file."""
    if not keys:
        return []
    return [("attributes", f"{', '.join(keys)}: filters take these names for the file's own; rename them to filter")]


def _model(settings: Settings) -> tuple[str, bool]:
    if settings.embedder.name == "none" or settings.embedder.name.startswith("openai:"):
        return "not used", True
    card = CARDS.get(settings.embedder.name, MINILM)
    try:
        found = find_weights(card, settings.embedder.path, settings.embedder.cache)
        if found is None:
            missing = f"missing: search is by words alone. Run: {INSTALL_COMMAND} {line(card.name)}"
            return missing, settings.embedder.name == "auto"
        found.verify()
    except EmbeddingFailure as failure:
        return failure.message, False
    return f"{found.path}, whole", True


def _roots(settings: Settings) -> str:
    if settings.intake.file_roots is None and settings.storage.backend == "remote":
        return "none: a remote gets files of FILE_ROOTS alone"
    if settings.intake.file_roots is None:
        return f"the client's roots, else {Path.home()}"
    return ", ".join(map(str, settings.intake.file_roots)) or "none"
