"""A key is planted, and a service that repeats it wherever it can; then everything that can be seen is searched."""

import json
import logging
import os
import subprocess
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import anyio
import pytest
from mcp import MCPError
from mcp.types import PromptReference, ResourceTemplateReference
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from support.clients import Caller, connected
from support.engines import local
from support.served import MODULE, served
from support.serving import listening
from vectorstores_server.engines.remote.engine import RemoteEngine
from vectorstores_server.engines.remote.factory import open_remote
from vectorstores_server.engines.remote.http.address import RemoteChoice
from vectorstores_server.http.v1.api import build_api
from vectorstores_server.settings import read_settings
from vectorstores_tools.contract.errors import VectorStoreError

pytestmark = pytest.mark.process

if TYPE_CHECKING:
    import httpx

    from vectorstores_server.engines.remote.http.client import RemoteClient

KEY, TOKEN = "planted/key+0123456789=abcdef", "another-planted-secret"
SECRETS = (KEY, TOKEN)
STATUSES = (302, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503)
ECHO = "vs_echo_"


class Echo:
    """Shows what opens it: in the headers of every answer, and as the error of whatever names `vs_echo_<status>`."""

    def __init__(self, app: ASGIApp, *, in_headers: bool) -> None:
        self._app, self._in_headers = app, in_headers
        self.opened_with: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.opened_with |= {given.get("authorization", ""), given.get("x-team-token", "")}
        said = " ".join(f"{name}: {value}" for name, value in given.items())
        echoed = [(b"x-echo", said.encode())] if self._in_headers else []

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *echoed]}
            await send(message)

        if ECHO not in scope["path"]:
            return await self._app(scope, receive, telling)
        status = int(scope["path"].split(ECHO)[1][:3])
        asked = f"You sent {said}, that is {quote(KEY, safe='')}."
        body = json.dumps({"error": {"message": asked, "code": given.get("authorization"), "param": said}})
        body = body if status % 2 else body.replace("/", "\\/")
        headers = [(b"retry-after-ms", b"1"), (b"location", b"/elsewhere"), (b"content-type", b"application/json")]
        await telling({"type": "http.response.start", "status": status, "headers": headers})
        return await telling({"type": "http.response.body", "body": body.encode()})


@asynccontextmanager
async def echoing(directory: Path, *, in_headers: bool = False) -> AsyncGenerator[tuple[str, Echo]]:
    async with local(directory) as engine:
        echo = Echo(build_api(engine), in_headers=in_headers)
        async with listening(echo) as url:
            yield f"{url}/v1", echo


@asynccontextmanager
async def remote(url: str) -> AsyncGenerator[RemoteEngine]:
    engine = open_remote(RemoteChoice(url, KEY, headers={"X-Team-Token": TOKEN}))
    try:
        yield engine
    finally:
        await engine.aclose()


