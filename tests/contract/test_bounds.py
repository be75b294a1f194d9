"""Engines as bounded callers see them: who sees which file, what a bound token may change, what others keep."""

import inspect
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from support.engine_calls import stream
from support.engines import ENGINES
from support.local import Words, opened
from support.pages import settled
from support.remotes import forwarded_to
from vectorstores_server.bounds.engine import BoundedEngine, seen_within
from vectorstores_server.bounds.mirrors import BoundedMirroring, BoundedMirrorRecords
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.engine import AttachOptions, Engine, NewFile, NewUpload, TextRequest
from vectorstores_tools.contract.errors import (
    BadCursor,
    FileNotFound,
    InvalidRequest,
    NotAllowed,
    StoreNotFound,
    UploadNotFound,
)
from vectorstores_tools.contract.intake import Source
from vectorstores_tools.contract.mirrors import Mirroring, MirrorRecords, WalkReport
from vectorstores_tools.contract.requests import (
    FileAttach,
    FilesRequest,
    PageRequest,
    SearchRequest,
    StoreCreate,
    StoreUpdate,
)

BLUE = StoreBounds(metadata=(("team", "blue"),))
RED = StoreBounds(metadata=(("team", "red"),))


@dataclass(frozen=True, slots=True)
class Teams:
    """One engine, as everybody and as two teams see it."""

    everybody: Engine
    blue: Engine
    red: Engine

    def named(self, *store_ids: str) -> Engine:
        return seen_within(self.everybody, StoreBounds(frozenset(store_ids)))


@pytest.fixture(params=["local", "shared"])
async def teams(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Teams]:
    async with ENGINES[request.param](tmp_path) as engine:
        yield Teams(engine, seen_within(engine, BLUE), seen_within(engine, RED))


async def file(engine: Engine, text: str = "The lamp is lit.", filename: str = "a.txt") -> str:
    return (await engine.create_file(NewFile(filename, stream(text.encode())))).id


async def stores_of(engine: Engine) -> set[str]:
    return {store.id for store in (await engine.list_stores(PageRequest(limit=100))).data}


async def files_of(engine: Engine) -> set[str]:
    return {uploaded.id for uploaded in (await engine.list_files(FilesRequest())).data}


@pytest.mark.parametrize(
    ("whole", "bounded"),
    [(Engine, BoundedEngine), (MirrorRecords, BoundedMirrorRecords), (Mirroring, BoundedMirroring)],
)
def test_nothing_of_an_engine_reaches_a_bounded_caller_unbounded(whole: type, bounded: type) -> None:
    promised = {name for name, _ in inspect.getmembers(whole) if not name.startswith("_")}
    assert len(promised) >= 4
    assert promised - set(vars(bounded)) == set()


async def test_a_store_made_by_a_token_bound_by_metadata_has_these(teams: Teams) -> None:
    made = await teams.blue.create_store(StoreCreate(name="Notes", metadata={"topic": "bees"}))
    assert made.metadata == {"topic": "bees", "team": "blue"}
    assert await stores_of(teams.blue) == {made.id}
    assert await stores_of(teams.red) == set()
    same = await teams.blue.create_store(StoreCreate(metadata={"team": "blue"}))
    assert same.metadata == {"team": "blue"}
    for contrary in ({"team": "red"}, {str(number): "x" for number in range(16)}):
        with pytest.raises(InvalidRequest, match="team=blue"):
            await teams.blue.create_store(StoreCreate(metadata=contrary))
    assert await stores_of(teams.everybody) == {made.id, same.id}


async def test_a_token_bound_by_ids_makes_no_store(teams: Teams) -> None:
    store = (await teams.everybody.create_store(StoreCreate())).id
    with pytest.raises(NotAllowed, match="sees certain stores alone and can make none"):
        await teams.named(store).create_store(StoreCreate())
    assert await stores_of(teams.everybody) == {store}


async def test_a_note_on_a_new_name_names_only_stores_that_are_seen(teams: Teams) -> None:
    await teams.red.create_store(StoreCreate(name="Notes"))
    first = await teams.blue.create_store(StoreCreate(name="Notes"))
    again = await teams.blue.create_store(StoreCreate(name="Notes"))
    assert [note for note in first.notes or () if "vs_" in note] == []
    assert [note for note in again.notes or () if "vs_" in note] == [f"This name is not new: {first.id} has it too."]
    with pytest.raises(StoreNotFound, match="That is a store's name") as refused:
        await teams.red.retrieve_store("Notes")
    assert str(refused.value).count("vs_") == 1


