"""`open`: the page of a data directory in the browser, from a server that runs, or else from one of its own."""

import argparse
import webbrowser
from contextlib import suppress

import httpx

from vectorstores_server.console.terminal import say
from vectorstores_server.http.startup import serve_web
from vectorstores_server.page.opening import PageServer
from vectorstores_server.page.paths import OPENING, ROOT
from vectorstores_server.protocol.sdk_compat import leave_logging_alone
from vectorstores_server.protocol.server import ToolSurface
from vectorstores_server.settings import Settings
from vectorstores_tools.contract.errors import InvalidRequest

SECONDS_TO_ANSWER = 5.0
OWN_PORT = "127.0.0.1:0"


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Open the page; goes on until it is stopped where the server is its own."""
    if settings.storage.backend == "remote":
        raise InvalidRequest("The page of a remote is at its own address.", "`serve --http` shows it as a page too.")
    show = say if arguments.print else _browse
    running = PageServer.read(settings.storage.data)
    address = await _invitation(running) if running else None
    if address is not None:
        show(address)
        return 0
    leave_logging_alone()
    surface = ToolSurface(toolset=settings.agents.toolset, read_only=settings.agents.read_only)
    return await serve_web(settings, OWN_PORT, surface, opened=show)


async def _invitation(running: PageServer) -> str | None:
    """Return the address that the running server gives its owner; None where it runs no more."""
    headers = {"authorization": f"Bearer {running.secret}"} if running.secret else {}
    with suppress(httpx.HTTPError, ValueError, KeyError):
        async with httpx.AsyncClient(base_url=running.url, timeout=SECONDS_TO_ANSWER, trust_env=False) as client:
            if not running.secret:
                reply = await client.get(ROOT)
                return f"{running.url}{ROOT}" if reply.is_success else None
            reply = await client.post(OPENING, headers=headers)
            return f"{running.url}{reply.json()['address']}" if reply.is_success else None
    return None


def _browse(address: str) -> None:
    say(f"Opening {address}")
    if not webbrowser.open(address):
        say("No browser was found: open the address yourself.")
