"""Who is asking: static tokens compared in constant time, or JWTs of an OAuth issuer."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

READ_ONLY_MARK = "ro:"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may come in. `name` stands in logs and counts; it is never the token."""

    name: str
    read_only: bool = False


ANYBODY = Caller("anybody")


class Verifier(Protocol):
    """Tells who a bearer token belongs to."""

    async def caller(self, token: str) -> Caller | None:
        """Return who it is, None for a token that is not (or no longer) good."""
        ...


@dataclass(frozen=True, slots=True)
class StaticTokens:
    """Tokens that the operator set; one that begins with `ro:` may only read, and is sent without the mark."""

    tokens: Sequence[str] = field(repr=False)

    async def caller(self, token: str) -> Caller | None:
        """Compare with every token, so that the time tells nothing of which was near."""
        found: Caller | None = None
        given = token.encode()
        for number, known in enumerate(self.tokens, 1):
            read_only = known.startswith(READ_ONLY_MARK)
            if hmac.compare_digest(given, known.removeprefix(READ_ONLY_MARK).encode()):
                found = Caller(f"token-{number}", read_only)
        return found


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The first verifier that knows the token."""

    verifiers: Sequence[Verifier]

    async def caller(self, token: str) -> Caller | None:
        """Ask one after the other."""
        for verifier in self.verifiers:
            if (caller := await verifier.caller(token)) is not None:
                return caller
        return None
