"""The page over an engine, reached without a port, and what a test needs to find in its HTML."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode

from vectorstores_server.http.app import Servers, build_web
from vectorstores_server.http.auth import StaticTokens, Verifier
from vectorstores_server.http.policy import Policy
from vectorstores_server.intake import MachineIntake
from vectorstores_server.intake.folders import FileCriteria
from vectorstores_server.protocol.server import ToolSurface, build_server
from vectorstores_tools.contract.engine import Engine, NewFile
from vectorstores_tools.contract.maintenance import Health
from vectorstores_tools.contract.requests import FileAttach, StoreCreate

HERE = "http://127.0.0.1:8000"
BROWSER = {"accept": "text/html"}
TOKENS = StaticTokens(("writing-token", "ro:reading-token"))


async def _probe() -> Health:
    await anyio.lowlevel.checkpoint()
    return Health({})


@asynccontextmanager
async def page_of(
    engine: Engine, *, tokens: bool = False, verifier: Verifier | None = None, **web: Any
) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser without scripts: it keeps cookies, and follows no redirect by itself."""
    intake = MachineIntake(Path("/nonexistent"), FileCriteria(engine.capabilities.extensions, 1), [])
    server = build_server(engine, intake, ToolSurface())
    policy = Policy(verifier=verifier or (TOKENS if tokens else None))
    app = build_web(Servers(server, server), engine, _probe, policy=policy, **web)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE, headers=BROWSER) as client:
        yield client


async def signed_in(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Sign in as a person does."""
    return await client.post("/sign-in", data={"token": token}, headers={"origin": HERE})


def parsed(reply: httpx.Response) -> LexborHTMLParser:
    """Return the HTML of a reply that went well."""
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return LexborHTMLParser(reply.text)


def first(inside: LexborHTMLParser | LexborNode, selector: str) -> LexborNode:
    """Return the first node that a selector finds."""
    found = inside.css_first(selector)
    assert found is not None, selector
    return found


def change_token(html: str) -> str:
    found = re.search(r'name="change-token" content="([0-9a-f]+)"', html)
    assert found
    return found[1]


async def filled(engine: Engine, name: str | None, *files: tuple[str, str], **attributes: Any) -> str:
    """Make a store with these texts and wait until each of them is final."""
    store = await engine.create_store(StoreCreate(name=name))
    for filename, text in files:
        file = await engine.create_file(NewFile(filename, _once(text.encode())))
        await engine.attach_file(store.id, FileAttach(file_id=file.id, attributes=attributes or None))
    await settled(engine, store.id)
    return store.id


async def settled(engine: Engine, store_id: str) -> None:
    """Wait until no file of the store is in progress."""
    with anyio.fail_after(60):
        mark = 0
        while (await engine.retrieve_store(store_id)).file_counts.in_progress:
            mark = await engine.changed(mark)


async def _once(content: bytes) -> AsyncGenerator[bytes]:
    await anyio.lowlevel.checkpoint()
    yield content


async def from_disk(engine: Engine, name: str, paths: Sequence[Path], **attributes: Any) -> str:
    """Make a store of these files and wait until each of them is final."""
    store = await filled(engine, name)
    for path in paths:
        file = await engine.create_file(NewFile(path.name, _once(path.read_bytes())))
        await engine.attach_file(store, FileAttach(file_id=file.id, attributes=attributes or None))
    await settled(engine, store)
    return store
