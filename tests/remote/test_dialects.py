"""What each service does in its own way, and how it is made good or told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from support.doubles import Asked, Published, Reply
from support.doubles_ogx import OGX, STORE_KEYS
from support.engine_calls import (
    add,
    attach,
    finished,
    found,
    ingest,
    new_store,
    search,
    source,
    stream,
    upload,
)
from support.remotes import SERVICES, over
from vectorstores_server.engines.remote.dialects import dialect_of
from vectorstores_server.engines.remote.factory import open_remote
from vectorstores_server.engines.remote.http.address import RemoteChoice
from vectorstores_tools.contract import filters
from vectorstores_tools.contract.engine import NewFile, TextRequest
from vectorstores_tools.contract.errors import (
    BatchNotFound,
    FileNotInStore,
    InvalidRequest,
    NotSupported,
    Refused,
    StoreNotFound,
    TooLarge,
    Unavailable,
)
from vectorstores_tools.contract.requests import FileAttach, FilesRequest, PageRequest, StoreFilesRequest


def sent(double: Published, method: str, ending: str) -> list[dict[str, Any]]:
    """The JSON bodies of the requests to such paths."""
    return [asked.json for asked in double.asked if asked.method == method and asked.path.endswith(ending)]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://a.openai.azure.com/openai/v1?api-version=v1", "azure"),
        ("https://a.services.ai.azure.com/openai/v1", "azure"),
        ("https://ai.api.cloud.yandex.net/v1", "yandex"),
        ("https://rest-assistant.api.cloud.yandex.net/v1", "yandex"),
        ("http://localhost:8321/v1", "ogx"),
        ("http://localhost:8321/v1/openai/v1", "ogx"),
        ("http://localhost:4000/v1", "litellm"),
        ("http://localhost:8000/v1", "openai"),
        ("https://openai.azure.com.evil.example/v1", "openai"),
    ],
)
def test_the_address_alone_tells_the_service(url: str, name: str) -> None:
    assert dialect_of(url).name == name


# OGX


async def test_an_old_llama_stack_is_used_through_its_prefix_and_without_batches(tmp_path: Path) -> None:
    async with over("llama_stack", tmp_path) as (engine, _):
        store = await new_store(engine, name="papers")
        files = [await upload(engine, f"walrus {n}", f"{n}.txt") for n in range(2)]
        batch = await engine.create_batch(store, [FileAttach(file_id=file) for file in files])
        assert batch.id.startswith("local_")
        assert (await finished(engine, store, batch.id)).file_counts.completed == 2
        assert set(await found(engine, store, "walrus")) == set(files)
        with pytest.raises(StoreNotFound, match=store):
            await engine.retrieve_store("papers")
        with pytest.raises(BatchNotFound):
            await engine.retrieve_batch(store, "vsfb_0")


async def test_ogx_is_never_sent_the_batches_that_it_drops(tmp_path: Path) -> None:
    async with over("ogx", tmp_path) as (engine, double):
        store = await new_store(engine)
        files = [await upload(engine, f"walrus {n}", f"{n}.txt") for n in range(3)]
        mixed = await engine.create_batch(store, [FileAttach(file_id=f, attributes={"f": f}) for f in files[:2]])
        assert (await finished(engine, store, mixed.id)).file_counts.completed == 2
        assert sent(double, "POST", "/file_batches") == []
        assert (await engine.retrieve_store_file(store, files[0])).attributes == {"f": files[0]}
        plain = await engine.create_batch(store, [FileAttach(file_id=files[2])])
        assert sent(double, "POST", "/file_batches") == [{"file_ids": [files[2]]}]
        assert plain.id.startswith("batch_")
        assert (await finished(engine, store, plain.id)).file_counts.completed == 1


async def test_what_ogx_adds_for_itself_is_not_shown(tmp_path: Path) -> None:
    async with over("ogx", tmp_path) as (engine, double):
        store = await new_store(engine, metadata={"team": "a"})
        file = await add(engine, store, "walrus", "w.txt", {"topic": "sea"})
        raw = (await double.answer(Asked("GET", f"vector_stores/{store}", {}, {}))).said
        assert raw["metadata"] == {"team": "a", **STORE_KEYS}
        assert (await engine.retrieve_store(store)).metadata == {"team": "a"}
        (hit,) = (await search(engine, store, "walrus")).data
        assert (hit.file_id, hit.attributes) == (file, {"topic": "sea"})
        assert [part.model_dump() for part in hit.content] == [{"type": "text", "text": "walrus"}]


class Forgetful(OGX):
    """Does not even say among the attributes which file a hit is from."""

    async def answer(self, asked: Asked) -> Reply:
        reply = await super().answer(asked)
        for hit in reply.said.get("data", ()) if asked.path.endswith("/search") else ():
            del hit["attributes"]["file_id"]
        return reply


async def test_a_hit_without_its_file_is_known_by_its_name_or_left_out_with_a_note(tmp_path: Path) -> None:
    async with over("ogx", tmp_path, Forgetful) as (engine, _):
        store = await new_store(engine)
        file = await add(engine, store, "walrus in the north", "one.txt")
        for n in range(2):
            await add(engine, store, f"walrus number {n}", "same.txt")
        page = await search(engine, store, "walrus")
        assert [hit.file_id for hit in page.data] == [file]
        assert page.notes == ["2 hits were left out: the service does not tell from which file."]


async def test_names_that_ogx_uses_itself_are_refused(tmp_path: Path) -> None:
    async with over("ogx", tmp_path) as (engine, double):
        store, file = await new_store(engine), await upload(engine, "text")
        entry = FileAttach(file_id=file, attributes={"filename": "mine"})
        with pytest.raises(NotSupported, match="named 'filename' of its own; choose another name"):
            await engine.attach_file(store, entry)
        with pytest.raises(NotSupported):
            await engine.create_batch(store, [entry])
        with pytest.raises(NotSupported, match="'provider_id'"):
            await new_store(engine, metadata={"provider_id": "mine"})
        assert sent(double, "POST", "/files") == []


class Failing(OGX):
    """Takes files out, and none in again."""

    broken = False

    async def answer(self, asked: Asked) -> Reply:
        if self.broken and asked.method == "POST" and asked.path.endswith("/files"):
            return self._refusal("The embedding model cannot be loaded")
        return await super().answer(asked)


async def test_a_file_that_was_taken_out_and_not_put_back_is_told(tmp_path: Path) -> None:
    async with over("ogx", tmp_path, Failing) as (engine, double):
        assert isinstance(double, Failing)
        store = await new_store(engine)
        file = await add(engine, store, "walrus", attributes={"a": 1})
        double.broken = True
        with pytest.raises(Unavailable, match=rf"upload_file\(file_id='{file}', vector_store_id='{store}'\)"):
            await attach(engine, store, file, attributes={"b": 2})


async def test_what_is_not_given_stays_when_ogx_must_attach_anew(tmp_path: Path) -> None:
    async with over("ogx", tmp_path) as (engine, _):
        store = await new_store(engine)
        file = await upload(engine, "walrus " * 50)
        sizes = {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 10}}
        await engine.attach_file(store, FileAttach.model_validate({"file_id": file, "chunking_strategy": sizes}))
        await engine.update_store_file(store, file, {"a": 1})
        assert (await engine.retrieve_store_file(store, file)).chunking_strategy == sizes
        auto = {"file_id": file, "chunking_strategy": {"type": "auto"}}
        assert (await engine.attach_file(store, FileAttach.model_validate(auto))).attributes == {"a": 1}


async def test_text_that_comes_in_overlapping_chunks_is_put_together(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {n} of the text." for n in range(40))
    async with over("ogx", tmp_path) as (engine, double):
        store = await new_store(engine)
        file = await add(engine, store, text)
        raw = await double.answer(Asked("GET", f"vector_stores/{store}/files/{file}/content", {}, {}))
        assert len(raw.said["data"]) > 10
        assert (await engine.read_text(TextRequest(file, store))).text == text


async def test_a_connection_that_is_gone_after_an_error_does_not_break_the_next_call(tmp_path: Path) -> None:
    """OGX answers an error, and drops the connection when the next request comes on it."""
    connections: list[int] = []

    async def serve(connection: anyio.abc.SocketStream) -> None:
        connections.append(0)
        async with connection:
            while await read_request(connection):
                if connections[-1]:
                    return  # what was sent is never answered
                connections[-1] += 1
                body = b'{"error": {"message": "name is too long"}}'
                head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
                await connection.send(head.encode() + b"\r\n\r\n" + body)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        engine = open_remote(RemoteChoice(f"http://127.0.0.1:{port}/v1", dialect="ogx"))
        for _ in range(3):
            with pytest.raises(InvalidRequest, match="name is too long"):
                await new_store(engine, name="x")
        await engine.aclose()
        assert connections == [1, 1, 1]
        tasks.cancel_scope.cancel()


async def read_request(connection: anyio.abc.SocketStream) -> bytes:
    """Read one request to its end; nothing when the connection is closed."""
    read = b""
    while b"\r\n\r\n" not in read:
        try:
            read += await connection.receive()
        except anyio.EndOfStream:
            return b""
    head, _, body = read.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += await connection.receive()
    return head


# Cursors


class Circling(Published):
    """Ignores every cursor."""

    async def answer(self, asked: Asked) -> Reply:
        return await super().answer(asked.without("after", "before"))


async def test_a_service_that_ignores_cursors_is_told_of_and_never_walked_forever(tmp_path: Path) -> None:
    async with over("forwarded", tmp_path, Circling) as (engine, double):
        for n in range(3):
            await new_store(engine, name=str(n))
        first = await engine.list_stores(PageRequest(limit=2))
        with pytest.raises(NotSupported, match=r"ignores 'after'.*larger limit"):
            await engine.list_stores(PageRequest(limit=2, after=first.last_id))
        store = await new_store(engine)
        files = [await upload(engine, f"text {n}") for n in range(101)]
        for file in files:
            await attach(engine, store, file)
        before = len(double.asked)
        with anyio.fail_after(30):
            done = await ingest(engine, store, source("/d/a.txt", "apple"))
        assert done.uploaded == 1
        assert len([asked for asked in double.asked[before:] if asked.method == "GET"]) == 2


async def test_files_are_listed_forwards_only(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, _):
        with pytest.raises(NotSupported, match="page with 'after'"):
            await engine.list_files(FilesRequest(before="file-1"))


# Azure


async def test_azure_is_given_the_key_in_its_own_header(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, double):
        await new_store(engine)
        assert double.asked[-1].headers["api-key"] == "planted-key"
        assert "authorization" not in double.asked[-1].headers
        assert double.asked[-1].params == {"api-version": "v1"}


async def test_a_key_in_the_wrong_header_names_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, choice = SERVICES["azure"]
    monkeypatch.setitem(SERVICES, "azure", (kind, replace(choice, auth="bearer")))
    async with over("azure", tmp_path) as (engine, _):
        with pytest.raises(Refused, match="REMOTE_AUTH"):
            await new_store(engine)


# Yandex


async def test_ids_of_yandex_are_taken_as_they_are(tmp_path: Path) -> None:
    async with over("yandex", tmp_path) as (engine, double):
        store = await new_store(engine, name="papers")
        file = await add(engine, store, "walrus", attributes={"topic": "sea"})
        assert store.startswith("fvt")
        assert file.startswith("fvt")
        (hit,) = (await search(engine, store, "walrus")).data
        assert (hit.file_id, hit.vector_store_id) == (file, store)
        assert double.asked[-1].headers["authorization"] == "Api-Key planted-key"
        assert double.asked[-1].headers["openai-project"] == "folder"
        with pytest.raises(StoreNotFound, match=store):
            await engine.retrieve_store("papers")


async def test_membership_is_said_to_yandex_in_words_that_it_knows(tmp_path: Path) -> None:
    async with over("yandex", tmp_path) as (engine, double):
        store = await new_store(engine)
        files = {n: await add(engine, store, f"walrus {n}", attributes={"n": n}) for n in range(3)}
        inside = filters.parse_filter({"type": "in", "key": "n", "value": [0, 1]})
        outside = filters.parse_filter({"type": "and", "filters": [{"type": "nin", "key": "n", "value": [0, 1]}]})
        assert set(await found(engine, store, "walrus", filters=inside)) == {files[0], files[1]}
        assert await found(engine, store, "walrus", filters=outside) == [files[2]]
        said = [body["filters"] for body in sent(double, "POST", "/search")]
        assert said[0] == {
            "type": "or",
            "filters": [{"type": "eq", "key": "n", "value": 0}, {"type": "eq", "key": "n", "value": 1}],
        }
        assert (said[1]["type"], said[1]["filters"][0]["type"]) == ("and", "ne")


async def test_a_file_that_is_too_large_for_yandex_is_not_sent(tmp_path: Path) -> None:
    async with over("yandex", tmp_path) as (engine, double):
        with pytest.raises(TooLarge, match="134217728"):
            await engine.create_file(NewFile("big.txt", stream(b""), size=128 * 1024 * 1024 + 1))
        assert double.asked == []


# Filters that say nothing


async def test_empty_compounds_mean_the_same_everywhere(tmp_path: Path) -> None:
    async with over("azure", tmp_path) as (engine, double):
        store = await new_store(engine)
        file = await add(engine, store, "walrus", attributes={"n": 1})
        cases: list[tuple[dict[str, Any], list[str]]] = [
            ({"type": "and", "filters": []}, [file]),
            ({"type": "or", "filters": []}, []),
            (
                {"type": "or", "filters": [{"type": "and", "filters": []}, {"type": "eq", "key": "n", "value": 2}]},
                [file],
            ),
            ({"type": "and", "filters": [{"type": "eq", "key": "n", "value": 1}, {"type": "or", "filters": []}]}, []),
        ]
        for given, expected in cases:
            assert await found(engine, store, "walrus", filters=filters.parse_filter(given)) == expected
        assert all("filters" not in body for body in sent(double, "POST", "/search"))
        with pytest.raises(StoreNotFound):
            await found(engine, "vs_0", "walrus", filters=filters.parse_filter({"type": "or", "filters": []}))


async def test_a_file_that_is_gone_meanwhile_is_not_in_the_store(tmp_path: Path) -> None:
    async with over("ogx", tmp_path) as (engine, _):
        store = await new_store(engine)
        file = await add(engine, store, "walrus")
        await engine.detach_file(store, file)
        with pytest.raises(FileNotInStore):
            await engine.detach_file(store, file)


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "forwarded"])
async def test_no_other_service_is_asked_for_a_fact_of_a_file_or_what_an_attribute_begins_with(
    service: str, tmp_path: Path
) -> None:
    facts = [filters.parse_filter({"type": "eq", "key": key, "value": "1"}) for key in filters.FACT_KEYS]
    prefix = filters.parse_filter({"type": "prefix", "key": "team", "value": "re"})
    sentences: list[str] = []
    async with over(service, tmp_path) as (engine, double):
        id = await new_store(engine)
        await add(engine, id, "The fox is quick.")
        for known in (prefix, *facts):
            with pytest.raises(NotSupported) as refused:
                await search(engine, id, "fox", filters=known)
            sentences.append(str(refused.value))
        for known in facts:
            with pytest.raises(NotSupported) as refused:
                await engine.list_store_files(id, StoreFilesRequest(filters=known))
            sentences.append(str(refused.value))
    names = [f"The key '{key}' of files" for key in filters.FACT_KEYS]
    host = httpx.URL(SERVICES[service][1].base_url).netloc.decode()
    expected = [f"{name} is not available at {host}" for name in ("The operator 'prefix'", *names, *names)]
    assert sentences == [f"{sentence}; filter by attributes." for sentence in expected]
    assert "filters" not in json.dumps([asked.json for asked in double.asked if asked.path.endswith("/search")])
