"""`serve --http` as a process: who may come in, the README's example, and its end."""

import re
import shlex
import sys
from pathlib import Path

import anyio
import httpx
import httpx2
import openai
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from support.checkout import ROOT
from support.served import environment
from support.webserver import web
from vectorstores_server.http.startup import serve_web
from vectorstores_server.protocol.server import ToolSurface
from vectorstores_server.settings import read_settings
from vectorstores_tools.contract.errors import InvalidRequest, NotSupported
from vectorstores_tools.toolset import TOOL_NAMES

pytestmark = pytest.mark.process


async def test_the_examples_of_the_readme_work_on_a_server_of_ones_own(tmp_path: Path) -> None:
    code = (ROOT / "README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "paper.pdf").write_bytes((ROOT / "examples" / "documents" / "keepers-handbook.pdf").read_bytes())
    async with web(tmp_path) as (url, _):
        code = code.replace("http://127.0.0.1:8000", url).replace("what moves the tides?", "fog signal")
        done = await anyio.run_process([sys.executable, "-c", code], cwd=tmp_path, env=environment(tmp_path))
    assert re.search(r"^0\.\d+ paper\.pdf ", done.stdout.decode())


async def test_the_readmes_server_for_a_team_asks_for_its_tokens(tmp_path: Path) -> None:
    recipe = (ROOT / "README.md").read_text(encoding="utf-8").split("### A server for a team")[1]
    making, serving = recipe.split("```sh\n")[1].split("```")[0].strip().splitlines()
    await anyio.run_process(["sh", "-c", making], cwd=tmp_path)
    writer, reader = (tmp_path / "tokens").read_text(encoding="utf-8").splitlines()
    flags = shlex.split(serving)[4:]
    flags[flags.index("tokens")] = str(tmp_path / "tokens")
    async with web(tmp_path, *flags) as (url, _), httpx.AsyncClient(base_url=url) as http:
        answers: list[int] = []
        for token in ("another", reader.removeprefix("ro:"), writer):
            headers = {"authorization": f"Bearer {token}", "host": "stores.example.org"}
            answers.append((await http.post("/v1/vector_stores", json={"name": "notes"}, headers=headers)).status_code)
    assert answers == [401, 403, 200]


async def test_tokens_open_what_they_are_for_and_nothing_else(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("writer-1234\nro:reader-1234\n", encoding="utf-8")
    async with web(tmp_path, "--tokens-file", str(tokens)) as (url, _), httpx.AsyncClient(base_url=url) as http:
        assert (await http.get("/health")).status_code == 200
        for path in ("/v1/vector_stores", "/mcp", "/sse", "/ready", "/metrics", "/openapi.json"):
            reply = await http.get(path)
            challenge = (401, 'Bearer realm="vector-stores-mcp"')
            assert (reply.status_code, reply.headers["www-authenticate"]) == challenge, path
        writer = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="writer-1234")
        reader = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="reader-1234")
        async with writer, reader:
            store = await writer.vector_stores.create(name="notes")
            assert [one.id async for one in reader.vector_stores.list()] == [store.id]
            with pytest.raises(openai.PermissionDeniedError, match="may only read"):
                await reader.vector_stores.delete(store.id)
        assert len(await tools(url, "writer-1234")) == len(TOOL_NAMES)
        assert await tools(url, "reader-1234") == {"search", "list", "retrieve", "read"}


async def tools(url: str, token: str) -> set[str]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
    ):
        return {tool.name for tool in (await client.list_tools()).tools}


async def test_a_client_over_http_reads_no_file_of_the_servers_machine(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("The tide is high.")
    async with web(tmp_path) as (url, _), Client(f"{url}/mcp") as client:
        result = await client.call_tool("upload_file", {"path": str(tmp_path / "secret.txt")})
    assert result.is_error
    assert "outside" in str(result.content)


async def test_what_would_let_everybody_in_is_refused_with_the_sentence_that_says_how(tmp_path: Path) -> None:
    settings = read_settings({"data": tmp_path / "data"})
    with anyio.fail_after(10), pytest.raises(InvalidRequest, match=r"VECTOR_STORES_TOKENS.*--allowed-host"):
        await serve_web(settings, "0.0.0.0:0", ToolSurface())


async def test_a_bound_token_in_front_of_a_remote_is_refused_at_the_start(tmp_path: Path) -> None:
    remote = {"backend": "remote", "remote_base_url": "http://127.0.0.1:9/v1"}
    settings = read_settings({"data": tmp_path / "data", "tokens": "store:vs_1 secret", **remote})
    with anyio.fail_after(10), pytest.raises(NotSupported, match="bind it on the server that keeps the stores"):
        await serve_web(settings, "127.0.0.1:0", ToolSurface())
