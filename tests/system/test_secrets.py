"""Secrets are planted in every setting that takes one; then everything that can be seen is searched for them."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.oauth_issuer import AUDIENCE, Issuer
from support.planted import Planted
from support.serving import address, listening
from vectorstores_server.engines.local.embedding import EmbedderChoice
from vectorstores_server.engines.local.embedding.calibration import QUESTIONS
from vectorstores_server.http.auth import AnyVerifier, StaticTokens
from vectorstores_server.http.oauth import JwtVerifier, resource_server
from vectorstores_server.http.policy import Policy
from vectorstores_server.settings import PREFIX, SECRETS, read_settings
from vectorstores_tools.contract.errors import InvalidRequest

pytestmark = pytest.mark.process

PROGRAM = (sys.executable, "-m", "vectorstores_server")


def test_a_planted_secret_is_found_however_it_is_written() -> None:
    plant = Planted()
    secret = plant("key")
    for form in (secret, f"Bearer {secret}!", "planted%2Fkey%2B7f3a9c%3D", json.dumps({"a": secret})):
        assert plant.found(f"... {form} ...") == ["key"]
    for user in ("", "u:", "us:", "user:"):
        assert plant.found(httpx.BasicAuth(user, secret)._auth_header.encode()) == ["key"]  # pyright: ignore[reportPrivateUsage]  # what a log would show
    assert plant.found("planted/another") == []


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Secrets in the environment of this process, for all settings that take one."""
    plant = Planted()
    values = {name: plant(name) for name in SECRETS}
    values["tokens"] = f"{plant('token')},ro:{plant('reading-token')}"
    values["remote_headers"] = f"X-Key: {plant('header')}"
    for name, value in values.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    monkeypatch.setenv(f"{PREFIX}DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return plant


def test_settings_do_not_show_them(plant: Planted) -> None:
    settings = read_settings({})
    seen = [repr(settings), str(settings), repr(settings.model_dump()), settings.model_dump_json()]
    assert plant.leaks(dict(enumerate_names(seen))) == {}


def enumerate_names(outputs: list[str]) -> dict[str, str]:
    return {str(number): output for number, output in enumerate(outputs)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"MAX_REQUESTS": "many"},
        {"HTTP": "nowhere"},
        {"EMBEDDER_BASE_URL": "https://user:{secret}@api.example/v1"},
        {"REMOTE_BASE_URL": "https://{secret}@api.example/v1"},
        {"OAUTH_ISSUER": "https://user:{secret}@issuer.example"},
        {"EMBEDDER_API_KEY_FILE": "/dev/null"},
        {"TOKENS_FILE": "/dev/null"},
        {"BACKEND": "remote"},
        {"DATA": "postgresql://user:{secret}@db.example/stores"},
        {"DATA": "postgresql://user@db.example/stores?password={secret}"},
        {"DATA": "postgresql://user:{secret}@"},
    ],
)
def test_an_error_about_a_setting_does_not_show_them(
    plant: Planted, wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(PREFIX + name, value.format(secret=plant("user-info")))
    with pytest.raises(InvalidRequest) as refused:
        read_settings({})
    assert plant.leaks({"error": str(refused.value), "cause": repr(refused.value.__context__)}) == {}


def test_objects_that_hold_them_do_not_show_them(tmp_path: Path) -> None:
    plant = Planted()
    tokens = StaticTokens([plant("token"), f"ro:{plant('reading-token')}", f"store:vs_1 {plant('bound')}"])
    oauth = resource_server("https://issuer.example", AUDIENCE)
    choice = EmbedderChoice("openai:m", tmp_path, api_key=plant("key"))
    seen = {
        kind: repr(one) for kind, one in vars_of(tokens, Policy(verifier=AnyVerifier([tokens])), oauth, choice).items()
    }
    assert plant.leaks(seen) == {}


def vars_of(*objects: object) -> dict[str, object]:
    return {type(one).__name__: one for one in objects}


def test_a_token_that_cannot_be_used_is_not_shown() -> None:
    plant = Planted()
    for token in (f"{plant('spaced')} x", f"{plant('line')}\n", "t\u00f6" + plant("accent")):
        with pytest.raises(InvalidRequest) as refused:
            StaticTokens([token])
        assert plant.found(str(refused.value)) == []


async def test_a_jwt_is_kept_by_nobody() -> None:
    issuer, plant = Issuer(), Planted()
    oauth = resource_server(issuer.name, AUDIENCE, issuer.transport)
    caller = await oauth.verifier.caller(plant.add("jwt", issuer.token()))
    assert caller is not None
    assert isinstance(oauth.verifier, JwtVerifier)
    assert plant.leaks({"caller": repr(caller), "verifier": repr(vars(oauth.verifier))}) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["doctor", "--log-format", "json"],
        ["config", "claude-code"],
        ["ls"],
        ["serve", "--http", "0.0.0.0:0", "--tokens-file", "/nowhere"],
        ["serve", "--http", "0.0.0.0:0"],
        ["rm", "vs_nothing", "--yes"],
    ],
)
def test_no_command_shows_them(plant: Planted, arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, *arguments, "--log-level", "debug"],
        env={**os.environ},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout or done.stderr
    assert plant.leaks({"stdout": done.stdout, "stderr": done.stderr}) == {}


