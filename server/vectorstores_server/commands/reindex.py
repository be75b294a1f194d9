"""`reindex`: build the index of a store, or of all, anew from the stored files, with the embedder of today."""

import argparse

import anyio

from vectorstores_server.commands.opened import find_store, local_engine_of
from vectorstores_server.progress import bar
from vectorstores_server.settings import Settings
from vectorstores_server.terminal import say

LOOK_SECONDS = 1.0


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Begin, and wait for the end; what is interrupted goes on by itself. The old index answers until then."""
    async with local_engine_of(settings) as engine:
        store_id = (await find_store(engine, arguments.store)).id if arguments.store else None
        count = await engine.reindex(store_id)
        mark = await engine.changed(0)
        with bar("Rebuilding", count) as done:
            while left := await engine.rebuilding():
                done(max(0, count - left))
                with anyio.move_on_after(LOOK_SECONDS):
                    mark = await engine.changed(mark)
            done(count)
    say(f"Rebuilt the index of {count} {'store' if count == 1 else 'stores'}.")
    return 0
