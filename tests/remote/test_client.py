import socket
import ssl
from collections.abc import Callable

import httpx
import pytest

from vectorstores_server.engines.remote.http.address import RemoteAddress
from vectorstores_server.engines.remote.http.client import RemoteClient
from vectorstores_server.engines.remote.http.reply_errors import Subject
from vectorstores_tools.contract.errors import (
    BatchNotFound,
    FileNotFound,
    FileNotInStore,
    InvalidRequest,
    NotAllowed,
    NotFound,
    RateLimited,
    Refused,
    StoreNotFound,
    Unavailable,
    VectorStoreError,
)

KEY = "sk-planted-0123456789abcdef"
Handler = Callable[[httpx.Request], httpx.Response]


async def no_wait(seconds: float) -> None:
    assert 0 <= seconds <= 120


def client_for(handler: Handler) -> RemoteClient:
    address = RemoteAddress("https://api.example.com/v1", {"Authorization": f"Bearer {KEY}"})
    return RemoteClient(address, httpx.MockTransport(handler), sleep=no_wait)


def answers(*replies: httpx.Response | Exception) -> tuple[Handler, list[httpx.Request]]:
    """Reply with each in turn, the last one again and again; and keep what was asked."""
    left, asked = list(replies), list[httpx.Request]()

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    return handler, asked


def at_once(status: int, **fields: object) -> httpx.Response:
    return httpx.Response(status, headers={"retry-after-ms": "1"}, json=fields)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_a_reading_call_is_repeated_twice(status: int) -> None:
    handler, asked = answers(at_once(status), at_once(status), httpx.Response(200, json={"id": "vs_1"}))
    assert await client_for(handler).get("vector_stores/vs_1") == {"id": "vs_1"}
    assert len(asked) == 3


async def test_a_call_that_makes_something_is_not_repeated_when_it_may_have_been_done() -> None:
    no_word = httpx.Response(503, json={})
    for reply in (at_once(500), no_word, httpx.ReadError("reset"), httpx.ReadTimeout("slow")):
        handler, asked = answers(reply)
        with pytest.raises(Unavailable):
            await client_for(handler).post("vector_stores", {})
        assert len(asked) == 1


async def test_a_call_that_makes_something_is_repeated_when_it_was_surely_not_done() -> None:
    for reply in (at_once(429), at_once(503), httpx.ConnectError("refused")):
        handler, asked = answers(reply, httpx.Response(200, json={"id": "vs_1"}))
        assert await client_for(handler).post("vector_stores", {}) == {"id": "vs_1"}
        assert len(asked) == 2


async def test_the_service_decides_with_x_should_retry() -> None:
    handler, asked = answers(httpx.Response(500, headers={"x-should-retry": "false"}, json={}))
    with pytest.raises(Unavailable):
        await client_for(handler).get("files")
    assert len(asked) == 1


async def test_a_storm_of_429_ends_in_an_error_that_says_when_to_come_back() -> None:
    handler, asked = answers(at_once(429, error={"message": "slow down"}))
    with pytest.raises(RateLimited, match="Try again in a minute"):
        await client_for(handler).get("files")
    assert len(asked) == 3


async def test_an_empty_account_is_not_asked_again() -> None:
    handler, asked = answers(at_once(429, error={"message": "quota", "code": "insufficient_quota"}))
    with pytest.raises(RateLimited, match="billing"):
        await client_for(handler).get("files")
    assert len(asked) == 1


