"""/openapi.json is true: all of /v1 is there, and schemathesis finds no reply that it does not describe."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from support.local import store, upload
from support.serving import listening
from support.v1_shapes import ENDPOINTS, is_valid, read
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.http.v1.api import build_api, new_app
from vectorstores_tools.contract.requests import FileAttach

pytestmark = pytest.mark.process

CASES = 5
"""Requests of each kind for each endpoint; a thousand or so in all."""
NOT_CHECKED = (
    "positive_data_acceptance",  # a cursor that was never listed, a filter that is too deep: 400
    "ensure_resource_availability",  # a 404 may be about a file that the body names
)
SETTINGS = """
[parameters]
"path.vector_store_id" = "{store}"
"path.file_id" = "{file}"

[[operations]]
include-method = "DELETE"
parameters = {{ "path.vector_store_id" = "vs_gone", "path.file_id" = "file-gone" }}
"""
"""Most requests are about what is there, and nothing takes it away."""


@pytest.mark.slow
async def test_no_request_has_a_reply_that_is_not_described(local_engine: LocalEngine, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    async with listening(build_api(local_engine)) as url:
        store_id = await store(local_engine)
        file_id = await upload(local_engine, "Bees make honey.")
        await local_engine.attach_file(store_id, FileAttach(file_id=file_id))
        await anyio.Path(settings).write_text(SETTINGS.format(store=store_id, file=file_id))
        command = [Path(sys.executable).with_name("schemathesis"), "--config-file", settings, "run"]
        options = ["--seed=1", "--no-color", f"--max-examples={CASES}", f"--exclude-checks={','.join(NOT_CHECKED)}"]
        with anyio.fail_after(120):
            run = await anyio.run_process(
                [*command, f"{url}/openapi.json", *options], check=False, cwd=tmp_path, stderr=subprocess.STDOUT
            )
    said = run.stdout.decode()
    assert run.returncode == 0, said
    assert "Tested: 25" in said


@pytest.fixture
def described() -> dict[str, Any]:
    return new_app().openapi()


def test_the_endpoints_are_described_once_each(described: dict[str, Any]) -> None:
    found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
    assert found == {(method, f"/v1{path}") for method, path, _ in ENDPOINTS}
    for method, path in found:
        operation = described["paths"][path][method.lower()]
        assert {"200", "4XX", "5XX"} <= set(operation["responses"])
        envelope = operation["responses"]["4XX"]["content"]["application/json"]["schema"]
        assert envelope == {"$ref": "#/components/schemas/ErrorEnvelope"}


def test_its_objects_have_the_keys_of_the_contract(described: dict[str, Any]) -> None:
    schemas: dict[str, Any] = described["components"]["schemas"]
    contents = [
        (shape, described["paths"][f"/v1{path}"][method.lower()]["responses"]["200"]["content"])
        for method, path, shape in ENDPOINTS
    ]
    assert [list(content) for shape, content in contents if not shape] == [["application/octet-stream"]]
    objects = [(shape, content) for shape, content in contents if shape]
    assert len(objects) == len(ENDPOINTS) - 1
    for shape, content in objects:
        name = content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        contract = read(shape)
        assert set(schemas[name]["properties"]) == set(contract["properties"]), name
        assert set(schemas[name]["required"]) == set(contract["required"]), name


def test_bodies_are_closed_and_filters_are_described(described: dict[str, Any]) -> None:
    schemas: dict[str, Any] = described["components"]["schemas"]
    for name in ("StoreCreate", "StoreUpdate", "SearchBody", "BatchBody", "UploadBody", "FileAttach", "CompoundFilter"):
        assert schemas[name]["additionalProperties"] is False
    search = {"$ref": "#/components/schemas/SearchBody", "components": described["components"]}
    nested: dict[str, Any] = {"type": "eq", "key": "a", "value": 1}
    for _ in range(3):
        nested = {"type": "or", "filters": [nested, {"type": "in", "key": "b", "value": ["x", 2]}]}
    assert is_valid(search, {"query": "x", "filters": nested, "ranking_options": {"ranker": "none"}})
    assert not is_valid(search, {"query": "x", "filters": {"type": "eq", "key": "a"}})
    assert not is_valid(search, {"query": "x", "filters": {"a": 1}})


def test_it_says_who_may_come_in_and_where_else_it_is(described: dict[str, Any]) -> None:
    about = described["info"]["description"]
    assert "Authorization: Bearer" in about
    assert "/v1/openai/v1" in about
    assert "X-Vector-Stores-Extended" in about
