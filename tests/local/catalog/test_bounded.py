"""The catalog's answers to bounded callers, in both databases."""

from collections.abc import Generator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.memory_catalog import NOW, ClosableDB, add_file, attach, make_store, open_memory
from vectorstores_server.engines.local.catalog import bounded
from vectorstores_server.engines.local.catalog.dialect import DB
from vectorstores_server.engines.local.catalog.uploads import insert_upload
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.engine import NewUpload
from vectorstores_tools.contract.errors import FileNotFound, StoreNotFound, UploadNotFound
from vectorstores_tools.contract.requests import FilesRequest, PageRequest

pytestmark = pytest.mark.usefixtures("dialect")
BLUE = StoreBounds(metadata=(("team", "blue"),))
ODD = ('a"b', "\u00e9%_!")
TEAMS = st.sampled_from(
    [None, {}, {"team": "blue"}, {"team": "red"}, {"team": "blue", **dict([ODD])}, {"x": "team", "y": "blue"},
     {"team": "Blue"}, {'a"b': "\u00e9xy!"}, {"x": '"team":"blue"'}]
)  # fmt: skip


@pytest.fixture
def db() -> Generator[ClosableDB]:
    with closing(open_memory()) as opened:
        yield opened


def files(db: DB, bounds: StoreBounds, **request: object) -> list[str]:
    page = bounded.list_seen_files(db, bounds, FilesRequest.model_validate(request), NOW)
    return [file.id for file in page.data]


def test_a_file_is_seen_through_a_store_or_by_its_uploader(db: DB) -> None:
    blue, red = make_store(db, name="a", metadata={"team": "blue"}), make_store(db, name="a", metadata={"team": "red"})
    shared, hidden, uploaded = add_file(db), add_file(db), add_file(db)
    for store, file in ((blue, shared), (red, shared), (red, hidden)):
        attach(db, store, file)
    bounded.note_file(db, BLUE, uploaded)
    bounded.note_file(db, BLUE, uploaded)
    assert set(files(db, BLUE)) == {shared, uploaded}
    assert set(files(db, StoreBounds(frozenset({red})))) == {shared, hidden}
    assert files(db, StoreBounds(frozenset({"vs_none"}))) == []
    bounded.admit_files(db, BLUE, [shared, uploaded], NOW)
    with pytest.raises(FileNotFound, match=hidden):
        bounded.admit_files(db, BLUE, [shared, hidden], NOW)
    with pytest.raises(FileNotFound, match="That is a file's name") as refused:
        bounded.admit_files(db, BLUE, ["a.txt"], NOW)
    assert hidden not in str(refused.value)
    with pytest.raises(StoreNotFound, match=blue) as missed:
        bounded.admit_store(db, BLUE, "a")
    assert red not in str(missed.value)


def test_an_upload_is_that_of_the_team_that_began_it(db: DB) -> None:
    upload = insert_upload(db, NewUpload("a.txt", "assistants", 3, "text/plain"), NOW)
    with pytest.raises(UploadNotFound):
        bounded.admit_upload(db, BLUE, upload.id)
    bounded.note_upload(db, BLUE, upload.id)
    bounded.admit_upload(db, BLUE, upload.id)


def test_sources_are_their_takers_unless_others_had_them_before(db: DB) -> None:
    store, other = make_store(db, metadata={"team": "blue"}), make_store(db)
    new, old, elsewhere = add_file(db), add_file(db, now=NOW - 10), add_file(db)
    for file in (new, old, elsewhere):
        attach(db, store, file)
    attach(db, other, elsewhere)
    bounded.note_sources(db, BLUE, store, [new, old, elsewhere, "file-none"], NOW)
    assert [row[0] for row in db.execute("SELECT file_id FROM file_uploader")] == [new]


def test_a_deletion_leaves_what_others_have(db: DB) -> None:
    blue, red = make_store(db, metadata={"team": "blue"}), make_store(db, metadata={"team": "red"})
    shared, alone = add_file(db), add_file(db)
    for store, file in ((blue, shared), (red, shared), (blue, alone)):
        attach(db, store, file)
    for file in (shared, alone):
        bounded.delete_seen_file(db, BLUE, file, NOW)
    assert [row[0] for row in db.execute("SELECT id FROM file")] == [shared]
    assert [row[0] for row in db.execute("SELECT store_id FROM attachment")] == [red]


@given(st.lists(TEAMS, max_size=6), st.sampled_from([BLUE, StoreBounds(metadata=(ODD,))]))
def test_the_stores_that_are_seen_are_those_whose_metadata_hold_the_pairs(
    teams: list[dict[str, str] | None], bounds: StoreBounds
) -> None:
    with closing(open_memory()) as db:
        made = [make_store(db, metadata=metadata) for metadata in teams]
        seen = [store for store, metadata in zip(made, teams, strict=True) if bounds.admit(store, metadata)]
        assert sorted(bounded.seen_stores(db, bounds)) == sorted(seen)
        page = bounded.list_seen_stores(db, bounds, PageRequest(limit=100), NOW)
        assert sorted(store.id for store in page.data) == sorted(seen)
