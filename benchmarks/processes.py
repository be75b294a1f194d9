"""Servers as a client has them: a spawned process, spoken to over stdio by the SDK's client."""

import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

BARE: Sequence[str] = (sys.executable, str(Path(__file__).with_name("bare_server.py")))
OURS: Sequence[str] = (str(Path(sys.executable).with_name("vector-stores-mcp")),)


class ToolFailedError(RuntimeError):
    """A tool answered with an error."""


@dataclass(frozen=True, slots=True)
class Served:
    """A connected server; `started` is the clock just before it was spawned."""

    client: Client
    process: psutil.Process
    started: float

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and return its structured content."""
        result = await self.client.call_tool(tool, arguments)
        if result.is_error:
            raise ToolFailedError(f"{tool}: {result.content}")
        return result.structured_content or {}


@asynccontextmanager
async def serve(command: Sequence[str], data: Path | None = None, **settings: str) -> AsyncGenerator[Served]:
    """Spawn `command` with its data directory and settings (VECTOR_STORES_...), and connect to it."""
    environment = {f"VECTOR_STORES_{name}": value for name, value in settings.items()}
    if data is not None:
        environment["VECTOR_STORES_DATA"] = str(data)
    before = {child.pid for child in psutil.Process().children()}
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=environment)
    with open(os.devnull, "w") as silence:  # noqa: ASYNC230, PTH123  # the null device does not block
        started = time.perf_counter()
        async with Client(stdio_client(parameters, errlog=silence), cache=None) as client:
            spawned = [child for child in psutil.Process().children() if child.pid not in before]
            yield Served(client, spawned[0], started)


def loaded(process: psutil.Process, library: str) -> bool:
    """Tell whether the process has a library of this name mapped."""
    return any(library in mapped.path for mapped in process.memory_maps())
