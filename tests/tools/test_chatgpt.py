"""The pair of tools that ChatGPT's connectors ask for, in their shape."""

import json
from pathlib import Path

from support.clients import connected, text_of
from vectorstores_tools.contract.engine import Engine
from vectorstores_tools.toolset import ToolSurface


async def test_search_and_fetch_in_the_shape_that_connectors_ask_for(engine: Engine, tmp_path: Path) -> None:
    async with connected(engine, "auto", tmp_path / "files") as caller:
        for name in ("bees", "tea"):
            store = await caller.store(name=name)
            await caller.add(store, f"All about {name}: honey and leaves.", f"{name}.txt", attributes={"topic": name})
    async with connected(engine, "auto", tmp_path / "files", ToolSurface(toolset="chatgpt")) as caller:
        tools = (await caller.client.list_tools()).tools
        assert {tool.name: list(tool.input_schema["properties"]) for tool in tools} == {
            "search": ["query"],
            "fetch": ["id"],
        }
        found = await caller.result("search", query="honey")
        assert found.structured_content == json.loads(text_of(found))
        results = json.loads(text_of(found))["results"]
        assert sorted(result["title"] for result in results) == ["bees.txt", "tea.txt"]
        assert all(result.keys() == {"id", "title", "url"} for result in results)
        document = await caller.call("fetch", id=results[0]["id"])
        assert document.keys() == {"id", "title", "text", "url", "metadata"}
        assert "honey and leaves" in document["text"]
        assert document["metadata"]["topic"] in document["title"]
        assert (await caller.refused("fetch", id="vectorstore://vs_1"))["param"] == "id"
