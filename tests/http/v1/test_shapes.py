"""Every reply of every endpoint has the contract's keys, all of them and no other."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from support.local import settled
from support.v1_client import api_of, change, upload_form
from support.v1_shapes import ENDPOINTS, FOLDER, B, Checked, F, S, U, fits, read
from vectorstores_server.engines.local.engine import LocalEngine

TEXT = b"Bees make honey."
BEGIN = {"filename": "bees.txt", "purpose": "assistants", "bytes": len(TEXT), "mime_type": "text/plain"}


@pytest.fixture(params=["/v1", "/v1/openai/v1"])
async def api(request: pytest.FixtureRequest, local_engine: LocalEngine) -> AsyncGenerator[Checked]:
    async with api_of(local_engine) as client:
        yield Checked(client, request.param)


async def upload(api: Checked, data: bytes = TEXT, name: str = "bees.txt") -> str:
    return (await api.ask("POST", "/files", send=upload_form(data, name)))["id"]


async def test_a_walk_through_all_25_endpoints_sees_only_the_contracts_objects(
    api: Checked, local_engine: LocalEngine, tmp_path: Path
) -> None:
    expires = {"anchor": "last_active_at", "days": 3}
    made = {"name": "Bees", "description": "d", "metadata": {"a": "b"}, "expires_after": expires}
    store = (await api.ask("POST", "/vector_stores", send={"json": made}))["id"]
    files = await walk_files(api)
    await walk_store_files(api, local_engine, store, files)
    await walk_batches(api, local_engine, store, files)
    await walk_uploads(api, tmp_path)
    await api.ask("GET", "/vector_stores", send={"params": {"limit": 1}})
    await api.ask("GET", f"/vector_stores/{S}", vector_store_id=store)
    cleared = {"name": None, "metadata": None, "expires_after": None}
    await api.ask("POST", f"/vector_stores/{S}", vector_store_id=store, send={"json": cleared})
    await api.ask("DELETE", f"/vector_stores/{S}", vector_store_id=store)
    await api.ask("GET", f"/vector_stores/{S}", vector_store_id=store, status=404)
    await api.ask("GET", "/vector_stores")
    assert api.asked == {(method, path) for method, path, _ in ENDPOINTS}
    assert len(api.asked) == 25


async def walk_files(api: Checked) -> list[str]:
    assert (await api.ask("GET", "/files"))["first_id"] is None
    files = [await upload(api, TEXT + str(n).encode(), f"{n}.txt") for n in range(3)]
    files.append(await upload(api, b" \n", "blank.txt"))
    expires = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    await api.ask("POST", "/files", send=upload_form(TEXT, **expires))
    await api.ask("GET", "/files", send={"params": {"purpose": "assistants", "order": "asc"}})
    await api.ask("GET", f"/files/{F}", file_id=files[0])
    assert await api.ask("GET", f"/files/{F}/content", file_id=files[0]) == TEXT + b"0"
    other = await upload(api)
    await api.ask("DELETE", f"/files/{F}", file_id=other)
    await api.ask("GET", f"/files/{F}", file_id=other, status=404)
    return files


async def walk_store_files(api: Checked, engine: LocalEngine, store: str, files: list[str]) -> None:
    for file in files:
        body = {"file_id": file, "attributes": {"text": "x", "whole": 1, "part": 0.5, "flag": True}}
        await api.ask("POST", f"/vector_stores/{S}/files", vector_store_id=store, send={"json": body})
    await settled(engine, store)
    one: dict[str, Any] = {"vector_store_id": store, "file_id": files[0]}
    await api.ask("GET", f"/vector_stores/{S}/files/{F}", **one)
    statuses = {f["status"] for f in (await api.ask("GET", f"/vector_stores/{S}/files", vector_store_id=store))["data"]}
    assert statuses == {"completed", "failed"}
    await api.ask("POST", f"/vector_stores/{S}/files/{F}", send={"json": {"attributes": None}}, **one)
    await api.ask("GET", f"/vector_stores/{S}/files/{F}/content", **one)
    for ranker in ("auto", "none"):
        body = {"query": ["bees", "honey"], "ranking_options": {"ranker": ranker}}
        found = await api.ask("POST", f"/vector_stores/{S}/search", vector_store_id=store, send={"json": body})
        assert found["search_query"] == ["bees", "honey"]
        assert {hit["file_id"] for hit in found["data"]} <= set(files)
    await api.ask("DELETE", f"/vector_stores/{S}/files/{F}", **one)
    await api.ask("GET", f"/vector_stores/{S}/files/{F}", status=404, **one)


async def walk_batches(api: Checked, engine: LocalEngine, store: str, files: list[str]) -> None:
    body: dict[str, Any] = {"files": [{"file_id": file, "attributes": {"n": 1}} for file in files]}
    made = await api.ask("POST", f"/vector_stores/{S}/file_batches", vector_store_id=store, send={"json": body})
    batch: dict[str, Any] = {"vector_store_id": store, "batch_id": made["id"]}
    await api.ask("POST", f"/vector_stores/{S}/file_batches/{B}/cancel", **batch)
    await settled(engine, store)
    await api.ask("GET", f"/vector_stores/{S}/file_batches/{B}", **batch)
    await api.ask("GET", f"/vector_stores/{S}/file_batches/{B}/files", **batch)


async def walk_uploads(api: Checked, tmp_path: Path) -> None:
    async def begin(**more: object) -> str:
        return (await api.ask("POST", "/uploads", send={"json": {**BEGIN, **more}}))["id"]

    upload_id = await begin(expires_after={"anchor": "created_at", "seconds": 3600})
    data = {"files": {"data": ("blob", TEXT)}}
    part = (await api.ask("POST", f"/uploads/{U}/parts", upload_id=upload_id, send=data))["id"]
    ready = {"json": {"part_ids": [part]}}
    await api.ask("POST", f"/uploads/{U}/complete", upload_id=upload_id, send=ready)
    await api.ask("POST", f"/uploads/{U}/cancel", upload_id=await begin())
    late = await begin()
    change(tmp_path / "data", "UPDATE upload SET expires_at = 1 WHERE status = 'pending'")
    await api.ask("POST", f"/uploads/{U}/complete", upload_id=late, send=ready, status=409)


async def test_the_extended_header_adds_keys_and_takes_none_away(local_engine: LocalEngine) -> None:
    async with api_of(local_engine) as client:
        api = Checked(client)
        store = (await api.ask("POST", "/vector_stores", send={"json": {}}))["id"]
        body = {"file_id": await upload(api)}
        await api.ask("POST", f"/vector_stores/{S}/files", vector_store_id=store, send={"json": body})
        await settled(local_engine, store)
        path = f"/v1/vector_stores/{store}/search"
        bare = (await client.post(path, json={"query": "honey"})).json()
        extended = {"x-vector-stores-extended": "1"}
        full = (await client.post(path, json={"query": "honey"}, headers=extended)).json()
        assert full["data"][0] == {**full["data"][0], **bare["data"][0]}
        assert full["data"][0]["chars"] == [0, len(TEXT)]
        assert full["data"][0]["vector_store_id"] == store
        assert set(full) > set(bare)
        text = (await client.get(f"/v1/vector_stores/{store}/files/{body['file_id']}/content", headers=extended)).json()
        assert (text["total"], text["data"]) == (len(TEXT), [{"type": "text", "text": TEXT.decode()}])


@pytest.mark.parametrize("shape", sorted(path.stem for path in FOLDER.glob("*.json")))
def test_the_schemas_are_schemas_and_closed(shape: str) -> None:
    schema = read(shape)
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        fits(shape, {"surplus": 1} if shape != "attributes" else {"a": None})
