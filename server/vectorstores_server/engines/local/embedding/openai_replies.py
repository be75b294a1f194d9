"""Replies of /v1/embeddings: vectors, or why there are none. Servers say the same things in many ways."""

import json
import re
from typing import TYPE_CHECKING, Any, cast

import httpx

from vectorstores_server.engines.http_retries import out_of_quota
from vectorstores_server.engines.local.embedding.errors import EmbeddingFailure, ServiceRefused, ServiceUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ITEMS = re.compile(
    r"batch|max_tokens_per_request|too many (inputs|items|texts)|(array|input).{0,40}(long|at most)", re.IGNORECASE
)
_INPUT_TOO_LONG = re.compile(
    r"too large to process|maximum context length|input is too long|must have less than", re.IGNORECASE
)
_LONGEST_QUOTE = 300


class UnreadableReply(ValueError):
    """A 200 that holds no usable vectors; the text says what is wrong with it."""


def vectors_of(content: bytes, count: int) -> "NDArray[np.float32]":
    """Return `count` vectors of length 1, in the order of the inputs. Raises UnreadableReply."""
    import numpy as np

    try:
        items = json.loads(content)["data"]
        items = sorted(items, key=lambda item: item.get("index", 0))
        vectors = np.array([item["embedding"] for item in items], np.float32)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableReply("its answer is not a list of embeddings of numbers of one length") from error
    if len(items) != count:
        raise UnreadableReply(f"it returned {len(items)} vectors for {count} texts")
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise UnreadableReply("its answer holds no vectors")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise UnreadableReply("it returned a vector without direction (zeros, or not a number)")
    return vectors / lengths


def error_of(response: httpx.Response) -> tuple[str, str]:
    """Code and message of an error answer, whatever its form; both may be empty."""
    try:
        body: Any = response.json()
    except ValueError:
        return "", response.text[:_LONGEST_QUOTE].strip()
    error: Any = cast("dict[str, Any]", body).get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return "", str(error)[:_LONGEST_QUOTE]
    error = cast("dict[str, Any]", error)
    code = error.get("code") or error.get("type") or error.get("error_type") or ""
    message = error.get("message") or error.get("detail") or error.get("msg") or ""
    return str(code), str(message)[:_LONGEST_QUOTE]


def too_many(response: httpx.Response) -> bool:
    """Tell whether fewer texts in one request may succeed."""
    if response.status_code == 413:
        return True
    return response.status_code in (400, 422) and bool(_ITEMS.search(" ".join(error_of(response))))


def permanent(response: httpx.Response) -> bool:
    """Tell whether an answer that looks temporary is not: no money left, or a text that will never fit."""
    return out_of_quota(response) or bool(_INPUT_TOO_LONG.search(error_of(response)[1]))


def failure_of(response: httpx.Response, host: str, model: str, secret: str | None) -> EmbeddingFailure:
    """Return the error that says what this answer means. What the server wrote is quoted without the key."""
    code, message = error_of(response)
    if secret:
        message = message.replace(secret, "[key]")
    quoted = f"{response.status_code}: {message or code or response.reason_phrase}".rstrip(".")
    fact = f"The embedding service at {host} refused ({quoted})."
    status = response.status_code
    if status in (401, 403):
        return ServiceRefused(fact, "Set VECTOR_STORES_EMBEDDER_API_KEY to a key that may use it.")
    if out_of_quota(response):
        return ServiceRefused(fact, "Its account has no quota left: check the plan and its billing.")
    if _INPUT_TOO_LONG.search(message):
        return ServiceRefused(fact, "A text of 254 tokens must fit: give that server a larger batch or context size.")
    if status == 404:
        return ServiceRefused(fact, f"Check that it has the model {model!r}, and VECTOR_STORES_EMBEDDER_BASE_URL.")
    if status == 413:
        return ServiceRefused(fact, "It does not take even one text of this size: raise its limit.")
    if status in (408, 409, 429) or status >= 500:
        busy = f"The embedding service at {host} is not available now ({quoted})."
        return ServiceUnavailable(busy, "Try again later.")
    return ServiceRefused(fact, f"Check the model's name ({model!r}), VECTOR_STORES_EMBEDDER_DIMENSIONS and _BATCH.")
