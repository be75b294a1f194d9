"""Any /v1/embeddings as an embedder: OpenAI, llama.cpp, vLLM, TEI, Ollama, LM Studio and others."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

import anyio
import anyio.to_thread
import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from vectorstores_server.engines.http_retries import seconds_to_wait, worth_repeating
from vectorstores_server.engines.local.embedding.errors import (
    EmbeddingFailure,
    ServiceRefused,
    ServiceUnavailable,
    Stopped,
)
from vectorstores_server.engines.local.embedding.families import NO_PREFIXES, Prefixes
from vectorstores_server.engines.local.embedding.openai_replies import (
    UnreadableReply,
    failure_of,
    permanent,
    too_many,
    vectors_of,
)
from vectorstores_server.engines.local.embedding.tokenizer import encodable
from vectorstores_server.engines.local.embedding.traits import Traits
from vectorstores_server.system.replies import PLAIN, RefusedReplyError, bounded

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

BATCH_TOKENS = 250_000
"""OpenAI takes 300,000 in one request."""
DOCUMENT_ATTEMPTS = 6
QUERY_ATTEMPTS = 3

_BYTES_A_TOKEN = 2
"""Fewer than a token of any tokenizer has on average, so that batches stay below the limit."""
_ASK_STOP_SECONDS = 0.25
_WINDOW = 8_192


def _never() -> bool:
    return False


def _host(base_url: str) -> str:
    """Return host and port, which errors may show; user and password they may not."""
    try:
        return httpx.URL(base_url).netloc.decode()
    except httpx.InvalidURL as error:
        raise ServiceRefused(
            "The address of the embedding service is not a URL.", "Correct VECTOR_STORES_EMBEDDER_BASE_URL."
        ) from error


def _checked(key: str | None) -> str | None:
    """Refuse a key that cannot stand in a header here, where no library writes it into its error."""
    if key and not (key.isascii() and key.isprintable()):
        raise ServiceRefused(
            "The key of the embedding service holds characters that a key cannot have.",
            "Set VECTOR_STORES_EMBEDDER_API_KEY again, without line breaks.",
        )
    return key


class OpenAIEmbedder:
    """Embeds through `base_url`/embeddings. `dimensions` is sent only when set; `batch` = texts in one request.

    `prefixes` stand before each text.
    """

    window = _WINDOW

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        model: str,
        *,
        dimensions: int | None = None,
        batch: int = 128,
        prefixes: Prefixes = NO_PREFIXES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = f"{base_url.rstrip('/')}/embeddings"
        self._host = _host(base_url)
        self._key = _checked(api_key)
        self._model = model
        self._asked_dimensions = dimensions
        self._dimensions = dimensions
        self._batch = batch
        self._prefixes = prefixes
        self._transport = transport
        self._opened: httpx.AsyncClient | None = None

    @property
    def identity(self) -> str:
        """Embedder's promise. The address is no part of it, as the same model may move; prefixes make other vectors."""
        mark = self._prefixes.mark
        return f"openai:{self._model}/{self.dimensions}" + (f"/{mark}" if mark else "")

    @property
    def traits(self) -> Traits:
        """Embedder's promise."""
        return Traits()

    @property
    def dimensions(self) -> int:
        """Embedder's promise."""
        if self._dimensions is None:
            raise RuntimeError("the dimensions are known after prepare()")
        return self._dimensions

    async def prepare(self) -> None:
        """Embed one word, unless the dimensions are known. Raises ServiceUnavailable and ServiceRefused."""
        if self._dimensions is None:
            await self._embed(["dimensions"], QUERY_ATTEMPTS, _never)

    async def embed_documents(
        self, texts: Sequence[str], *, stop: Callable[[], bool] | None = None
    ) -> "NDArray[np.float32]":
        """Embedder's promise. Raises ServiceUnavailable, ServiceRefused and Stopped."""
        import numpy as np

        found: list[NDArray[np.float32]] = []
        waiting = [self._prefixes.document + encodable(text) for text in texts]
        while waiting:
            part = self._next_batch(waiting)
            found.append(await self._embed(part, DOCUMENT_ATTEMPTS, stop or _never))
            del waiting[: len(part)]
        return np.concatenate(found) if found else np.empty((0, self.dimensions), np.float32)

    async def embed_query(self, text: str) -> "NDArray[np.float32]":
        """Embedder's promise. Raises ServiceUnavailable and ServiceRefused."""
        return (await self._embed([self._prefixes.query + encodable(text)], QUERY_ATTEMPTS, _never))[0]

    async def aclose(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.aclose()
            self._opened = None

    def _client(self) -> httpx.AsyncClient:
        if self._opened is None:
            headers = {**PLAIN, "authorization": f"Bearer {self._key}"} if self._key else dict(PLAIN)
            timeout = httpx.Timeout(600, connect=5)
            self._opened = httpx.AsyncClient(
                transport=self._transport, timeout=timeout, headers=headers, event_hooks=bounded()
            )
        return self._opened

    def _next_batch(self, texts: Sequence[str]) -> list[str]:
        tokens = 0
        for number, text in enumerate(texts[: self._batch]):
            tokens += len(text.encode()) // _BYTES_A_TOKEN
            if tokens > BATCH_TOKENS and number:
                return list(texts[:number])
        return list(texts[: self._batch])

    async def _embed(self, texts: list[str], attempts: int, stop: Callable[[], bool]) -> "NDArray[np.float32]":
        """Embed the texts of one request; halve it, and later ones, where the server finds it too large."""
        import numpy as np

        response = await self._answer(texts, attempts, stop)
        if response.status_code == 200:
            return await anyio.to_thread.run_sync(self._vectors, response.content, len(texts))
        if len(texts) > 1 and too_many(response):
            half = (len(texts) + 1) // 2
            self._batch = min(self._batch, half)
            parts = [await self._embed(part, attempts, stop) for part in (texts[:half], texts[half:])]
            return np.concatenate(parts)
        raise failure_of(response, self._host, self._model, self._key)

    async def _answer(self, texts: list[str], attempts: int, stop: Callable[[], bool]) -> httpx.Response:
        """Send until a reply is final, or the last attempt is over."""
        retrying = AsyncRetrying(
            sleep=partial(_sleep, stop=stop),
            retry=retry_if_result(_again),
            wait=lambda state: _wait(_sent(state), state.attempt_number - 1) or 0.0,
            stop=stop_after_attempt(attempts),
            retry_error_callback=_sent,
        )
        sent: httpx.Response | EmbeddingFailure = await retrying(self._unless_stopped, texts, stop)
        if isinstance(sent, httpx.Response):
            return sent
        raise sent

    async def _unless_stopped(self, texts: list[str], stop: Callable[[], bool]) -> httpx.Response | EmbeddingFailure:
        if stop():
            raise Stopped
        return await self._send(texts)

    async def _send(self, texts: list[str]) -> httpx.Response | EmbeddingFailure:
        body: dict[str, object] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._asked_dimensions is not None:
            body["dimensions"] = self._asked_dimensions
        try:
            return await self._client().post(self._url, json=body)
        except RefusedReplyError as error:
            raise ServiceRefused(
                f"The embedding service at {self._host} {error}.", "Check it, and any proxy before it."
            ) from None
        except httpx.RequestError as error:
            reason = str(error) or type(error).__name__
            return ServiceUnavailable(
                f"The embedding service at {self._host} cannot be reached ({reason}).",
                "Start it, or check VECTOR_STORES_EMBEDDER_BASE_URL.",
            )

    def _vectors(self, content: bytes, count: int) -> "NDArray[np.float32]":
        try:
            vectors = vectors_of(content, count)
        except UnreadableReply as error:
            raise ServiceRefused(
                f"The embedding service at {self._host} cannot be used: {error}.",
                "Check VECTOR_STORES_EMBEDDER_BASE_URL and the model's name.",
            ) from error
        if self._dimensions is None:
            self._dimensions = int(vectors.shape[1])
        if vectors.shape[1] != self._dimensions:
            raise ServiceRefused(
                f"The embedding service at {self._host} returned {vectors.shape[1]} dimensions instead of "
                f"{self._dimensions}.",
                "Vectors of two models cannot be mixed: set VECTOR_STORES_EMBEDDER back, or reindex.",
            )
        return vectors


def _sent(state: RetryCallState) -> httpx.Response | EmbeddingFailure:
    """Return the outcome of the attempt that has just ended."""
    return cast("Future[httpx.Response | EmbeddingFailure]", state.outcome).result()


def _again(sent: httpx.Response | EmbeddingFailure) -> bool:
    if isinstance(sent, httpx.Response) and (not worth_repeating(sent) or permanent(sent)):
        return False
    return _wait(sent, 0) is not None


def _wait(sent: httpx.Response | EmbeddingFailure, attempt: int) -> float | None:
    return seconds_to_wait(sent if isinstance(sent, httpx.Response) else None, attempt)


async def _sleep(seconds: float, stop: Callable[[], bool]) -> None:
    """Sleep, and end early when there is reason to stop."""
    end = anyio.current_time() + seconds
    while not stop() and anyio.current_time() < end:  # noqa: ASYNC110 - `stop` is a question, not an event
        await anyio.sleep(min(_ASK_STOP_SECONDS, end - anyio.current_time()))