async def test_a_bound_token_moves_no_store_out_of_its_bounds_nor_into_any(teams: Teams) -> None:
    blue = (await teams.blue.create_store(StoreCreate(name="Notes"))).id
    for metadata in (None, {"topic": "bees"}, {"team": "red"}):
        with pytest.raises(InvalidRequest, match="keeps the metadata team=blue"):
            await teams.blue.update_store(blue, StoreUpdate(metadata=metadata))
    kept = await teams.blue.update_store(blue, StoreUpdate(name="Bees", metadata={"team": "blue", "topic": "bees"}))
    assert (kept.name, kept.metadata) == ("Bees", {"team": "blue", "topic": "bees"})
    with pytest.raises(NotAllowed, match="may not change its metadata"):
        await teams.named(blue).update_store(blue, StoreUpdate(metadata={"team": "red"}))
    renamed = await teams.named(blue).update_store(blue, StoreUpdate(name="Wasps", metadata=kept.metadata))
    assert renamed.name == "Wasps"
    both = seen_within(teams.everybody, StoreBounds(frozenset({blue}), RED.metadata))
    with pytest.raises(NotAllowed, match="may not change its metadata"):
        await both.update_store(blue, StoreUpdate(metadata={"team": "red"}))
    assert await stores_of(teams.blue) == {blue}


async def test_who_sees_all_moves_a_store_from_team_to_team_with_its_files(teams: Teams) -> None:
    store = (await teams.blue.create_store(StoreCreate())).id
    mine, other = await file(teams.blue), await file(teams.everybody)
    for attached in (mine, other):
        await teams.everybody.attach_file(store, FileAttach(file_id=attached))
    assert await files_of(teams.blue) == {mine, other}
    await teams.everybody.update_store(store, StoreUpdate(metadata={"team": "red"}))
    assert (await stores_of(teams.blue), await stores_of(teams.red)) == (set(), {store})
    assert (await files_of(teams.blue), await files_of(teams.red)) == ({mine}, {mine, other})


async def test_all_pairs_have_to_hold_and_an_id_is_enough_by_itself(teams: Teams) -> None:
    both = {"team": "blue", "stage": "live"}
    made = [
        (await teams.everybody.create_store(StoreCreate(metadata=metadata))).id
        for metadata in (both, {"team": "blue"}, {"stage": "live"}, None, {"team": "Blue", "stage": "live"})
    ]
    bounds = StoreBounds(frozenset({made[3], "vs_none"}), tuple(both.items()))
    assert await stores_of(seen_within(teams.everybody, bounds)) == {made[0], made[3]}
    assert await stores_of(teams.named(made[2], made[4])) == {made[2], made[4]}