async def test_a_wait_of_hours_is_not_waited_for() -> None:
    handler, asked = answers(httpx.Response(429, headers={"retry-after": "7200"}, json={}))
    with pytest.raises(RateLimited):
        await client_for(handler).get("files")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": {"message": "bad name", "type": "t", "param": "name", "code": "c"}}, "bad name"),
        ({"error": {"message": "bad name"}}, "bad name"),
        ({"error": {"detail": "bad name"}}, "bad name"),
        ({"error": "bad name"}, "bad name"),
        ({"detail": "bad name"}, "bad name"),
        ({"status": 400, "title": "Bad", "detail": "bad name"}, "bad name"),
        ({"code": 3, "message": "bad name", "details": []}, "bad name"),
    ],
)
async def test_every_known_body_of_an_error_is_understood(body: object, said: str) -> None:
    handler, _ = answers(httpx.Response(400, json=body))
    with pytest.raises(InvalidRequest, match=said):
        await client_for(handler).post("vector_stores", {})


@pytest.mark.parametrize(
    ("status", "text", "about", "kind"),
    [
        (404, "No vector store found with id 'vs_1'.", Subject("vs_1"), StoreNotFound),
        (400, "Vector_store 'vs_1' not found", Subject("vs_1"), StoreNotFound),
        (400, "Vector_store 'vs_1' not found", Subject("vs_1", "file-1"), StoreNotFound),
        (404, "No file found with id 'file-1' in vector store 'vs_1'.", Subject("vs_1", "file-1"), FileNotInStore),
        (404, "No such File object: file-1", Subject(file_id="file-1"), FileNotFound),
        (400, "File batch vsfb_1 not found", Subject("vs_1", batch_id="vsfb_1"), BatchNotFound),
        (404, "<html><body>nginx</body></html>", Subject("vs_1"), NotFound),
    ],
)
async def test_what_is_missing_is_told_apart(
    status: int, text: str, about: Subject, kind: type[VectorStoreError]
) -> None:
    body = {"json": {"error": {"message": text}}} if not text.startswith("<") else {"text": text}
    handler, _ = answers(httpx.Response(status, **body))  # pyright: ignore[reportArgumentType]  # json or text
    with pytest.raises(kind):
        await client_for(handler).get("vector_stores/vs_1", None, about)


async def test_refusals_name_the_setting_to_look_at() -> None:
    for status, kind, word in ((401, Refused, "REMOTE_API_KEY"), (403, NotAllowed, "key may do")):
        handler, _ = answers(httpx.Response(status, json={"error": {"message": f"Incorrect API key: {KEY}"}}))
        with pytest.raises(kind, match=word) as raised:
            await client_for(handler).get("files")
        assert KEY not in str(raised.value)


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    handler, asked = answers(httpx.Response(302, headers={"location": "https://evil.example/v1/files"}))
    with pytest.raises(Unavailable, match="REMOTE_BASE_URL"):
        await client_for(handler).get("files")
    assert [request.url.host for request in asked] == ["api.example.com"]


@pytest.mark.parametrize("text", ["<html>hello</html>", "{half a bo", "[]", '"text"'])
async def test_a_reply_that_is_no_json_object_is_a_wrong_address(text: str) -> None:
    handler, _ = answers(httpx.Response(200, text=text))
    with pytest.raises(Unavailable, match="OpenAI-compatible"):
        await client_for(handler).get("files")


async def test_broken_connections_say_what_broke() -> None:
    untrusted = httpx.ConnectError("certificate verify failed")
    untrusted.__cause__ = ssl.SSLCertVerificationError("self-signed")
    unnamed = httpx.ConnectError("Name or service not known")
    unnamed.__cause__ = socket.gaierror(-2, "Name or service not known")
    for error, word in (
        (unnamed, "cannot be resolved"),
        (httpx.ProxyError("407"), "HTTPS_PROXY"),
        (httpx.ConnectError("refused"), "cannot be reached"),
        (untrusted, "certificate"),
        (httpx.ReadTimeout("slow"), "in time"),
        (httpx.RemoteProtocolError("half a body"), "broke"),
    ):
        handler, _ = answers(error)
        with pytest.raises(Unavailable, match=word):
            await client_for(handler).get("files")


async def test_the_key_shows_in_no_repr() -> None:
    address = RemoteAddress("https://api.example.com/v1", {"Authorization": f"Bearer {KEY}"})
    assert KEY not in repr(address)
