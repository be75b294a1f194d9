"""The client of fastmcp, run in an environment of its own; prints what came back as JSON."""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp.exceptions import ToolError


def opened(server: Any) -> Client[Any]:
    return Client(StdioTransport(server["command"], server["args"]), timeout=120)


async def main(usual: Any, held: Any) -> dict[str, Any]:
    progress: list[float] = []

    async def advance(done: float, total: float | None, message: str | None) -> None:
        progress.append(done)

    async with opened(usual) as client:
        report: dict[str, Any] = {"tools": sorted(tool.name for tool in await client.list_tools())}
        made = await client.call_tool("create_store", {"name": "s"})
        store = made.structured_content["id"]
        report["made"] = made.content[0].text
        bees = {"text": "Bees make honey.", "filename": "bees.txt", "vector_store_id": store, "wait_seconds": 50}
        uploaded = await client.call_tool("upload_file", bees, progress_handler=advance)
        report |= {"uploaded": uploaded.content[0].text, "progress": progress}
        found = await client.call_tool("search", {"query": "honey", "vector_store_id": store})
        report["found"] = found.content[0].text
        try:
            await client.call_tool("retrieve", {"vector_store_id": "vs_none"})
        except ToolError as error:
            report["error"] = str(error)
    async with opened(held) as client:
        store = (await client.call_tool("create_store", {"name": "s"})).structured_content["id"]
        started = asyncio.Event()

        async def begun(done: float, total: float | None, message: str | None) -> None:
            started.set()

        waiting = {"text": "Waits.", "filename": "w.txt", "vector_store_id": store, "wait_seconds": 50}
        task = asyncio.create_task(client.call_tool("upload_file", waiting, progress_handler=begun))
        await started.wait()
        task.cancel()
        report["cancelled"] = (await asyncio.gather(task, return_exceptions=True))[0].__class__.__name__
        report["after"] = (await client.call_tool("retrieve", {"vector_store_id": store})).content[0].text
    return report


print(json.dumps(asyncio.run(main(*map(json.loads, sys.argv[1:])))))
