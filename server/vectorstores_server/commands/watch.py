"""`watch`: keep the folders that stores follow, until a signal."""

import argparse

import anyio

from vectorstores_server.console.lookups import engine_of, mirrors_of
from vectorstores_server.console.terminal import counted, say, warn
from vectorstores_server.intake import intake_for
from vectorstores_server.mirrors import MirrorKeeper
from vectorstores_server.mirrors.kept import KeeperTimes
from vectorstores_server.settings import Settings
from vectorstores_server.system import posix
from vectorstores_tools.contract.characters import line


async def run(settings: Settings, _arguments: argparse.Namespace) -> int:
    """Watch. A folder that another process watches already is taken over when that process ends."""
    async with engine_of(settings) as engine:
        mirrors = await mirrors_of(engine).all()
        intake = intake_for(settings, engine.capabilities)
        say(f"Watching {counted(len(mirrors), 'folder')}, and those that stores will follow. Ctrl-C ends it.")
        for mirror in mirrors:
            say(f"  {line(mirror.folder, 500)} ({mirror.store_id})")
            if not intake.may_follow(mirror.folder):
                warn(
                    f"{line(mirror.folder, 500)} lies outside the folders that may be read (VECTOR_STORES_FILE_ROOTS)."
                )
        keeper = MirrorKeeper(engine, intake, watch=True, times=KeeperTimes(first_look=0))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            async for _ in posix.stop_signals():
                break
            tasks.cancel_scope.cancel()
        await keeper.aclose()
    return 0