async def test_a_file_in_no_store_is_seen_by_the_team_that_uploaded_it_after_a_restart_too(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        uploaded = await file(seen_within(engine, BLUE))
        upload = await seen_within(engine, BLUE).create_upload(NewUpload("b.txt", "assistants", 3, "text/plain"))
        unbound = await file(engine)
    async with opened(tmp_path, Words()) as engine:
        blue, red = seen_within(engine, BLUE), seen_within(engine, RED)
        assert (await files_of(blue), await files_of(red)) == ({uploaded}, set())
        assert (await blue.read_text(TextRequest(uploaded))).text == "The lamp is lit."
        for hidden in (uploaded, unbound):
            with pytest.raises(FileNotFound):
                await red.read_text(TextRequest(hidden))
        with pytest.raises(UploadNotFound):
            await red.add_part(upload.id, stream(b"abc"))
        part = await blue.add_part(upload.id, stream(b"abc"))
        done = await blue.complete_upload(upload.id, [part.id], None)
        assert done.file is not None
        assert await files_of(blue) == {uploaded, done.file.id}


async def test_files_from_a_folder_stay_their_teams_when_their_store_is_gone(teams: Teams) -> None:
    async def sources() -> AsyncGenerator[Source]:
        text = b"The lamp is lit."
        yield Source("a.txt", "/notes/a.txt", sha256(text).hexdigest(), len(text), stream(text))

    store = (await teams.blue.create_store(StoreCreate())).id
    done = await teams.blue.attach_sources(store, sources(), AttachOptions())
    await teams.blue.delete_store(store)
    assert await files_of(teams.blue) == set(done.file_ids) != set()
    assert await files_of(teams.red) == set()


async def test_a_file_that_others_have_too_is_only_taken_out_of_what_a_token_sees(teams: Teams) -> None:
    blue, red = [(await team.create_store(StoreCreate())).id for team in (teams.blue, teams.red)]
    shared = await file(teams.blue)
    for store in (blue, red):
        await teams.everybody.attach_file(store, FileAttach(file_id=shared))
        await settled(teams.everybody, store)
    gone = await teams.blue.delete_file(shared)
    assert gone.model_dump() == {"id": shared, "object": "file", "deleted": True}
    with pytest.raises(FileNotFound):
        await teams.blue.retrieve_file(shared)
    assert (await teams.blue.retrieve_store(blue)).file_counts.total == 0
    assert (await teams.red.retrieve_store_file(red, shared)).status == "completed"
    assert [hit.file_id for hit in (await teams.red.search(red, SearchRequest(queries=["lamp"]))).data] == [shared]
    assert (await teams.red.delete_file(shared)).deleted
    assert await files_of(teams.everybody) == set()


async def test_a_file_that_nobody_else_has_is_deleted_for_good(teams: Teams) -> None:
    store = (await teams.blue.create_store(StoreCreate())).id
    uploaded, unbound = await file(teams.blue), await file(teams.everybody)
    await teams.everybody.attach_file(store, FileAttach(file_id=unbound))
    for each in (uploaded, unbound):
        assert (await teams.blue.delete_file(each)).deleted
    assert await files_of(teams.everybody) == set()


async def test_a_file_of_another_team_outlives_its_deletion_by_those_whom_it_was_shown(teams: Teams) -> None:
    store = (await teams.blue.create_store(StoreCreate())).id
    uploaded = await file(teams.red)
    await teams.everybody.attach_file(store, FileAttach(file_id=uploaded))
    await teams.blue.delete_file(uploaded)
    assert (await files_of(teams.blue), await files_of(teams.red)) == (set(), {uploaded})


async def test_cursors_of_hidden_things_are_those_of_things_that_are_not_there(teams: Teams) -> None:
    hidden, seen = [(await team.create_store(StoreCreate())).id for team in (teams.red, teams.blue)]
    await teams.everybody.delete_store((gone := await teams.blue.create_store(StoreCreate())).id)
    for cursor in (hidden, gone.id, "vs_none"):
        for request in (PageRequest(after=cursor), PageRequest(before=cursor)):
            with pytest.raises(BadCursor):
                await teams.blue.list_stores(request)
    with pytest.raises(BadCursor):
        await teams.blue.list_files(FilesRequest(after=await file(teams.red)))
    assert (await teams.blue.list_stores(PageRequest(after=seen))).data == []


async def test_the_pages_of_a_bounded_list_are_whole_whatever_lies_between(teams: Teams) -> None:
    mine: list[str] = []
    for number in range(7):
        mine.append((await teams.blue.create_store(StoreCreate(name=str(number)))).id)
        await teams.red.create_store(StoreCreate())
    found, after = list[str](), None
    while True:
        page = await teams.blue.list_stores(PageRequest(limit=2, order="asc", after=after))
        found += [store.id for store in page.data]
        after = page.last_id
        if not page.has_more:
            break
    assert found == mine


async def test_health_tells_a_bounded_caller_no_number(teams: Teams) -> None:
    await teams.everybody.create_store(StoreCreate())
    health = await teams.blue.health()
    assert health.ready
    assert health.numbers == {}
    assert {check.state for check in health.checks.values()} == {"works"}
    assert teams.blue.maintenance is None


async def test_what_is_deleted_leaves_no_note_of_its_uploader(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        blue = seen_within(engine, BLUE)
        await blue.delete_file(await file(blue))
        await engine.delete_file(await file(blue))
        with sqlite3.connect(tmp_path / "catalog.db") as db:
            assert db.execute("SELECT count(*) FROM file_uploader").fetchone() == (0,)


async def test_a_front_whose_key_is_a_bound_token_has_that_teams_stores(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        red = (await seen_within(engine, RED).create_store(StoreCreate(name="Notes"))).id
        async with forwarded_to("forwarded", seen_within(engine, BLUE)) as (front, _):
            made = await front.create_store(StoreCreate(name="Notes"))
            uploaded = await file(front)
            await front.attach_file(made.id, FileAttach(file_id=uploaded))
            await settled(engine, made.id)
            assert await stores_of(front) == {made.id}
            assert [hit.file_id for hit in (await front.search(made.id, SearchRequest(queries=["lamp"]))).data] == [
                uploaded
            ]
            with pytest.raises(StoreNotFound):
                await front.retrieve_store(red)


async def test_mirrors_of_hidden_stores_are_not_there(tmp_path: Path) -> None:
    async with opened(tmp_path, Words()) as engine:
        blue, red = [(await seen_within(engine, team).create_store(StoreCreate())).id for team in (BLUE, RED)]
        seen, hidden = [
            await engine.mirrors.begin(store, folder, AttachOptions(), confirmed=False)
            for store, folder in ((blue, "/blue"), (red, "/red"))
        ]
        mirrors = seen_within(engine, BLUE).mirrors
        assert mirrors is not None
        assert [mirror.id for mirror in await mirrors.all()] == [seen.id]
        assert await mirrors.all(red) == []
        assert (await mirrors.find(seen.id), await mirrors.find(hidden.id)) == (
            await engine.mirrors.find(seen.id),
            None,
        )
        await mirrors.note(hidden.id, WalkReport("paused", walked=5))
        assert await engine.mirrors.find(hidden.id) == hidden
        for refused in (mirrors.end(red, "/red"), mirrors.files(red, "/red"), mirrors.remove(red, ["/red/a"])):
            with pytest.raises(StoreNotFound):
                await refused
        assert await mirrors.end(blue, "/blue")
        assert [mirror.id for mirror in await engine.mirrors.all()] == [hidden.id]
