"""A world of stores, files, batches and uploads of several teams, in which everything bears a mark of its own."""

import random
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import anyio.lowlevel

from vectorstores_server.bounds.engine import seen_within
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.engine import Engine, NewFile, NewUpload
from vectorstores_tools.contract.requests import FileAttach, StoreCreate

TEAMS = ("blue", "red", None)
WORDS = "keeper lamp"
"""Words that stand in every file."""
PART = b"first part"


@dataclass(frozen=True, slots=True)
class WorldStore:
    """A store: its files with the marks of their attributes there, and a batch of them."""

    id: str
    name: str
    metadata: Mapping[str, str]
    marks: Sequence[str]
    files: Mapping[str, str]
    batch: str


@dataclass(frozen=True, slots=True)
class WorldFile:
    """A File: its name, the mark in its text, and the key of the team that uploaded it (empty: nobody's)."""

    id: str
    filename: str
    mark: str
    uploader: str = ""


@dataclass
class World:
    """All that there is."""

    stores: list[WorldStore] = field(default_factory=list[WorldStore])
    files: list[WorldFile] = field(default_factory=list[WorldFile])
    uploads: dict[str, str] = field(default_factory=dict[str, str])
    """The uploads under way, each with the key of its team."""
    numbers: Iterator[int] = field(default_factory=lambda: count(100))

    def mark(self) -> str:
        """Return a word that stands nowhere else."""
        return f"zqx{next(self.numbers)}q"

    def seen(self, bounds: StoreBounds) -> "Sight":
        """Return what these bounds show and hide."""
        stores = [store for store in self.stores if bounds.admit(store.id, store.metadata)]
        shown = {file for store in stores for file in store.files}
        files = [file for file in self.files if file.id in shown or file.uploader == bounds.key]
        return Sight(self, stores, files, [upload for upload, key in self.uploads.items() if key == bounds.key])


@dataclass(frozen=True, slots=True)
class Sight:
    """The part of a world that a token sees."""

    world: World
    stores: Sequence[WorldStore]
    files: Sequence[WorldFile]
    uploads: Sequence[str]

    @property
    def hidden_stores(self) -> list[WorldStore]:
        return [store for store in self.world.stores if store not in self.stores]

    @property
    def hidden_files(self) -> list[WorldFile]:
        return [file for file in self.world.files if file not in self.files]

    @property
    def hidden_uploads(self) -> list[str]:
        return [upload for upload in self.world.uploads if upload not in self.uploads]

    @property
    def secrets(self) -> list[str]:
        """Return the words and ids of which none may ever be seen."""
        of_stores = [
            secret
            for store in self.hidden_stores
            for secret in (store.id, store.batch, *store.marks, *store.files.values())
        ]
        of_files = [secret for file in self.hidden_files for secret in (file.id, file.mark)]
        return [*of_stores, *of_files, *self.hidden_uploads]


async def once(data: bytes) -> AsyncIterator[bytes]:
    await anyio.lowlevel.checkpoint()
    yield data


async def make_world(engine: Engine, seed: int) -> World:
    """Fill an engine at random, also by two teams: the blue one, and one that knows two stores by their ids."""
    chance, world = random.Random(seed), World()
    for _ in range(5):
        world.files.append(await _file(engine, world))
    for number in range(6):
        world.stores.append(await _store(engine, world, chance, TEAMS[number % 3]))
    named = StoreBounds(frozenset(store.id for store in world.stores[:2]))
    for bounds in (None, StoreBounds(metadata=(("team", "blue"),)), named):
        seen, key = seen_within(engine, bounds), bounds.key if bounds else ""
        world.files.append(await _file(seen, world, key))
        mark = world.mark()
        upload = await seen.create_upload(NewUpload(f"{mark}.txt", "assistants", len(PART), "text/plain"))
        await seen.add_part(upload.id, once(PART))
        world.uploads[upload.id] = key
    return world


async def _file(engine: Engine, world: World, uploader: str = "") -> WorldFile:
    mark = world.mark()
    text = f"The {WORDS} of {mark} is lit at dusk.".encode()
    file = await engine.create_file(NewFile(f"{mark}.txt", once(text)))
    return WorldFile(file.id, f"{mark}.txt", mark, uploader)


async def _store(engine: Engine, world: World, chance: random.Random, team: str | None) -> WorldStore:
    marks = [world.mark() for _ in range(3)]
    metadata = {"note": marks[0]} | ({"team": team} if team else {})
    made = await engine.create_store(
        StoreCreate(name=f"Store {marks[1]}", description=f"About {marks[2]}", metadata=metadata)
    )
    files = {file.id: world.mark() for file in chance.sample(world.files, chance.randint(2, 4))}
    own = await _file(engine, world)
    world.files.append(own)
    files[own.id] = world.mark()
    batch = await engine.create_batch(
        made.id, [FileAttach(file_id=file, attributes={"topic": mark}) for file, mark in files.items()]
    )
    return WorldStore(made.id, f"Store {marks[1]}", metadata, marks, files, batch.id)
