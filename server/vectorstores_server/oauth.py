"""OAuth resource-server mode: JWTs of one issuer for one audience, checked against its cached keys.

RFC 9068 (JWT access tokens), RFC 8414 (issuer metadata), RFC 9728 (protected-resource metadata).
"""

import time
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier

from vectorstores_server.access import Caller

METADATA_PATHS = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "PS256", "PS384", "PS512", "EdDSA")
SECONDS_BETWEEN_FETCHES = 30.0
SECONDS_KEYS_ARE_GOOD = 3_600.0
READ_SCOPE, WRITE_SCOPE = "vector_stores:read", "vector_stores:write"


@dataclass
class IssuerKeys:
    """An issuer's signing keys: fetched when first needed, again when an unknown key id comes or after an hour."""

    issuer: str
    client: httpx.AsyncClient
    fetched_at: float = float("-inf")
    keys: dict[str, jwt.PyJWK] = field(default_factory=dict[str, jwt.PyJWK])
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key of that id (the only one where the token names none), None when the issuer has no such key."""
        async with self.lock:
            age = time.monotonic() - self.fetched_at
            if age > SECONDS_KEYS_ARE_GOOD or (self._find(key_id) is None and age > SECONDS_BETWEEN_FETCHES):
                await self._fetch()
            return self._find(key_id)

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(key_id or "")

    async def _fetch(self) -> None:
        self.fetched_at = time.monotonic()
        address = await self._keys_address()
        if address is None:
            return
        reply = await self.client.get(address)
        if reply.status_code == 200:
            found = jwt.PyJWKSet.from_dict(reply.json()).keys
            self.keys = {key.key_id or "": key for key in found}

    async def _keys_address(self) -> str | None:
        for path in METADATA_PATHS:
            reply = await self.client.get(self.issuer.rstrip("/") + path)
            if reply.status_code == 200:
                said: dict[str, Any] = reply.json()
                return str(said["jwks_uri"]) if said.get("issuer", "").rstrip("/") == self.issuer.rstrip("/") else None
        return None


class JwtVerifier(TokenVerifier):
    """The SDK's TokenVerifier over an issuer's keys. A token with the read scope, not the write one, only reads."""

    def __init__(self, keys: IssuerKeys, audience: str) -> None:
        self._keys = keys
        self._audience = audience

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the token says, None where its signature, issuer, audience or time is not good."""
        try:
            key = await self._keys.key(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[a for a in ALGORITHMS if a == (key.algorithm_name or a)],
                audience=self._audience,
                issuer=self._keys.issuer,
                options={"require": ["exp", "iss", "aud"]},
                leeway=30,
            )
        except (jwt.PyJWTError, httpx.HTTPError, ValueError, KeyError):
            return None
        scopes = str(claims.get("scope", "")).split()
        client = str(claims.get("client_id", claims.get("azp", "")))
        return AccessToken(
            token=token, client_id=client, scopes=scopes, expires_at=int(claims["exp"]), subject=claims.get("sub")
        )

    async def caller(self, token: str) -> Caller | None:
        """Return who the token belongs to, as the guard asks it."""
        verified = await self.verify_token(token)
        if verified is None:
            return None
        read_only = READ_SCOPE in verified.scopes and WRITE_SCOPE not in verified.scopes
        return Caller(f"oauth:{verified.subject or verified.client_id}", read_only)


def resource_metadata(issuer: str, audience: str) -> dict[str, Any]:
    """Return the document that tells a client where to get a token (RFC 9728)."""
    return {
        "resource": audience,
        "authorization_servers": [issuer],
        "scopes_supported": [READ_SCOPE, WRITE_SCOPE],
        "bearer_methods_supported": ["header"],
        "resource_name": "vector-stores-mcp",
    }
