"""`backup`: a consistent copy of the data directory, while servers run."""

import argparse
from importlib.metadata import version

import anyio.to_thread

from vectorstores_server.console.lookups import engine_of, maintenance_of
from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import counted, say, size, whole_path
from vectorstores_server.engines.local.backup.making import back_up, bytes_to_copy, check_target
from vectorstores_server.settings import APP, Settings
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.requests import PageRequest

INTERRUPTED = "The backup is not complete: remove its folder, and begin again."


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Copy the data directory, and write the counts."""
    if settings.storage.database is not None:
        raise InvalidRequest(
            "Stores in a database are not copied by this command.",
            "Copy the database with pg_dump, and after that the objects.",
        )
    target = whole_path(arguments.folder)
    async with engine_of(settings.changed(read_only=True)) as engine:
        maintenance_of(engine)  # the data of a remote is not ours to copy
        if not settings.storage.there:
            raise InvalidRequest(f"There is no data directory {settings.storage.data} yet.", "Name it with --data.")
        check_target(settings.storage.data, target)
        await engine.list_stores(PageRequest(limit=1))  # checks that the directory is ours, and of this version
        total = await anyio.to_thread.run_sync(lambda: bytes_to_copy(settings.storage.data, with_index=arguments.index))
        done = 0
        with bar("Copying", total) as show:

            def report(count: int) -> None:
                nonlocal done
                done += count
                show(min(done, total))

            manifest = await anyio.to_thread.run_sync(
                lambda: back_up(settings.storage.data, target, version(APP), report, with_index=arguments.index)
            )
    counts = manifest.counts
    index = "" if manifest.with_index else " Its index is built again after a restore."
    say(
        f"Backed up {counted(counts['stores'], 'store')} and {counted(counts['files'], 'file')}, {size(manifest.size)},"
        f" to {target}.{index} `{APP} restore` puts it back."
    )
    return 0
