"""What a model reads of the tools before it calls one: small, flat, and changed only on purpose."""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import jsonschema
import pytest
from mcp.types import Tool

from support.checkout import TESTS
from support.clients import Caller
from vectorstores_server.protocol.server import INSTRUCTIONS
from vectorstores_tools import toolset
from vectorstores_tools.contract.engine import Capabilities, Engine
from vectorstores_tools.toolset import ToolSurface, build_tools, shown

if TYPE_CHECKING:
    from vectorstores_tools.contract.intake import Intake

SNAPSHOTS = TESTS / "snapshots"


class Nothing:
    """Stands for an engine whose capabilities are all that is asked for."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities


def tools(surface: ToolSurface | None = None, *, remote: bool = False) -> list[Tool]:
    engine = cast("Engine", Nothing(Capabilities(remote=remote)))
    built = build_tools(engine, cast("Intake", None), surface or ToolSurface())
    assert built
    return [
        Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=tool.parameters,
            output_schema=tool.output_schema,
            annotations=tool.annotations,
            _meta=tool.meta,
        )
        for tool in built
    ]


def size(*parts: object) -> int:
    return sum(len(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode()) for part in parts)


def shown_size(surface: ToolSurface) -> int:
    return sum(
        size({"name": t.name, "description": t.description, "inputSchema": t.input_schema}) for t in tools(surface)
    )


@pytest.mark.parametrize("tool", tools(), ids=lambda tool: tool.name)
def test_a_tool_is_as_its_snapshot_says(tool: Tool) -> None:
    snapshot = SNAPSHOTS / f"{tool.name}.json"
    now = (
        json.dumps(tool.model_dump(mode="json", by_alias=True, exclude_none=True), indent=2, ensure_ascii=False) + "\n"
    )
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(now, encoding="utf-8")
    kept = snapshot.read_text(encoding="utf-8") if snapshot.exists() else "no snapshot"
    assert now == kept, "A model would see another tool. If that is meant: UPDATE_SNAPSHOTS=1 pytest " + __file__


def test_no_snapshot_is_left_of_a_tool_that_is_gone() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == set(toolset.TOOL_NAMES)


def test_all_that_is_shown_at_every_start_stays_small() -> None:
    assert shown_size(ToolSurface()) <= 10_000
    assert shown_size(ToolSurface(toolset="core")) <= 6_500
    assert size(*(tool.output_schema for tool in tools())) <= 4_000
    descriptions = [tool.description or "" for tool in tools()]
    assert all(20 <= len(description) <= 400 for description in descriptions)
    assert sum(map(len, descriptions)) <= 2_500
    assert len(INSTRUCTIONS) < 2_000


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a schema."""
    if isinstance(schema, dict):
        fields = cast("dict[str, Any]", schema)
        yield fields
        for value in fields.values():
            yield from nodes(value)
    elif isinstance(schema, list):
        for value in cast("list[Any]", schema):
            yield from nodes(value)


def test_inputs_are_flat_objects_without_titles_nulls_and_references() -> None:
    for tool in tools():
        schema = tool.input_schema
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        assert not {"anyOf", "oneOf", "allOf", "$defs", "$ref"} & schema.keys()
        for node in (schema, *nodes(schema["properties"])):
            assert not {"$ref", "$defs", "title"} & node.keys() or "properties" not in node
            assert node.get("type") != "null"
            assert node.get("type") != "array" or "items" in node
            assert node.get("default", 0) is not None


def test_every_parameter_is_described_and_no_schema_asks_too_much_of_a_client() -> None:
    parameters = [
        (name, parameter)
        for tool in (*tools(), *tools(ToolSurface(toolset="chatgpt")))
        for name, parameter in tool.input_schema["properties"].items()
    ]
    assert all(parameter.get("description") for _, parameter in parameters)
    plain = [parameter.keys() for name, parameter in parameters if name in ("filters", "chunking_strategy")]
    assert len(plain) == 5
    assert all(keys == {"type", "description"} for keys in plain)
    for tool in (*tools(), *tools(ToolSurface(toolset="chatgpt"))):
        for node in (tool.input_schema, *nodes([tool.input_schema, tool.output_schema])):
            assert "const" not in node
            assert not isinstance(node.get("type"), list)


def test_outputs_are_objects_that_name_their_keys_and_allow_others() -> None:
    for tool in tools():
        assert tool.output_schema is not None
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert tool.output_schema["type"] == "object"
        assert tool.output_schema["additionalProperties"] is True
        assert "$defs" not in tool.output_schema
        error = {"error": {"message": "m", "code": None, "param": None, "next": ""}}
        jsonschema.validate(error, tool.output_schema)


def test_every_tool_says_what_it_may_do() -> None:
    said = {tool.name: tool.annotations for tool in tools()}
    reading = {name for name, hints in said.items() if hints and hints.read_only_hint}
    destructive = {name for name, hints in said.items() if hints and hints.destructive_hint}
    assert reading == {"search", "list", "retrieve", "read"}
    assert destructive == {"update", "delete", "cancel_batch"}
    assert all(tool.title for tool in tools())
    for tool in tools():
        hints = tool.annotations.model_dump(exclude={"title"}) if tool.annotations else {}
        assert len(hints) == 4
        assert None not in hints.values()
    assert {tool.annotations.open_world_hint for tool in tools(remote=True) if tool.annotations} == {True}
    assert {tool.annotations.open_world_hint for tool in tools() if tool.annotations} == {False}


def test_every_parameter_of_the_design_is_there() -> None:
    named = {tool.name: set(tool.input_schema["properties"]) for tool in tools()}
    assert named == {
        "create_store": {"name", "description", "metadata", "file_ids", "expires_after", "chunking_strategy"},
        "upload_file": {
            "path", "text", "url", "file_id", "filename", "purpose", "vector_store_id", "attributes",
            "chunking_strategy", "wait_seconds",
        },
        "batch_attach": {
            "vector_store_id", "file_ids", "files", "paths", "mirror", "confirm", "attributes", "chunking_strategy",
            "wait_seconds",
        },
        "search": {
            "query", "vector_store_id", "filters", "max_num_results", "ranking_options", "response_format",
            "max_tokens",
        },
        "list": {"of", "vector_store_id", "batch_id", "limit", "order", "after", "before", "filter", "filters"},
        "retrieve": {"vector_store_id", "file_id", "batch_id", "wait_seconds"},
        "read": {"as", "uri", "file_id", "vector_store_id", "start", "end", "page", "max_tokens"},
        "update": {"vector_store_id", "file_id", "name", "metadata", "expires_after", "attributes", "clear"},
        "delete": {"what", "vector_store_id", "file_id", "confirm"},
        "cancel_batch": {"vector_store_id", "batch_id"},
    }  # fmt: skip


def test_a_surface_never_shows_a_tool_twice_or_one_that_is_unknown() -> None:
    for surface in (ToolSurface(), ToolSurface(toolset="core"), ToolSurface(read_only=True)):
        names = [spec.name for spec in shown(surface)]
        assert len(names) == len(set(names))
        assert set(names) <= set(toolset.TOOL_NAMES)


async def test_a_client_sees_the_same(caller_of_era: Caller) -> None:
    listed = (await caller_of_era.client.list_tools()).tools
    assert [tool.name for tool in listed] == list(toolset.TOOL_NAMES)
    for seen, made in zip(listed, tools(), strict=True):
        assert (seen.description, seen.input_schema, seen.output_schema) == (
            made.description, made.input_schema, made.output_schema,
        )  # fmt: skip
    assert caller_of_era.client.instructions == INSTRUCTIONS
