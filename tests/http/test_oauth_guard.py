"""OAuth in front of the app: the challenge, the rights of a token, the metadata."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from support.oauth_issuer import AUDIENCE, ISSUER, Issuer
from vectorstores_server.http.auth import AnyVerifier, StaticTokens
from vectorstores_server.http.concurrency import Admission
from vectorstores_server.http.guard import Guard
from vectorstores_server.http.oauth import resource_server
from vectorstores_server.http.policy import Policy
from vectorstores_tools.contract.bounds import StoreBounds


@pytest.fixture
async def client() -> AsyncGenerator[tuple[httpx.AsyncClient, Issuer]]:
    """A guarded app that takes the issuer's tokens, and one that was set."""

    async def ok(request: Request) -> Response:
        return PlainTextResponse(str(request.state.caller.read_only))

    issuer = Issuer()
    oauth = resource_server(ISSUER, AUDIENCE, issuer.transport)
    policy = Policy(
        hosts=frozenset({"vs.example"}),
        verifier=AnyVerifier([StaticTokens(["set-token"]), oauth.verifier]),
        metadata_url=oauth.metadata_url,
    )
    app = Starlette(routes=[Route("/{path:path}", ok, methods=["GET", "POST"])])
    transport = httpx.ASGITransport(Guard(app, policy, Admission(8, 8)))
    async with httpx.AsyncClient(transport=transport, base_url="https://vs.example") as made:
        yield made, issuer


async def test_a_challenge_names_the_metadata_of_rfc_9728(client: tuple[httpx.AsyncClient, Issuer]) -> None:
    http, _ = client
    challenge = (await http.post("/mcp")).headers["www-authenticate"]
    assert 'resource_metadata="https://vs.example/.well-known/oauth-protected-resource/mcp"' in challenge


async def test_a_jwt_opens_the_door_and_the_read_scope_no_more_than_reading(
    client: tuple[httpx.AsyncClient, Issuer],
) -> None:
    http, issuer = client
    for token, read_only in ((issuer.token(), False), (issuer.token(scope="vector_stores:read"), True)):
        reply = await http.post("/mcp", headers={"authorization": f"Bearer {token}"})
        assert reply.text == str(read_only)
        reply = await http.post("/v1/vector_stores", headers={"authorization": f"Bearer {token}"})
        assert reply.status_code == (403 if read_only else 200)
        challenge = reply.headers.get("www-authenticate", "")
        assert ('scope="vector_stores:write"' in challenge) == read_only


@pytest.mark.parametrize(
    ("scope", "bounds"),
    [
        ("vector_stores:store:vs_1 vector_stores:store:vs_2", StoreBounds(frozenset({"vs_1", "vs_2"}))),
        ("openid vector_stores:meta:team=a%20b", StoreBounds(metadata=(("team", "a b"),))),
        ("openid vector_stores:write", None),
    ],
)
async def test_scopes_bind_a_jwt_as_words_bind_a_token(scope: str, bounds: StoreBounds | None) -> None:
    issuer = Issuer()
    caller = await resource_server(ISSUER, AUDIENCE, issuer.transport).verifier.caller(issuer.token(scope=scope))
    assert caller is not None
    assert caller.bounds == bounds


@pytest.mark.parametrize("bound", ["store:", "store:a/b", "meta:team", "meta:team=", "meta:a=b vector_stores:meta:a=c"])
async def test_a_jwt_whose_bounds_cannot_be_read_opens_nothing(bound: str) -> None:
    issuer = Issuer()
    verifier = resource_server(ISSUER, AUDIENCE, issuer.transport).verifier
    assert await verifier.caller(issuer.token(scope=f"vector_stores:read vector_stores:{bound}")) is None


async def test_a_token_that_was_set_is_taken_beside_them(client: tuple[httpx.AsyncClient, Issuer]) -> None:
    http, issuer = client
    assert (await http.get("/v1/files", headers={"authorization": "Bearer set-token"})).status_code == 200
    assert issuer.asked == []


async def test_while_the_issuer_is_down_the_answer_is_503_and_set_tokens_work(
    client: tuple[httpx.AsyncClient, Issuer],
) -> None:
    http, issuer = client
    issuer.up = False
    reply = await http.get("/v1/files", headers={"authorization": f"Bearer {issuer.token()}"})
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
    assert reply.json()["error"]["type"] == "server_error"
    assert (await http.get("/v1/files", headers={"authorization": "Bearer set-token"})).status_code == 200


def test_the_metadata_says_what_this_is_and_who_gives_tokens() -> None:
    oauth = resource_server(ISSUER, AUDIENCE)
    assert oauth.metadata["resource"] == AUDIENCE
    assert oauth.metadata["authorization_servers"] == [ISSUER]
    assert oauth.metadata["bearer_methods_supported"] == ["header"]
    assert "scopes_supported" not in oauth.metadata
    bare = resource_server(ISSUER, "https://vs.example/")
    assert bare.metadata_url == "https://vs.example/.well-known/oauth-protected-resource"
