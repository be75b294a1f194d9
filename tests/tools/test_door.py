"""What comes to the tools from outside, whatever it is: each refusal names its parameter and the next step."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from support.clients import Caller, text_of
from support.v1_client import change

WRONG: tuple[Any, ...] = ({"x": {"y": 1}}, [[1]], 12.5, "nonsense", -7, True)


async def parameters(caller: Caller) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Tool, parameter, its schema, and what the tool cannot do without."""
    return [
        (tool.name, name, schema, {needed: "x" for needed in tool.input_schema.get("required", ()) if needed != name})
        for tool in (await caller.client.list_tools()).tools
        for name, schema in tool.input_schema["properties"].items()
    ]


def choices(schema: dict[str, Any]) -> Iterator[list[str]]:
    """The values of an enum, and those of the items of a list."""
    if "enum" in schema:
        yield schema["enum"]
    elif "enum" in schema.get("items", {}):
        yield schema["items"]["enum"]


async def test_a_value_outside_a_choice_is_refused_with_its_parameter_and_the_choice(caller: Caller) -> None:
    asked = [
        (tool, name, values, needed)
        for tool, name, schema, needed in await parameters(caller)
        for values in choices(schema)
    ]
    assert len(asked) > 5
    for tool, name, values, needed in asked:
        error = await caller.refused(tool, **needed, **{name: "nonsense"})
        said = f"{error['message']} {error['next']}"
        assert error["param"].partition("[")[0] == name, (tool, said)
        assert name in said, (tool, said)
        assert any(value in said for value in values), (tool, said)


async def test_no_argument_of_any_kind_gets_a_bare_error(caller: Caller) -> None:
    every = await parameters(caller)
    asked = [(tool, needed | {name: wrong}) for tool, name, _, needed in every for wrong in WRONG]
    assert asked
    asked += [(tool, {"no_such_parameter": 1}) for tool, *_ in every]
    results = [await caller.result(tool, **arguments) for tool, arguments in asked]
    errors = [result for result in results if result.is_error]
    assert len(errors) > len(every)
    assert [text_of(result) for result in errors if "error" not in (result.structured_content or ())] == []
    texts = "\n".join(map(text_of, errors))
    assert "Error executing tool" not in texts
    assert "Traceback" not in texts


async def test_progress_is_a_whole_number(caller: Caller) -> None:
    store = await caller.store()
    for n in range(7):
        caller.write(f"{n}.txt", f"Page {n}. " * 200)
    reports: list[tuple[float, float | None]] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        assert message is None or message
        reports.append((progress, total))

    for mirror in ({}, {"mirror": "on"}):
        arguments = {"vector_store_id": store, "paths": [str(caller.folder)], "wait_seconds": 50, **mirror}
        with anyio.fail_after(60):
            await caller.client.call_tool("batch_attach", arguments, progress_callback=report)
    assert reports
    assert all(float(value or 0).is_integer() for pair in reports for value in pair)


@pytest.mark.parametrize("value", ['["a"]', ["a"], '["a", "b"]'])
async def test_a_list_that_is_written_as_a_string_is_one(caller: Caller, value: object) -> None:
    store = await caller.store()
    file = await caller.add(store, "Bees make honey.", attributes={"kind": "a"})
    await caller.add(store, "Bees make wax.", attributes={"kind": "c"})
    only = {"type": "in", "key": "kind", "value": value}
    for filters in (only, json.dumps(only), {"type": "and", "filters": [only]}):
        found = await caller.call("search", vector_store_id=store, query="bees", filters=filters)
        assert [hit["file_id"] for hit in found["data"]] == [file]


async def test_of_equal_scores_and_times_over_several_stores_that_of_the_store_named_first_comes_first(
    caller: Caller, tmp_path: Path
) -> None:
    stores = [await caller.store() for _ in range(3)]
    files = {store: await caller.add(store, "Bees make honey.", f"{n}.txt") for n, store in enumerate(stores)}
    change(tmp_path / "data", "UPDATE attachment SET created_at = 10")
    for order in (stores, stores[::-1], [stores[1], stores[2], stores[0]]):
        found = [await caller.call("search", vector_store_id=order, query="bees honey") for _ in range(3)]
        assert [answer["data"][0]["file_id"] for answer in found] == [files[order[0]]] * 3
        named = [[copy["file_id"] for copy in answer["data"][0]["also_in"]["files"]] for answer in found]
        assert named == [[files[store] for store in order[1:]]] * 3
