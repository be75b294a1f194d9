"""`restore`: a backup put in place as a data directory that is new or empty, verified before and after."""

import argparse
from pathlib import Path

import anyio.to_thread

from vectorstores_server.console.lookups import engine_of, maintenance_of
from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import counted, say, whole_path
from vectorstores_server.engines.local.backup.manifest import Manifest
from vectorstores_server.engines.local.backup.restoring import check_place, restore
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.lookups import stores_of

INTERRUPTED = "Nothing was restored."


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Verify, copy, verify again, and write the counts of the result."""
    backup = whole_path(arguments.folder)
    manifest = Manifest.read(backup)
    check_place(settings.storage.data)
    async with engine_of(settings) as engine:
        maintenance_of(engine)  # it opens nothing before its first call: the directory is still to be made
        await _restored(settings, backup, manifest)
        stores = [store async for store in stores_of(engine)]
    say(
        f"Restored {counted(len(stores), 'store')} and {counted(manifest.counts['files'], 'file')}"
        f" to {settings.storage.data}."
        + ("" if manifest.with_index else " The index is built while any server or command runs.")
    )
    return 0


async def _restored(settings: Settings, backup: Path, manifest: Manifest) -> None:
    done = 0
    with bar("Restoring", 2 * manifest.size) as show:

        def report(count: int) -> None:
            nonlocal done
            done += count
            show(done)

        await anyio.to_thread.run_sync(restore, backup, settings.storage.data, report)
