"""OAuth resource-server mode: JWTs of one issuer for one audience (RFC 9068), and where to get them (RFC 9728)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier

from vectorstores_server.bounds.words import BadBound, bounds_of, is_bound
from vectorstores_server.http.auth import Caller
from vectorstores_server.http.jwks import ALGORITHMS, IssuerKeys
from vectorstores_server.http.policy import METADATA, WRITE_SCOPE

READ_SCOPE = "vector_stores:read"
SCOPES = "vector_stores:"
"""The beginning of our scopes; `vector_stores:store:ID` and `vector_stores:meta:KEY=VALUE` are bounds."""
LEEWAY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class ResourceServer:
    """OAuth as it is set up: the verifier of tokens, the metadata document, and its address."""

    verifier: "JwtVerifier"
    metadata: Mapping[str, Any]
    metadata_url: str


def resource_server(issuer: str, audience: str, transport: httpx.AsyncBaseTransport | None = None) -> ResourceServer:
    """Return it for an issuer and an audience, our own URL, without network access. Raises InvalidRequest."""
    parts = urlsplit(audience)
    return ResourceServer(
        JwtVerifier(IssuerKeys(issuer, transport), audience),
        resource_metadata(issuer, audience),
        f"{parts.scheme}://{parts.netloc}{METADATA}{parts.path.rstrip('/')}",
    )


class JwtVerifier(TokenVerifier):
    """The SDK's TokenVerifier over an issuer's keys. A token with the read scope, not the write one, only reads."""

    def __init__(self, keys: IssuerKeys, audience: str) -> None:
        self._keys = keys
        self._audience = audience

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the token's claims; None where signature, issuer, audience or time is not valid, or it names nobody.

        Raises Unavailable where the issuer's keys cannot be had.
        """
        try:
            key = await self._keys.key(_key_id(token))
            claims = self._claims(token, key) if key else None
        except (jwt.PyJWTError, ValueError, RecursionError):  # the header is parsed before the token is verified
            return None
        client = str(claims.get("client_id") or claims.get("azp") or "") if claims else ""
        if not claims or not (client or claims.get("sub")):
            return None
        return AccessToken(
            token=token,
            client_id=client,
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]),
            resource=self._audience,
            subject=claims.get("sub"),
            claims={"iss": claims["iss"]},
        )

    async def caller(self, token: str) -> Caller | None:
        """Return the token's caller, as the guard needs it; None also for bounds that cannot be read."""
        verified = await self.verify_token(token)
        if verified is None:
            return None
        words = [scope.removeprefix(SCOPES) for scope in verified.scopes if scope.startswith(SCOPES)]
        try:
            bounds = bounds_of(word for word in words if is_bound(word))
        except BadBound:
            return None
        name = f"oauth:{verified.subject}" if verified.subject else f"oauth-client:{verified.client_id}"
        read_only = READ_SCOPE in verified.scopes and WRITE_SCOPE not in verified.scopes
        return Caller(name, read_only, (verified.expires_at or 0) + LEEWAY_SECONDS, bounds)

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        """Return the claims of a token that this key signed, by this key's own algorithm."""
        return jwt.decode(
            token,
            key,
            algorithms=[name for name in ALGORITHMS if name == key.algorithm_name],
            audience=_with_and_without_slash(self._audience),
            issuer=_with_and_without_slash(self._keys.issuer),
            options={"require": ["exp", "iss", "aud"]},
            leeway=LEEWAY_SECONDS,
        )


def resource_metadata(issuer: str, audience: str) -> dict[str, Any]:
    """Return the document that tells a client where to get a token.

    Without `scopes_supported`: clients would ask for all of them, and an issuer that does not know them would refuse.
    """
    return {
        "resource": audience,
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "resource_name": "vector-stores-mcp",
    }


def _key_id(token: str) -> str | None:
    """Return the key id that the token names, before any of it is believed. Raises PyJWTError for what is no JWT."""
    header = jwt.get_unverified_header(token)
    if header.get("alg") not in ALGORITHMS:
        raise jwt.InvalidAlgorithmError
    key_id = header.get("kid")
    return key_id if isinstance(key_id, str) else None


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    """Return the scopes: `scope` is one text (RFC 9068); Entra and Okta say `scp`, a text or a list."""
    scope = claims.get("scope", claims.get("scp", ""))
    if isinstance(scope, str):
        return scope.split()
    return [str(scope_name) for scope_name in cast("list[object]", scope)] if isinstance(scope, list) else []


def _with_and_without_slash(url: str) -> list[str]:
    bare = url.rstrip("/")
    return [bare, f"{bare}/"]
