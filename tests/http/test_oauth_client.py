"""The SDK's own OAuth client finds its way: challenge, metadata, issuer, token, tools."""

from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from support.local import opened
from support.oauth_issuer import Issuer
from support.serving import listening
from vectorstores_server.http.app import Servers, build_web
from vectorstores_server.http.oauth import resource_server
from vectorstores_server.http.policy import Policy
from vectorstores_tools.contract.maintenance import Health


class Memory(TokenStorage):
    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        pass


class SigningIn:
    """An issuer on a port, which gives tokens for the resource that a client names, with the scopes of that client."""

    def __init__(self, scopes: str) -> None:
        self.issuer = Issuer()
        self._scopes = scopes

    def at(self, url: str) -> None:
        self.issuer.name = url

    async def metadata(self, request: Request) -> Response:
        url = self.issuer.name
        endpoints = {f"{kind}_endpoint": f"{url}/{kind}" for kind in ("authorization", "token")}
        return JSONResponse(
            {"issuer": url, **endpoints, "jwks_uri": f"{url}/keys", "response_types_supported": ["code"]}
        )

    async def keys(self, request: Request) -> Response:
        return JSONResponse({"keys": [self.issuer.public(key) for key in self.issuer.keys]})

    async def token(self, request: Request) -> Response:
        async with request.form() as form:
            token = self.issuer.token(aud=str(form["resource"]), scope=self._scopes)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 600})

    @property
    def app(self) -> Starlette:
        found = Route("/.well-known/oauth-authorization-server", self.metadata)
        return Starlette(routes=[found, Route("/keys", self.keys), Route("/token", self.token, methods=["POST"])])


class Later:
    """An app that is made when its address is known."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._made = anyio.Event()

    def be(self, app: ASGIApp) -> None:
        self._app = app
        self._made.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._made.wait()
        assert self._app is not None
        await self._app(scope, receive, send)


@pytest.mark.parametrize(("scopes", "tool"), [("openid", "writing"), ("vector_stores:read", "reading")])
async def test_a_client_that_knows_only_our_address_signs_in_and_gets_its_tools(
    tmp_path: Path, scopes: str, tool: str
) -> None:
    later, signing_in, memory = Later(), SigningIn(scopes), Memory()
    with anyio.fail_after(30):
        async with listening(signing_in.app) as issuer, listening(later) as url, opened(tmp_path) as engine:
            signing_in.at(issuer)
            oauth = resource_server(issuer, f"{url}/mcp")
            policy = Policy(verifier=oauth.verifier, metadata_url=oauth.metadata_url)
            later.be(build_web(servers(), engine, probe, policy=policy, metadata=oauth.metadata))
            provider = ClientCredentialsOAuthProvider(f"{url}/mcp", memory, "app", "word", issuer=issuer)
            async with (
                httpx2.AsyncClient(auth=provider, trust_env=False) as http,
                Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client,
            ):
                assert [one.name for one in (await client.list_tools()).tools] == [tool]
    assert memory.tokens is not None


def servers() -> Servers:
    async def writing() -> str:
        return "written"

    async def reading() -> str:
        return "read"

    both = MCPServer("both"), MCPServer("one")
    both[0].add_tool(writing)
    both[1].add_tool(reading)
    return Servers(*both)


async def probe() -> Health:
    await anyio.lowlevel.checkpoint()
    return Health({})
