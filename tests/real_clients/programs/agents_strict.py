"""The tool layer of openai-agents in strict mode, run in an environment of its own; prints what came back as JSON."""

import asyncio
import json
import sys
from typing import Any

from agents import Agent
from agents.mcp import MCPServerStdio, MCPUtil
from agents.run_context import RunContextWrapper
from agents.tool_context import ToolContext

BLANK = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}


def every_parameter(schema: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return arguments as a strict schema asks for them: each parameter is sent, with its default or a blank."""
    filled = {}
    for name in schema["properties"]:
        parameter = schema["properties"][name]
        choices = parameter.get("enum")
        blank = choices[0] if choices else BLANK[parameter.get("type", "string")]
        filled[name] = given.get(name, parameter.get("default", blank))
    return filled


async def tools_of(server: MCPServerStdio) -> dict[str, Any]:
    agent = Agent(name="a", instructions="", mcp_servers=[server])
    return {tool.name: tool for tool in await MCPUtil.get_function_tools(server, True, RunContextWrapper(None), agent)}


async def call(tool: Any, **given: Any) -> str:
    sent = json.dumps(every_parameter(tool.params_json_schema, given))
    context = ToolContext(None, tool_name=tool.name, tool_call_id="1", tool_arguments=sent)
    result = await tool.on_invoke_tool(context, sent)
    return str(result.get("text", "") if isinstance(result, dict) else getattr(result, "text", result))


async def main(usual: Any, held: Any) -> dict[str, Any]:
    progress: list[float] = []

    async def advance(done: float, total: float | None, message: str | None) -> None:
        progress.append(done)

    async with MCPServerStdio(usual, client_session_timeout_seconds=120) as server:
        tools = await tools_of(server)
        store = (await server.call_tool("create_store", {"name": "s"})).structured_content["id"]
        report: dict[str, Any] = {
            "tools": sorted(tools),
            "strict": sorted(name for name, tool in tools.items() if tool.strict_json_schema),
            "made": await call(tools["create_store"], name="strict"),
            "uploaded": await call(
                tools["upload_file"],
                text="Bees make honey.",
                filename="bees.txt",
                vector_store_id=store,
                wait_seconds=50,
            ),
            "found": await call(tools["search"], query="honey", vector_store_id=store),
            "error": await call(tools["retrieve"], vector_store_id="vs_none"),
        }
        more = {"text": "More.", "filename": "b.txt", "vector_store_id": store}
        await server.session.call_tool("upload_file", more, progress_callback=advance)
        report["progress"] = progress
    async with MCPServerStdio(held, client_session_timeout_seconds=120) as server:
        tools = await tools_of(server)
        store = (await server.call_tool("create_store", {"name": "s"})).structured_content["id"]
        started = asyncio.Event()

        async def begun(done: float, total: float | None, message: str | None) -> None:
            started.set()

        waiting = {"text": "Waits.", "filename": "w.txt", "vector_store_id": store, "wait_seconds": 50}
        task = asyncio.create_task(server.session.call_tool("upload_file", waiting, progress_callback=begun))
        await started.wait()
        task.cancel()
        report["cancelled"] = (await asyncio.gather(task, return_exceptions=True))[0].__class__.__name__
        report["after"] = await call(tools["retrieve"], vector_store_id=store)
    return report


print(json.dumps(asyncio.run(main(*map(json.loads, sys.argv[1:])))))
