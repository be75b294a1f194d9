"""`reindex`: rebuild the index of a store, or of all, from the stored files, with today's embedder."""

import argparse

import anyio

from vectorstores_server.console.lookups import engine_of, find_store, maintenance_of
from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import counted, say
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.contract.maintenance import Maintenance

LOOK_SECONDS = 1.0
INTERRUPTED = "The old index answers until the new one is done, which is built while any server or command runs."


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Begin, and wait for the end; after an interruption it goes on by itself. The old index answers until then."""
    async with engine_of(settings) as engine:
        maintenance = maintenance_of(engine)
        store_id = (await find_store(engine, arguments.store)).id if arguments.store else None
        count = await maintenance.reindex(store_id)
        total = max(count, await maintenance.rebuilding())
        if total:
            await _wait(engine, maintenance, total)
    if count:
        say(f"Rebuilt the index of {counted(count, 'store')}.")
    elif total:
        say(f"{counted(total, 'store')} {'was' if total == 1 else 'were'} being rebuilt already; that is done.")
    else:
        say(
            "There was nothing to rebuild. Without an embedder a store keeps its vectors; one that has expired is left."
        )
    return 0


async def _wait(engine: Engine, maintenance: Maintenance, total: int) -> None:
    mark = await engine.changed(0)
    with bar("Rebuilding", total) as done:
        while left := await maintenance.rebuilding():
            done(max(0, total - left))
            with anyio.move_on_after(LOOK_SECONDS):
                mark = await engine.changed(mark)
        done(total)
