"""A store that follows a folder on a real disk, for tests of mirrors."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from support.local import Words, opened
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.mirrors import MirrorKeeper
from vectorstores_server.mirrors.kept import KeeperTimes
from vectorstores_tools.contract.engine import AttachOptions
from vectorstores_tools.contract.lookups import files_of, uploaded_files
from vectorstores_tools.contract.mirrors import Mirror
from vectorstores_tools.contract.models import StoreSource, VectorStoreFile
from vectorstores_tools.contract.requests import StoreCreate

SOON = KeeperTimes(first_look=0, ask=0.05, takeover=0.2, again=0.2, patience=0.5, poll=0.3)
CRITERIA = FileCriteria(frozenset({".txt", ".md"}), 100_000)
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Following:
    """The engine, the folder, and the store that follows it."""

    engine: LocalEngine
    keeper: MirrorKeeper
    store: str
    folder: Path
    words: Words

    def write(self, name: str, text: str | None = None) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"The text of {name}." if text is None else text, encoding="utf-8")
        return path

    async def begin(self, *, confirmed: bool = False, **options: object) -> Mirror:
        given = AttachOptions(**options)  # pyright: ignore[reportArgumentType]  # attributes, chunking_strategy
        (mirror,) = await self.keeper.begin(self.store, [str(self.folder)], None, given, confirmed)
        return mirror

    async def walked(self, *, confirmed: bool = False, **options: object) -> Mirror:
        """Ask for a walk, and wait for its end."""
        mirror = await self.begin(confirmed=confirmed, **options)
        await self.until(lambda: self._is_done(mirror))
        return await self.keeper.state(mirror)

    async def _is_done(self, mirror: Mirror) -> bool:
        return not (await self.keeper.state(mirror)).due

    async def files(self) -> dict[str, VectorStoreFile]:
        """What the store has, by path; a path that stands there twice fails the test."""
        found: dict[str, VectorStoreFile] = {}
        async for file in files_of(self.engine, self.store):
            assert file.path is not None
            assert file.path not in found or found[file.path].status == "in_progress", file.path
            found.setdefault(file.path, file)
        return found

    async def uploaded(self) -> list[str]:
        return [file.id async for file in uploaded_files(self.engine)]

    async def settled(self) -> dict[str, VectorStoreFile]:
        """Wait until nothing is in progress."""

        async def done() -> bool:
            return not (await self.engine.retrieve_store(self.store)).file_counts.in_progress

        await self.until(done)
        return await self.files()

    async def asked_again(self, mirror: Mirror) -> None:
        """Ask for a walk of a folder that may not be there any more, and wait for its end."""
        await self.engine.mirrors.begin(self.store, mirror.folder, AttachOptions(), confirmed=False)
        intake = MachineIntake(self.folder.parent / "data", CRITERIA, [self.folder.parent])
        keeper = MirrorKeeper(self.engine, intake, watch=True, times=SOON)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            await self.until(lambda: self._is_done(mirror))
            tasks.cancel_scope.cancel()
        await keeper.aclose()

    async def source(self) -> StoreSource:
        (source,) = (await self.engine.retrieve_store(self.store)).sources or []
        return source

    async def ids(self) -> dict[str, str]:
        """Wait as `in_step`, and return the id of each file by its path."""
        return {path: file.id for path, file in (await self.in_step()).items()}

    async def until(self, done: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
        """Wait for the engine to report changes until `done`."""
        with anyio.fail_after(seconds):
            mark = await self.engine.changed(0)
            while not await done():
                mark = await self.engine.changed(mark)

    async def in_step(self, seconds: float = PATIENCE) -> dict[str, VectorStoreFile]:
        """Wait until the store is what the folder is: each file once, of these bytes, completed."""

        async def same() -> bool:
            there = {
                path.relative_to(self.folder).as_posix(): path.stat().st_size
                for path in self.folder.rglob("*")
                if path.is_file() and path.suffix in CRITERIA.extensions
            }
            known = [file async for file in files_of(self.engine, self.store)]
            if sorted(there) != sorted(file.path or "" for file in known):
                return False
            if any(file.status != "completed" for file in known):
                return False
            sizes = {file.path: (await self.engine.retrieve_file(file.id)).bytes for file in known}
            return sizes == there

        await self.until(same, seconds)
        return await self.files()


@asynccontextmanager
async def following(base: Path, *, watch: bool = False, times: KeeperTimes = SOON) -> AsyncGenerator[Following]:
    """A store, an empty folder for it, and a keeper; the mirror is begun by the test."""
    folder = base / "folder"
    folder.mkdir(parents=True, exist_ok=True)
    words = Words()
    async with opened(base / "data", words) as opened_engine:
        intake = MachineIntake(base / "data", CRITERIA, [base])
        keeper = MirrorKeeper(opened_engine, intake, watch=watch, times=times)
        store = (await opened_engine.create_store(StoreCreate(name="followed"))).id
        try:
            yield Following(opened_engine, keeper, store, folder.resolve(), words)
        finally:
            await keeper.aclose()