TO_PREPARE = 2 + len(QUESTIONS)
"""Requests by which a service's dimensions and background are learned."""


class Outside:
    """What the server talks to: an issuer, and an embedding service that repeats the key that it was sent."""

    def __init__(self) -> None:
        self.issuer = Issuer(well_known="/.well-known/oauth-authorization-server")
        self.asked = 0

    async def embed(self, request: Request) -> Response:
        self.asked += 1
        if self.asked <= TO_PREPARE:
            texts: list[str] = (await request.json())["input"]
            return JSONResponse({"data": [{"index": number, "embedding": [1.0, 0.0]} for number in range(len(texts))]})
        key = request.headers["authorization"]
        return JSONResponse({"error": {"message": f"{key} is not known here", "code": key}}, 401)

    async def issue(self, request: Request) -> Response:
        asked = httpx.Request(request.method, f"https://issuer.example{request.url.path}")
        reply = self.issuer.answer(asked)
        return Response(reply.content, reply.status_code, media_type="application/json")

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/embeddings", self.embed, methods=["POST"]), Route("/{p:path}", self.issue)])


@asynccontextmanager
async def serve(folder: Path, plant: Planted, outside: Outside) -> AsyncGenerator[str]:
    """Run the program with secrets everywhere, logging all it can."""
    (folder / "key").write_text(plant("embedder key"))
    (folder / "tokens").write_text(f"{plant('token')}\nro:{plant('reading-token')}\n")
    async with listening(outside.app) as url:
        outside.issuer.name, outside.issuer.keys_url = url, f"{url}/keys"
        settings = {
            "DATA": folder / "data",
            "EMBEDDER": "openai:m",
            "EMBEDDER_BASE_URL": f"{url}/v1",
            "EMBEDDER_API_KEY_FILE": folder / "key",
            "TOKENS_FILE": folder / "tokens",
            "OAUTH_ISSUER": url,
            "OAUTH_AUDIENCE": AUDIENCE,
            "LOG_LEVEL": "debug",
            "LOG_FILE": folder / "log",
            "HTTP": "127.0.0.1:0",
        }
        environment = {PREFIX + name: str(value) for name, value in settings.items()}
        with (folder / "stderr").open("wb") as stderr:
            async with await anyio.open_process(
                PROGRAM, stderr=stderr, env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
            ) as process:
                try:
                    yield await address(folder / "stderr")
                finally:
                    process.terminate()
                    await process.wait()


