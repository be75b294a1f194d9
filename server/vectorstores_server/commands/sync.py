"""`sync`: bring the folders that stores follow into them now, and say what that changes."""

import argparse
from collections.abc import Iterable, Sequence

from vectorstores_server.console.lookups import engine_of, find_store, mirrors_of
from vectorstores_server.console.progress import bar
from vectorstores_server.console.terminal import say, warn
from vectorstores_server.intake import MachineIntake, intake_for
from vectorstores_server.mirrors import MirrorKeeper
from vectorstores_server.mirrors.kept import KeeperTimes
from vectorstores_server.mirrors.walking import MirrorWalk
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.engine import AttachOptions, Engine
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.lookups import files_of
from vectorstores_tools.contract.mirrors import Mirror, MirrorRecords

IN_STEP, FAILED, NEEDS_A_PERSON, WOULD_CHANGE = 0, 1, 3, 4
"""Exit codes: 2 are wrong arguments, here as everywhere."""
DONE = ("added", "changed", "renamed", "removed")
NAMED = 20
"""The most files of each kind that are named."""
INTERRUPTED = "Files taken so far stay; the same command goes on."


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Write the differences, and take them over unless it is a dry run; return the worst exit code of all folders."""
    async with engine_of(settings) as engine:
        records = mirrors_of(engine)
        store = await find_store(engine, arguments.store) if arguments.store else None
        mirrors = await records.all(store.id if store else None)
        if not mirrors:
            raise InvalidRequest(
                "No store follows a folder." if store is None else "This store follows no folder.",
                "batch_attach(paths=[FOLDER], mirror='on') has it follow one.",
            )
        syncing = FolderSync(engine, records, intake_for(settings, engine.capabilities), agreed=arguments.yes)
        codes = [await syncing.of(mirror, dry_run=arguments.dry_run) for mirror in mirrors]
        await syncing.keeper.aclose()
    return next(code for code in (NEEDS_A_PERSON, FAILED, WOULD_CHANGE, IN_STEP) if code in codes)


class FolderSync:
    """Brings one folder after the other into its store. `agreed`: missing files may be removed, however many."""

    def __init__(self, engine: Engine, records: MirrorRecords, intake: MachineIntake, *, agreed: bool) -> None:
        self.engine = engine
        self.records = records
        self.intake = intake
        self.agreed = agreed
        self.keeper = MirrorKeeper(engine, intake, times=KeeperTimes(patience=0))

    async def of(self, mirror: Mirror, *, dry_run: bool) -> int:
        """Return the exit code of one folder."""
        say(f"{line(mirror.folder, 500)} ({mirror.store_id})")
        if not self.intake.may_follow(mirror.folder):
            warn("It lies outside the folders that may be read (VECTOR_STORES_FILE_ROOTS); nothing was changed.")
            return NEEDS_A_PERSON
        differs, trouble = await self._tell(mirror)
        if trouble:
            return NEEDS_A_PERSON
        if dry_run or not differs:
            return WOULD_CHANGE if differs else IN_STEP
        return await self._mend(mirror)

    async def _tell(self, mirror: Mirror) -> tuple[bool, bool]:
        """Write the changes that a walk would make; return whether there are any, and whether they are prevented."""
        walk = MirrorWalk(self.engine, self.records, self.intake, mirror)
        changes, renames, trouble = await walk.plan()
        paths = {file.source: file.path for file in await self.records.files(mirror.store_id, mirror.folder)}
        _name("+", (_below(mirror, path) for path in changes.new), len(changes.new))
        _name("~", (_below(mirror, path) for path in changes.changed), len(changes.changed))
        moved = (f"{paths.get(rename.source, rename.source)} -> {_below(mirror, rename.to)}" for rename in renames)
        _name(">", moved, len(renames))
        _name("-", (file.path for file in changes.gone), len(changes.gone))
        say(
            f"  {len(changes.new)} new, {len(changes.changed)} changed, {len(renames)} renamed,"
            f" {len(changes.gone)} gone, {changes.same} unchanged"
        )
        if trouble is not None and not (trouble[0] == "paused" and self.agreed):
            warn(trouble[1])
            return True, True
        return bool(changes.new or changes.changed or renames or changes.gone), False

    async def _mend(self, mirror: Mirror) -> int:
        begun = await self.keeper.begin(mirror.store_id, [mirror.folder], None, AttachOptions(), self.agreed)
        after = await self._walked(begun)
        await self._indexed(mirror.store_id)
        done = {kind: sum(walked.counts.get(kind, 0) for walked in after) for kind in DONE}
        say("  done: " + ", ".join(f"{count} {kind}" for kind, count in done.items()))
        failed = [file async for file in files_of(self.engine, mirror.store_id, "failed")]
        for file in failed[:NAMED]:
            warn(f"Failed: {line(file.path or file.id, 200)}: {file.last_error.message if file.last_error else ''}")
        if any(walked.state != "mirrored" for walked in after):
            for walked in after:
                warn(walked.note or f"The folder is {walked.state}.")
            return NEEDS_A_PERSON
        return FAILED if failed or any(walked.counts.get("failed") for walked in after) else IN_STEP

    async def _walked(self, begun: Sequence[Mirror]) -> list[Mirror]:
        mark = await self.engine.changed(0)
        with bar("Taking", 1) as done:
            while True:
                now = [await self.keeper.state(mirror) for mirror in begun]
                if not any(mirror.due for mirror in now):
                    done(1)
                    return now
                done(0, f"{sum(m.counts.get('done', 0) for m in now)} of {sum(m.counts.get('of', 0) for m in now)}")
                mark = await self.engine.changed(mark)

    async def _indexed(self, store_id: str) -> None:
        mark = await self.engine.changed(0)
        total = left = (await self.engine.retrieve_store(store_id)).file_counts.in_progress
        with bar("Indexing", max(1, total)) as done:
            while left:
                done(max(0, total - left))
                mark = await self.engine.changed(mark)
                left = (await self.engine.retrieve_store(store_id)).file_counts.in_progress
            done(max(1, total))


def _below(mirror: Mirror, path: str) -> str:
    return path[len(mirror.folder) :].lstrip("/\\")


def _name(mark: str, paths: Iterable[str], count: int) -> None:
    for _, path in zip(range(NAMED), paths, strict=False):
        say(f"  {mark} {line(path, 500)}")
    if count > NAMED:
        say(f"  {mark} ... and {count - NAMED} more")
