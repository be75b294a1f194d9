import time
from collections.abc import Generator
from pathlib import Path

import pytest

from support.buckets import (
    KEY,
    QUICK,
    SECRET,
    heedless_server,
    line_to,
    new_bucket,
    nobody,
    place_at,
    s3_server,
    silent_server,
)
from vectorstores_server.engines.local.objects.bucket import PIECE, ObjectBucket
from vectorstores_server.engines.local.objects.place import ObjectPlace
from vectorstores_server.engines.local.objects.probe import probe
from vectorstores_tools.contract.errors import InvalidRequest, Unavailable


@pytest.fixture(scope="module")
def endpoint() -> Generator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(endpoint: str) -> ObjectBucket:
    return ObjectBucket(place_at(endpoint, f"{new_bucket(endpoint)}/some/prefix"))


async def test_a_storage_that_honours_conditional_writes_is_taken_and_left_as_it_was(bucket: ObjectBucket) -> None:
    await probe(bucket)
    assert await bucket.list("") == []


async def test_a_storage_that_ignores_conditional_writes_is_refused_by_name() -> None:
    with heedless_server() as endpoint:
        with pytest.raises(Unavailable, match="ignores conditional writes") as caught:
            await probe(ObjectBucket(place_at(endpoint, "bucket")))
        assert f"s3://bucket at {endpoint}" in str(caught.value)
        assert "9 were told that they were the first" in str(caught.value)


async def test_a_bucket_that_is_missing_is_said_to_be(endpoint: str) -> None:
    with pytest.raises(Unavailable, match="There is no bucket for s3://nowhere"):
        await probe(ObjectBucket(place_at(endpoint, "nowhere")))


async def test_a_storage_that_is_away_or_hangs_is_given_up_in_bounded_time() -> None:
    with silent_server() as silent:
        for endpoint in (nobody(), silent):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="does not answer"):
                await probe(ObjectBucket(place_at(endpoint, "bucket", QUICK)))
            assert time.monotonic() - began < 5


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_named_as_that_and_shown_nowhere(endpoint: str, status: int) -> None:
    with line_to(endpoint) as line:
        line.break_at(0, status)
        with pytest.raises(Unavailable, match="refuses the credentials") as caught:
            await probe(ObjectBucket(place_at(line.endpoint, "bucket", QUICK)))
    shown = f"{caught.value!r} {caught.value} {place_at(endpoint, 'bucket')!r}"
    assert KEY not in shown
    assert SECRET not in shown
    assert caught.value.__cause__ is None


def test_an_address_is_shown_without_what_is_secret_in_it() -> None:
    place = ObjectPlace(
        "s3://key:secret@bucket/prefix", "http://me:secret@127.0.0.1:9/", {"aws_secret_access_key": "x"}
    )
    assert place.shown == "s3://bucket/prefix at http://127.0.0.1:9"


@pytest.mark.parametrize("url", ["/a/folder", "ftp://host/x", "s3://", "s3:bucket", ""])
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="no address of an object storage"):
        ObjectPlace(url)


async def test_objects_are_written_read_listed_copied_and_deleted(bucket: ObjectBucket, tmp_path: Path) -> None:
    large = bytes(range(256)) * (PIECE // 256) + b"and some more"
    (tmp_path / "large").write_bytes(large)
    assert await bucket.put("a/1", b"one")
    assert not await bucket.put("a/1", b"another", create=True)
    assert await bucket.put("a/b/2", tmp_path / "large")
    assert await bucket.get("a/1") == b"one"
    await bucket.download("a/b/2", len(large), tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == large
    assert b"".join([piece async for piece in bucket.range("a/b/2", 5, 9)]) == large[5:9]
    assert {(o.name, o.size) for o in await bucket.list("a")} == {("a/1", 3), ("a/b/2", len(large))}
    assert abs((await bucket.head("a/1")).changed - time.time()) < 60
    assert sorted(await bucket.top("a")) == ["a/1", "a/b"]
    await bucket.copy("a/1", "c/1")
    await bucket.remove(["a/1", "a/b/2", "never/was"])
    assert [o.name for o in await bucket.list("")] == ["c/1"]
    with pytest.raises(FileNotFoundError):
        await bucket.get("a/1")
    with pytest.raises(FileNotFoundError):
        await bucket.head("a/1")