async def test_a_server_shows_none_of_them_anywhere(tmp_path: Path) -> None:
    plant, outside = Planted(), Outside()
    outputs: dict[str, str | bytes] = {}
    async with serve(tmp_path, plant, outside) as url:
        tokens = [plant("token"), plant("reading-token"), plant("wrong token"), *jwts(plant, outside.issuer)]
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
            for token in tokens:
                outputs |= await replies(http, token)
        for token in (plant("token"), plant("reading-token"), plant.values["jwt"]):
            outputs |= await answers(url, token)
    outputs |= written(tmp_path)

    assert plant.leaks(outputs) == {}
    told = "".join(text for text in outputs.values() if isinstance(text, str))
    assert "is not known here" in told, "the service was asked, and what it said came through"
    assert "vector_stores_requests_total" in told
    logged = (tmp_path / "log").read_text()
    for line in ('"caller": "token-1"', '"caller": "token-2"', '"caller": "oauth:ann"', "DEBUG"):
        assert line in logged


def written(folder: Path) -> dict[str, bytes]:
    """Return every file that the server wrote: its log, its stderr, its data."""
    given = {folder / "key", folder / "tokens"}
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path not in given}


def jwts(plant: Planted, issuer: Issuer) -> list[str]:
    return [plant.add("jwt", issuer.token()), plant.add("expired jwt", issuer.token(exp=1))]


async def replies(http: httpx.AsyncClient, token: str) -> dict[str, str]:
    """Send what succeeds and what fails, with the token where it belongs and where it does not; return all of it."""
    seen: dict[str, str] = {}
    headers = {"authorization": f"Bearer {token}"}
    for method, path, body in (
        ("POST", "/v1/vector_stores", {"name": "notes"}),
        ("POST", "/v1/vector_stores", {"nam": "notes"}),
        ("POST", "/v1/vector_stores/vs_none/search", {"query": "x"}),
        ("GET", "/v1/files", None),
        ("GET", "/ready", None),
        ("GET", "/metrics", None),
        ("GET", "/openapi.json", None),
        ("GET", f"/v1/files?api_key={token}", None),
        ("POST", f"/mcp?access_token={token}", {"jsonrpc": "2.0"}),
        ("GET", "/.well-known/oauth-protected-resource", None),
    ):
        for sent in (headers, {"api-key": token}, {"authorization": f"Basic {token}"}, {"cookie": f"token={token}"}):
            reply = await http.request(method, path, json=body, headers=sent)
            seen[f"{method} {path} {list(sent)} {token}"] = f"{reply.headers} {reply.text}"
    return seen


async def answers(url: str, token: str) -> dict[str, str]:
    """Ask over both transports of MCP for what there is, and for what fails."""
    headers = {"authorization": f"Bearer {token}"}
    seen: dict[str, str] = {}
    async with httpx2.AsyncClient(headers=headers) as http:
        streamable: Any = streamable_http_client(f"{url}/mcp", http_client=http)
        for way in (streamable, sse_client(f"{url}/sse", headers=headers)):
            async with Client(way) as client:
                seen[f"{way} {token}"] = repr([answer async for answer in asked(client)])
    return seen


async def asked(client: Client) -> AsyncIterator[Any]:
    """Ask for what there is, and for what fails: the embedding service takes the key only until it is prepared."""
    yield await client.list_tools()
    made = await client.call_tool("create_store", {"name": "more"})
    yield made
    listed = await client.list_resources()
    yield listed
    answer: dict[str, Any] = made.structured_content or {}
    store: str = answer.get("id") or listed.resources[0].uri.split("/")[-1]
    yield await client.read_resource(f"vectorstore://{store}")
    text = "The tide is high."
    yield await client.call_tool("upload_file", {"text": text, "filename": "a.txt", "vector_store_id": store})
    yield await client.call_tool("list", {"vector_store_id": store})
    yield await client.call_tool("search", {"query": "tide", "vector_store_id": store})
    yield await client.call_tool("retrieve", {"vector_store_id": "vs_none"})
