"""A double of an OAuth issuer: its metadata and keys over httpx, and tokens signed with them."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from jwt.algorithms import ECAlgorithm

ISSUER = "https://issuer.example/tenant"
AUDIENCE = "https://vs.example/mcp"
KEYS = "https://issuer.example/keys"


@dataclass
class Issuer:
    """What it publishes can be changed; `asked` are the paths it was asked for."""

    name: str = ISSUER
    well_known: str = "/.well-known/oauth-authorization-server/tenant"
    up: bool = True
    keys_url: str = KEYS
    keys: dict[str, EllipticCurvePrivateKey] = field(default_factory=dict[str, EllipticCurvePrivateKey])
    more_keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asked: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.rotate("first")

    def rotate(self, key_id: str) -> None:
        """Sign with a new key from now on; the one before is gone."""
        self.keys = {key_id: ec.generate_private_key(ec.SECP256R1())}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if not self.up:
            raise httpx.ConnectError("no route", request=request)
        if request.url.path == self.well_known:
            return httpx.Response(200, json={"issuer": self.name, "jwks_uri": self.keys_url})
        if str(request.url) == KEYS:
            return httpx.Response(200, json={"keys": [*map(self.public, self.keys), *self.more_keys]})
        return httpx.Response(404)

    def public(self, key_id: str) -> dict[str, Any]:
        key: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self.keys[key_id].public_key()))
        return {**key, "kid": key_id, "use": "sig", "alg": "ES256"}

    def token(self, *, without: str = "", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Sign a good token, but for what is said otherwise."""
        key_id, key = next(iter(self.keys.items()))
        now = int(time.time())
        good = {"iss": self.name, "aud": AUDIENCE, "exp": now + 600, "iat": now, "sub": "ann", "client_id": "app"}
        said = {name: value for name, value in {**good, **claims}.items() if name != without}
        return jwt.encode(said, key, "ES256", {"kid": key_id, **(headers or {})})
