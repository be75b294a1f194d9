"""An OAuth issuer's signing keys, found by its metadata (RFC 8414, OpenID Connect Discovery) and kept for a while."""

import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import jwt
from pydantic import BaseModel

from vectorstores_server.http.auth import is_loopback
from vectorstores_server.system.logs import event
from vectorstores_server.system.replies import PLAIN, bounded
from vectorstores_tools.contract.errors import InvalidRequest, Unavailable

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key. Never HMAC: a server that can check such a token could also make one."""
SECONDS_BETWEEN_FETCHES = 30.0
SECONDS_GOOD = 3_600.0
SECONDS_TRUSTED = 86_400.0
"""Seconds for which keys are used that could not be refreshed."""
SECONDS_TO_ANSWER = 5.0
MOST_BYTES = 1024 * 1024


class IssuerKeys:
    """Fetched when first needed, after an hour, and when a key id is unknown, but twice in a minute at most.

    `clock` returns seconds that only grow. Raises InvalidRequest for an issuer that others could speak for.
    """

    def __init__(
        self,
        issuer: str,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _is_safe(issuer):
            raise InvalidRequest(f"The OAuth issuer {issuer} is not an https URL.", "Set it to one.")
        self.issuer = issuer
        self._transport = transport
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = anyio.Lock()

    async def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key of that id (the only one where the token names none), None when the issuer has no such key.

        Raises Unavailable where that cannot be told because the issuer does not answer.
        """
        # While the issuer is slow, only one of those whose key is merely old waits for it.
        if self._wanting(key_id) and not (self._find(key_id) and self._fetching.locked()):
            async with self._fetching:
                if self._wanting(key_id) and self._age(self._tried_at) > SECONDS_BETWEEN_FETCHES:
                    await self._refresh()
        found = self._find(key_id)
        if found is None and self._fetched_at < self._tried_at:
            raise Unavailable(
                "The token cannot be checked: the keys of its issuer are out of reach.", "Try again shortly."
            )
        return found

    def _wanting(self, key_id: str | None) -> bool:
        return self._find(key_id) is None or self._age(self._fetched_at) > SECONDS_GOOD

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if self._age(self._fetched_at) > SECONDS_TRUSTED:
            return None
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id or "")

    def _age(self, moment: float) -> float:
        return self._clock() - moment

    async def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            async with httpx.AsyncClient(
                transport=self._transport, timeout=SECONDS_TO_ANSWER, headers=PLAIN, event_hooks=bounded(MOST_BYTES)
            ) as client:
                self._keys = await _keys_of(client, self.issuer)
            self._fetched_at = self._tried_at
        except (httpx.HTTPError, httpx.InvalidURL, jwt.PyJWTError, ValueError) as error:
            extra = event("issuer_unreachable", issuer=self.issuer)
            log.warning("The keys of %s cannot be fetched: %s", self.issuer, _reason(error), extra=extra)


class _Metadata(BaseModel):
    issuer: str
    jwks_uri: str


class _KeySet(BaseModel):
    keys: list[dict[str, Any]]


async def _keys_of(client: httpx.AsyncClient, issuer: str) -> dict[str, jwt.PyJWK]:
    reply = await client.get(await _keys_address(client, issuer))
    if reply.status_code != 200:
        raise ValueError(f"its jwks_uri answers {reply.status_code}")
    keys = jwt.PyJWKSet(_KeySet.model_validate_json(reply.content).keys).keys
    return {k.key_id or "": k for k in keys if k.algorithm_name in ALGORITHMS and k.public_key_use in (None, "sig")}


async def _keys_address(client: httpx.AsyncClient, issuer: str) -> str:
    for address in _metadata_addresses(issuer):
        reply = await client.get(address)
        if reply.status_code != 200:
            continue
        metadata = _Metadata.model_validate_json(reply.content)
        if metadata.issuer.rstrip("/") == issuer.rstrip("/") and _is_safe(metadata.jwks_uri):
            return metadata.jwks_uri
        raise ValueError(f"{address} is about another issuer, or names keys that are not on https")
    raise ValueError("it publishes no metadata")


def _metadata_addresses(issuer: str) -> list[str]:
    """Return the metadata's addresses: RFC 8414 puts the well-known part before an issuer's path, OpenID after it."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return [
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/openid-configuration{path}",
    ]


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def _reason(error: Exception) -> str:
    """Return the reason without the issuer's words, which pydantic and PyJWT repeat."""
    ours = type(error) is ValueError
    return str(error) if ours else type(error).__name__
