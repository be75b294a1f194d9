import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest

from vectorstores_server.engines.http_retries import seconds_to_wait, worth_repeating
from vectorstores_server.engines.local.embedding import EmbedderChoice, Stopped, open_embedder
from vectorstores_server.engines.local.embedding.errors import EmbeddingFailure, ServiceRefused, ServiceUnavailable
from vectorstores_server.engines.local.embedding.openai import OpenAIEmbedder

URL = "https://example.org:8080/v1/"
KEY = "sk-very-secret"
NOW = {"retry-after-ms": "1"}
"""Asks a client to wait a millisecond, as a test likes it."""

Answer = Callable[[list[str]], httpx.Response]


def vectors(texts: list[str], **changes: Any) -> httpx.Response:
    """The service's answer: a text's vector points the way that its length says. Not in order of the texts."""
    data = [{"index": i, "embedding": [float(len(t)), 1.0, 0.0]} for i, t in enumerate(texts)]
    return httpx.Response(200, json={"object": "list", "data": data[::-1], **changes})


def error(status: int, message: str = "", code: str | None = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, "code": code}}, headers=headers)


class Service:
    """Gives the answers of the script, one a request, then good ones; keeps what was asked."""

    def __init__(self, *script: httpx.Response | Answer) -> None:
        self._script = list(script)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[httpx.Headers] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        self.headers.append(request.headers)
        assert str(request.url) == URL + "embeddings"
        step = self._script.pop(0) if self._script else vectors
        return step if isinstance(step, httpx.Response) else step(body["input"])

    @property
    def sizes(self) -> list[int]:
        return [len(body["input"]) for body in self.bodies]

    def embedder(self, **options: Any) -> OpenAIEmbedder:
        return OpenAIEmbedder(URL, KEY, "m3", transport=httpx.MockTransport(self.answer), **options)


class Picky:
    """Refuses more than `limit` texts at once."""

    def __init__(self, limit: int, refusal: httpx.Response) -> None:
        self._limit, self._refusal = limit, refusal

    def __call__(self, texts: list[str]) -> httpx.Response:
        return vectors(texts) if len(texts) <= self._limit else self._refusal


