"""The blocks of docs/shared.md for load balancers, each run before two fronts and an engine."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from support.checkout import ROOT
from support.webserver import web

pytestmark = pytest.mark.process

PAGE = (ROOT / "docs" / "shared.md").read_text(encoding="utf-8")
TOKENS = [f"token-of-agent-{number}-0123456789" for number in range(6)]
HELLO: Mapping[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
ACCEPT = {"accept": "application/json, text/event-stream"}


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def nginx(folder: Path, text: str) -> list[str]:
    top = f"daemon off; pid {folder}/pid; error_log {folder}/log; events {{}} http {{ access_log off;"
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "conf").write_text(f"{top} {temporary} {text} }}", encoding="utf-8")
    return ["-e", f"{folder}/log", "-p", str(folder), "-c", str(folder / "conf")]


def haproxy(folder: Path, text: str) -> list[str]:
    (folder / "conf").write_text(text, encoding="utf-8")
    return ["-db", "-f", str(folder / "conf")]


def caddy(folder: Path, text: str) -> list[str]:
    (folder / "Caddyfile").write_text("{\n    admin off\n}\n" + text, encoding="utf-8")
    return ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


BALANCERS: Mapping[str, Callable[[Path, str], list[str]]] = {"haproxy": haproxy, "nginx": nginx, "caddy": caddy}


def program(name: str) -> str | None:
    return shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin")


@dataclass(frozen=True, slots=True)
class Cluster:
    """An engine that two fronts forward to, by their addresses."""

    engine: str
    fronts: tuple[str, str]


@asynccontextmanager
async def cluster(folder: Path) -> AsyncGenerator[Cluster]:
    for name in ("engine", "one", "two"):
        (folder / name).mkdir()
    async with web(folder / "engine") as (engine, _):
        forwarding = {"backend": "remote", "remote_base_url": f"{engine}/v1", "tokens": ",".join(TOKENS)}
        async with web(folder / "one", **forwarding) as (one, _), web(folder / "two", **forwarding) as (two, _):
            yield Cluster(engine, (one, two))


@asynccontextmanager
async def balanced(name: str, folder: Path, fronts: tuple[str, str]) -> AsyncGenerator[str]:
    """Run the page's block, with the addresses of these fronts and a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = block(name).replace("8080", str(port))
    for documented, front in zip(("10.0.0.11:8000", "10.0.0.12:8000"), fronts, strict=True):
        assert documented in text
        text = text.replace(documented, front.removeprefix("http://"))
    command = [program(name) or name, *BALANCERS[name](folder, text)]
    environment = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    async with await anyio.open_process(command, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            await until_it_answers(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


async def until_it_answers(url: str) -> None:
    with anyio.fail_after(30):
        while True:
            try:
                async with httpx.AsyncClient() as http:
                    if (await http.get(f"{url}/health")).status_code == 200:
                        return
            except httpx.TransportError:
                await anyio.sleep(0.05)


async def post(url: str, method: str, token: str, session: str | None = None, **params: Any) -> httpx.Response:
    """Send one message on a connection of its own."""
    headers = ACCEPT | {"authorization": f"Bearer {token}"} | ({"mcp-session-id": session} if session else {})
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with httpx.AsyncClient(timeout=30) as http:
        return await http.post(f"{url}/mcp", json=message, headers=headers)


@pytest.mark.parametrize("name", BALANCERS)
async def test_a_session_stays_with_the_front_that_opened_it(name: str, tmp_path: Path):
    if program(name) is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "balancer").mkdir()
    async with cluster(tmp_path) as servers, balanced(name, tmp_path / "balancer", servers.fronts) as url:
        sessions = {
            token: (await post(url, "initialize", token, **HELLO)).headers["mcp-session-id"] for token in TOKENS
        }
        answers = [
            (await post(url, "tools/list", token, session)).status_code
            for token, session in sessions.items()
            for _ in range(4)
        ]
        assert answers == [200] * 4 * len(TOKENS)
        held = [
            [(await post(front, "ping", token, session)).status_code for front in servers.fronts]
            for token, session in sessions.items()
        ]
        assert [sorted(statuses) for statuses in held] == [[200, 404]] * len(TOKENS)


async def test_what_one_front_has_changed_the_other_shows_at_once(tmp_path: Path):
    async with cluster(tmp_path) as servers, httpx.AsyncClient(timeout=30) as http:
        headers = {"authorization": f"Bearer {TOKENS[0]}"}
        one, two = servers.fronts
        store = (await http.post(f"{one}/v1/vector_stores", json={"name": "shared"}, headers=headers)).json()
        seen = (await http.get(f"{two}/v1/vector_stores/{store['id']}", headers=headers)).json()
        assert seen == (await http.get(f"{servers.engine}/v1/vector_stores/{store['id']}")).json()
        assert json.dumps(seen["name"]) == '"shared"'