def assert_clean(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text
        assert secret.replace("/", "\\/") not in text
        assert quote(secret, safe="") not in text


async def everything_seen(caller: Caller) -> list[str]:
    """What a client is shown by every tool, resource, completion and prompt, of what works and what does not."""
    seen: list[Any] = [await caller.client.list_tools(), await caller.client.list_resource_templates()]
    note = caller.write("a.txt", "Bees make honey. " * 40)
    store = (await caller.call("create_store", name="Notes"))["id"]
    file_id = (await caller.call("upload_file", path=note, vector_store_id=store, wait_seconds=30))["id"]
    batch = await caller.call("batch_attach", vector_store_id=store, file_ids=[file_id])
    ids = {"vector_store_id": store, "file_id": file_id}
    for tool, arguments in [
        ("search", {"query": "honey", "vector_store_id": store, "response_format": "detailed"}),
        ("list", {}),
        ("list", {"of": "files"}),
        ("list", {"vector_store_id": store}),
        ("retrieve", ids),
        ("retrieve", {"vector_store_id": store, "batch_id": batch["id"]}),
        ("read", ids),
        ("update", {"vector_store_id": store, "name": "Bees"}),
        ("cancel_batch", {"vector_store_id": store, "batch_id": batch["id"]}),
    ]:
        seen.append(await caller.result(tool, **arguments))
    for status in STATUSES:
        for tool, arguments in [
            ("search", {"query": "honey"}),
            ("list", {}),
            ("retrieve", {}),
            ("read", {"file_id": "file-1"}),
            ("update", {"name": "Bees"}),
            ("upload_file", {"path": note, "wait_seconds": 0}),
            ("upload_file", {"text": "Wasps do not."}),
            ("batch_attach", {"file_ids": [file_id], "wait_seconds": 0}),
            ("batch_attach", {"paths": [note], "wait_seconds": 0}),
            ("cancel_batch", {"batch_id": "vsfb_1"}),
            ("delete", {"what": "store", "confirm": True}),
        ]:
            result = await caller.result(tool, vector_store_id=f"{ECHO}{status}", **arguments)
            assert result.is_error, (tool, status)
            seen.append(result)
    seen.append(await caller.client.list_resources())
    uris = (f"vectorstore://{store}", f"vectorstore://{store}/files", f"vectorstore://{store}/files/{file_id}")
    seen += [await caller.client.read_resource(uri) for uri in uris]
    for status in STATUSES:
        seen.append(await refusal(caller.client.read_resource(f"vectorstore://{ECHO}{status}")))
        seen.append(await refusal(caller.client.get_prompt("ask_store", {"store": f"{ECHO}{status}", "question": "?"})))
    prompt, template = (
        PromptReference(name="ask_store"),
        ResourceTemplateReference(uri="vectorstore://{vector_store_id}"),
    )
    seen.append(await caller.client.complete(prompt, {"name": "store", "value": ""}))
    seen.append(await caller.client.complete(template, {"name": "vector_store_id", "value": ""}))
    return [one if isinstance(one, str) else one.model_dump_json() for one in seen]


async def refusal(call: Any) -> str:
    try:
        return (await call).model_dump_json()
    except MCPError as error:
        return "".join(traceback.format_exception(error))


async def test_the_key_is_in_nothing_that_a_client_is_shown_and_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "mcp", "vectorstores_server"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with (
        echoing(tmp_path) as (url, echo),
        remote(url) as engine,
        connected(engine, "auto", tmp_path / "files") as caller,
    ):
        for shown in await everything_seen(caller):
            assert_clean(shown)
    assert echo.opened_with == {f"Bearer {KEY}", TOKEN}
    logged = [caplog.handler.format(record) for record in caplog.records]
    assert any("httpcore" in record.name and record.levelno == logging.DEBUG for record in caplog.records)
    assert_clean("\n".join(logged))
    printed = capfd.readouterr()
    assert_clean(printed.out + printed.err)


@pytest.mark.parametrize("status", STATUSES)
async def test_no_traceback_shows_the_key(tmp_path: Path, status: int) -> None:
    async with echoing(tmp_path) as (url, _), remote(url) as engine:
        with pytest.raises(VectorStoreError) as raised:
            await engine.retrieve_store(f"{ECHO}{status}")
        assert_clean("".join(traceback.format_exception(raised.value)))
        cause: BaseException | None = raised.value
        while cause is not None:
            assert_clean(f"{cause!r} {cause} {vars(cause)}")
            cause = cause.__cause__ or cause.__context__


async def test_no_repr_shows_the_key(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    flags: dict[str, Any] = {"remote_headers": f"X-Team-Token: {TOKEN}", "remote_base_url": "http://127.0.0.1:9/v1"}
    for given in ({"remote_api_key": KEY}, {"remote_api_key_file": str(key_file)}):
        settings = read_settings({"backend": "remote", **flags, **given})
        assert_clean(f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}")
    async with remote("http://127.0.0.1:9/v1") as engine:
        client = cast("RemoteClient", vars(engine)["_client"])
        http = cast("httpx.AsyncClient", vars(client)["_http"])
        assert_clean(f"{engine!r} {client!r} {http!r} {http.headers!r} {http.auth!r}")


async def test_a_server_process_at_level_debug_writes_the_key_nowhere(tmp_path: Path) -> None:
    """Here the service shows the key in the headers of its answers, too, which httpcore logs."""
    async with echoing(tmp_path / "there", in_headers=True) as (url, _):
        settings = {
            "backend": "remote",
            "remote_base_url": url,
            "remote_api_key": KEY,
            "remote_headers": f"X-Team-Token: {TOKEN}",
            "log_level": "debug",
            "log_file": str(tmp_path / "log"),
        }
        async with served(tmp_path, **settings) as server:
            with anyio.fail_after(60):
                await server.handshake()
                store = (await server.call("create_store", name="Notes"))["id"]
                await server.call("upload_file", text="Bees.", vector_store_id=store, wait_seconds=10)
                for status in STATUSES:
                    asked = {"vector_store_id": f"{ECHO}{status}", "query": "honey"}
                    await server.ask("tools/call", name="search", arguments=asked)
                await server.hang_up()
                await server.process.wait()
            rest = await server.rest()
        written = [*server.stdout, *rest, server.stderr.read_text(), (tmp_path / "log").read_text()]
        assert "DEBUG" in written[-1]
        assert_clean("\n".join(written))


@pytest.mark.parametrize("command", [["ls", f"{ECHO}401"], ["show", f"{ECHO}500"], ["doctor"]])
async def test_no_command_prints_the_key(tmp_path: Path, command: list[str]) -> None:
    async with echoing(tmp_path / "there") as (url, _):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "VECTOR_STORES_DATA": str(tmp_path / "data")}
        environment |= {
            "VECTOR_STORES_BACKEND": "remote",
            "VECTOR_STORES_REMOTE_BASE_URL": url,
            "VECTOR_STORES_REMOTE_API_KEY": KEY,
            "VECTOR_STORES_REMOTE_HEADERS": f"X-Team-Token: {TOKEN}",
            "VECTOR_STORES_LOG_LEVEL": "debug",
        }
        done = await anyio.run_process(
            [*MODULE, *command], env=environment, check=False, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        assert done.stdout
        assert_clean(done.stdout.decode())
