"""/v1 over an engine: a server on a free port for the official SDK, the bare app for what the SDK would not send."""

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anyio
import anyio.to_thread
import httpx
from openai import AsyncOpenAI, OpenAI

from support.local import Words
from support.postgres import SCHEMA_NAME, connection
from support.serving import listening
from vectorstores_server.engines.local.engine import LocalEngine
from vectorstores_server.http.v1.api import build_api
from vectorstores_tools.contract.engine import Engine

Style: TypeAlias = Literal["sync", "async"]
STYLES: tuple[Style, ...] = ("sync", "async")
INVALID = "invalid_request_error"
HEADERS = {"openai-organization": "org-1", "openai-project": "proj_1", "openai-beta": "assistants=v2"}
"""What clients of OpenAI send and nobody here needs."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """The SDK's client, blocking or not, on one server; a test is written once for both."""

    client: Any
    engine: Engine
    url: str

    async def do(self, method: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Call a method of the client."""
        if isinstance(self.client, OpenAI):
            return await anyio.to_thread.run_sync(partial(method, *given, **named))
        return await method(*given, **named)

    async def all(self, method: Callable[..., Any], *given: Any, **named: Any) -> list[Any]:
        """Follow a list to its end, as the client does by itself."""
        if isinstance(self.client, OpenAI):
            return await anyio.to_thread.run_sync(lambda: list(method(*given, **named)))
        return [item async for item in method(*given, **named)]

    async def store(self, **fields: Any) -> str:
        return (await self.do(self.client.vector_stores.create, **fields)).id

    async def upload(self, text: str, filename: str = "note.txt") -> str:
        file = (filename, text.encode())
        return (await self.do(self.client.files.create, file=file, purpose="assistants")).id

    async def add(self, store: str, text: str, filename: str = "note.txt", **options: Any) -> str:
        """Upload, attach, and wait until it can be found."""
        files = self.client.vector_stores.files
        file = await self.do(
            files.upload_and_poll, vector_store_id=store, file=(filename, text.encode()), poll_interval_ms=20, **options
        )
        assert file.status == "completed", file
        return file.id


@asynccontextmanager
async def sdk_of(style: Style, directory: Path, prefix: str = "/v1") -> AsyncGenerator[Sdk]:
    """Serve an engine whose vectors are words, and connect the SDK."""
    async with AsyncExitStack() as stack:
        engine = LocalEngine(directory, Words())
        stack.push_async_callback(engine.aclose)
        url = await stack.enter_async_context(listening(build_api(engine)))
        options: dict[str, Any] = {"api_key": "unused", "base_url": f"{url}{prefix}", "max_retries": 0}
        options |= {"organization": "org-1", "project": "proj_1"}
        if style == "sync":
            yield Sdk(stack.enter_context(OpenAI(**options)), engine, url)
        else:
            yield Sdk(await stack.enter_async_context(AsyncOpenAI(**options)), engine, url)


@asynccontextmanager
async def api_of(engine: Engine) -> AsyncGenerator[httpx.AsyncClient]:
    """The app without a server."""
    transport = httpx.ASGITransport(build_api(engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=HEADERS) as client:
        yield client


def upload_form(data: bytes, filename: str = "note.txt", **fields: str) -> dict[str, Any]:
    """The arguments of a request that uploads a File."""
    return {"files": {"file": (filename, data)}, "data": {"purpose": "assistants", **fields}}


def said(reply: httpx.Response, status: int = 400) -> tuple[str, str, str | None, str | None]:
    """The message, type, param and code of an error, which has no other keys."""
    assert reply.status_code == status, reply.text
    body = reply.json()
    assert list(body) == ["error"]
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error["message"], error["type"], error["param"], error["code"]


def change(data: Path, sql: str) -> None:
    """Change the catalog behind the engine's back: what time would do."""
    if (named := data.with_name(SCHEMA_NAME)).exists():  # the engine `shared` keeps it elsewhere
        db = connection(named.read_text(encoding="utf-8"))
        db.execute(sql)
        db.close()
        return
    catalog = sqlite3.connect(data / "catalog.db")
    with catalog:
        catalog.execute(sql)
    catalog.close()


class Watched:
    """An app that tells when a request has ended, and with which status."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.statuses: dict[str, int | None] = {}
        self._changed = anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        status: int | None = None

        async def noting(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            if scope["type"] == "http":
                self.statuses[scope["path"]] = status
                self._changed.set()

    async def ended(self, path: str) -> None:
        while path not in self.statuses:
            await self._changed.wait()
            self._changed = anyio.Event()
