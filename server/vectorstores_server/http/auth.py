"""Authentication: static tokens compared in constant time, or another verifier; and its need at a reachable address."""

import hmac
import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vectorstores_server.http.token_lines import TokenLine
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.errors import InvalidRequest

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller. `name` stands in logs and counts; it is never the token.

    `expires_at` is the Unix time after which the token is no longer valid; without `bounds` it sees every store.
    """

    name: str
    read_only: bool = False
    expires_at: float | None = None
    bounds: StoreBounds | None = None


ANYBODY = Caller("anybody")


class Verifier(Protocol):
    """Tells who a bearer token belongs to."""

    async def caller(self, token: str) -> Caller | None:
        """Return the token's caller, None if it is not (or no longer) valid. Raises Unavailable if that is unknown."""
        ...


@dataclass(frozen=True, slots=True)
class StaticTokens:
    """Tokens that the operator set, each with what it may do and see before it, as `TokenLine` reads it.

    Raises InvalidRequest for one that no client could send, or that is listed twice.
    """

    tokens: Sequence[str] = field(repr=False)
    lines: Sequence[TokenLine] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse tokens that would never match, or match by accident."""
        lines = [TokenLine.of(number, written) for number, written in enumerate(self.tokens, 1)]
        secrets = [line.secret for line in lines]
        for number, secret in enumerate(secrets, 1):
            if secret in secrets[: number - 1]:
                raise InvalidRequest(f"Token {number} is set twice.", "Give each client a token of its own.")
        object.__setattr__(self, "lines", tuple(lines))

    async def caller(self, token: str) -> Caller | None:
        """Compare with every token, so that the time does not tell how close a guess was."""
        found: Caller | None = None
        given = token.encode()
        for number, line in enumerate(self.lines, 1):
            if hmac.compare_digest(given, line.secret.encode()):
                found = Caller(f"token-{number}", line.read_only, bounds=line.bounds)
        return found

    @property
    def are_bound(self) -> bool:
        """True where some token does not see every store."""
        return any(line.bounds is not None for line in self.lines)


@dataclass(frozen=True, slots=True)
class OwnerToken:
    """The token of an owner who can read the data directory; each server makes a new one."""

    secret: str = field(repr=False)
    name: str

    async def caller(self, token: str) -> Caller | None:
        """Compare in constant time."""
        same = hmac.compare_digest(token.encode(), self.secret.encode())
        return Caller(self.name) if same else None


@dataclass(frozen=True, slots=True)
class AnyVerifier:
    """The first verifier that knows the token."""

    verifiers: Sequence[Verifier]

    async def caller(self, token: str) -> Caller | None:
        """Ask the verifiers one after the other."""
        for verifier in self.verifiers:
            if (caller := await verifier.caller(token)) is not None:
                return caller
        return None


def check_bind(
    host: str, tokens: Collection[str], allowed_hosts: Collection[str], *, oauth_issuer: str | None = None
) -> None:
    """Refuse to listen where other machines reach the port, unless a token and a host name are set.

    Raises InvalidRequest. An OAuth issuer stands for the tokens. A name other than `localhost` counts as reachable.
    """
    if is_loopback(host):
        return
    missing = [
        *(
            []
            if tokens or oauth_issuer
            else ["a token (VECTOR_STORES_TOKENS, VECTOR_STORES_TOKENS_FILE or VECTOR_STORES_OAUTH_ISSUER)"]
        ),
        *([] if allowed_hosts else ["the name that clients call it by (--allowed-host NAME)"]),
    ]
    if missing:
        raise InvalidRequest(
            f"Other machines can reach {host or 'every address'}: it is not served without {' and '.join(missing)}.",
            "Set that, or serve on 127.0.0.1.",
        )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a port bound to `host`."""
    bare = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost"


def answered_hosts(allowed_hosts: Collection[str]) -> frozenset[str]:
    """Return the values of a Host header that are answered, in lower case: loopback, and what the operator allows.

    A name without a port answers on any. Raises InvalidRequest for what a Host header never holds.
    """
    names = [name.strip().lower() for name in allowed_hosts]
    for name in names:
        if not name or any(character in name for character in "/*@ "):
            raise InvalidRequest(
                f"'{name}' is not a host name.",
                "--allowed-host takes a name or name:port, as clients send it; repeat it.",
            )
    return LOOPBACK | {f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name for name in names}