def expected(texts: list[str]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    rows = np.array([[len(t), 1.0, 0.0] for t in texts])
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def test_vectors_come_in_the_order_of_the_texts_and_have_length_one():
    service = Service()
    texts = ["a" * n for n in range(1, 8)]
    found = await service.embedder(batch=3).embed_documents(texts)
    assert found.dtype == np.float32
    assert np.allclose(found, expected(texts))
    assert service.sizes == [3, 3, 1]
    assert service.bodies[0] == {"model": "m3", "input": ["a", "aa", "aaa"], "encoding_format": "float"}
    assert service.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_dimensions_are_sent_only_when_set_and_asked_for_only_once():
    service = Service()
    embedder = service.embedder()
    await embedder.prepare()
    await embedder.prepare()
    assert (embedder.identity, embedder.dimensions) == ("openai:m3/3", 3)
    assert service.sizes == [1]
    fixed = service.embedder(dimensions=3)
    await fixed.prepare()
    assert fixed.identity == "openai:m3/3"
    await fixed.embed_query("x")
    assert ["dimensions" in body for body in service.bodies] == [False, True]


async def test_batches_stay_below_the_tokens_of_a_request():
    service = Service()
    texts = ["x" * 200_000] * 5
    await service.embedder().embed_documents(texts)
    assert service.sizes == [2, 2, 1]


@pytest.mark.parametrize(
    "refusal",
    [
        error(413, "payload too large"),
        error(400, "batch size is invalid, it should not be larger than 10.", "InvalidParameter"),
        error(400, "Requested 400000 tokens, max 300000 tokens per request", "max_tokens_per_request"),
        httpx.Response(
            422, json={"error": "batch size 64 > maximum allowed batch size 32", "error_type": "Validation"}
        ),
    ],
)
async def test_too_large_a_request_is_halved_and_so_are_later_ones(refusal: httpx.Response):
    picky = Picky(4, refusal)
    service = Service(*[picky] * 9)
    texts = ["a" * n for n in range(1, 25)]
    found = await service.embedder(batch=16).embed_documents(texts)
    assert np.allclose(found, expected(texts))
    assert service.sizes == [16, 8, 4, 4, 8, 4, 4, 4, 4]


async def test_one_text_that_is_too_large_is_refused():
    service = Service(error(413, "too big"))
    with pytest.raises(ServiceRefused, match="not take even one text"):
        await service.embedder().embed_query("x")


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_what_may_pass_is_tried_again(status: int):
    service = Service(error(status, **NOW), error(status, **NOW))
    assert (await service.embedder().embed_query("x")).shape == (3,)
    assert len(service.bodies) == 3


async def test_a_connection_that_breaks_is_tried_again():
    def broken(texts: list[str]) -> httpx.Response:
        raise httpx.ReadError("reset by peer")

    service = Service(broken)
    assert (await service.embedder().embed_query("x")).shape == (3,)


async def test_a_service_that_stays_away_is_named_without_its_password():
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused")

    url = "https://user:pass@example.org:8080/v1"
    embedder = OpenAIEmbedder(url, None, "m3", transport=httpx.MockTransport(away))
    reason = r"example\.org:8080 cannot be reached \(connection refused\)"
    with pytest.raises(ServiceUnavailable, match=reason) as failed:
        await embedder.embed_query("x")
    assert "pass" not in str(failed.value)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (error(401, f"Incorrect API key provided: {KEY}."), "EMBEDDER_API_KEY"),
        (error(404, "The model `m3` does not exist", "model_not_found"), "'m3'"),
        (error(429, "You exceeded your current quota", "insufficient_quota", **NOW), "billing"),
        (error(500, "input (900 tokens) is too large to process. increase the physical batch size"), "larger batch"),
        (error(503, "down", **{"x-should-retry": "false"}), "not available now"),
        (error(429, "slow down", **{"retry-after": "3600"}), "not available now"),
        (error(400, "model is not matryoshka"), "EMBEDDER_DIMENSIONS"),
        (httpx.Response(400, text="<html>what?</html>"), "what?"),
        (httpx.Response(403, json={"detail": "no"}), "403: no"),
        (httpx.Response(301, headers={"location": "https://elsewhere.example"}), "301"),
    ],
)
async def test_what_will_not_pass_is_said_at_once_and_without_the_key(refusal: httpx.Response, sentence: str):
    service = Service(refusal)
    with anyio.fail_after(20), pytest.raises(EmbeddingFailure) as failed:
        await service.embedder().embed_documents(["some text"])
    assert sentence in failed.value.message
    assert KEY not in failed.value.message
    assert len(service.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(200, text="hello"), "not a list of embeddings"),
        (httpx.Response(200, json={"data": []}), "0 vectors for 2 texts"),
        (httpx.Response(200, json={"data": [{"index": 0, "embedding": [1, 2]}]}), "1 vectors for 2 texts"),
        (httpx.Response(200, json={"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}), "of one length"),
        (httpx.Response(200, json={"data": [{"embedding": "AAAA"}] * 2}), "not a list of embeddings"),
        (httpx.Response(200, json={"data": [{"embedding": [0, 0]}] * 2}), "without direction"),
        (httpx.Response(200, json={"data": [{"embedding": []}] * 2}), "no vectors"),
        (httpx.Response(200, content=b'{"data": [{"embedding": [NaN]}, {"embedding": [1]}]}'), "without direction"),
    ],
)
async def test_nonsense_is_no_vector(answer: httpx.Response, sentence: str):
    with pytest.raises(ServiceRefused, match=sentence):
        await Service(answer).embedder().embed_documents(["one", "two"])


async def test_another_number_of_dimensions_is_refused():
    embedder = Service().embedder(dimensions=4)
    with pytest.raises(ServiceRefused, match="3 dimensions instead of 4"):
        await embedder.embed_query("x")


async def test_it_stops_between_requests_and_while_it_waits():
    service = Service()
    answers = iter([False, True])
    with pytest.raises(Stopped):
        await service.embedder(batch=1).embed_documents(["a", "b", "c"], stop=lambda: next(answers))
    assert service.sizes == [1]
    waiting = Service(error(503, **{"retry-after": "100"}))
    answers = iter([False, False, True, True])
    with anyio.fail_after(20), pytest.raises(Stopped):
        await waiting.embedder().embed_documents(["a"], stop=lambda: next(answers))


async def test_the_key_is_in_no_representation(tmp_path: Path):
    choice = EmbedderChoice("openai:m3", tmp_path, api_key=KEY)
    embedder = open_embedder(choice)
    assert embedder is not None
    assert KEY not in repr(choice)
    assert KEY not in repr(embedder)
    await embedder.aclose()


def test_a_key_that_is_none_is_refused_without_showing_it(tmp_path: Path):
    with pytest.raises(ServiceRefused) as refused:
        open_embedder(EmbedderChoice("openai:m3", tmp_path, api_key=KEY + "\n"))
    assert KEY not in str(refused.value)


def test_waiting_follows_what_the_server_asks():
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    asked = {
        "7": seconds_to_wait(error(429, **{"retry-after": "7"}), 0),
        "ms": seconds_to_wait(error(429, **{"retry-after-ms": "250", "retry-after": "7"}), 0),
        "date": seconds_to_wait(error(429, **{"retry-after": in_a_minute}), 0),
        "long": seconds_to_wait(error(429, **{"retry-after": "121"}), 0),
    }
    assert asked["7"] == 7
    assert asked["ms"] == 0.25
    assert asked["date"] == pytest.approx(59, abs=3)
    assert asked["long"] is None


def test_waiting_grows_and_is_spread():
    assert 0.375 <= (seconds_to_wait(None, 0) or 0) <= 0.5
    assert 1.5 <= (seconds_to_wait(error(503), 2) or 0) <= 2
    assert 6 <= (seconds_to_wait(error(503, **{"retry-after": "soon"}), 9) or 0) <= 8


def test_the_server_decides_whether_to_repeat():
    assert not worth_repeating(error(503, **{"x-should-retry": "false"}))
    assert worth_repeating(error(400, **{"x-should-retry": "true"}))
    assert not worth_repeating(error(404))
