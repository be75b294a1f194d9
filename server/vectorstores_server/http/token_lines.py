"""A token as an operator writes it: what it may do and see, then the token, with spaces between.

TOKEN                                    sees and changes every store
ro:TOKEN                                 only reads
store:vs_1 store:vs_2 TOKEN              sees these stores alone
meta:team=blue ro:TOKEN                  sees the stores with these metadata alone, and only reads
"""

import re
from dataclasses import dataclass, field

from vectorstores_server.bounds.words import BadBound, bounds_of, is_bound
from vectorstores_tools.contract.bounds import StoreBounds
from vectorstores_tools.contract.errors import InvalidRequest

READ_ONLY_MARK = "ro:"
FORM = "Write ro:, store:ID and meta:KEY=VALUE before a token, with spaces between, and the token last."


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One token, as clients send it, with its bounds and whether it only reads."""

    secret: str = field(repr=False)
    read_only: bool = False
    bounds: StoreBounds | None = None

    @classmethod
    def of(cls, number: int, written: str) -> "TokenLine":
        """Read the `number`th token. Raises InvalidRequest, which quotes nothing: any word may be the secret."""
        *words, last = re.split(r"[ \t]+", written.strip(" \t"))
        read_only = last.startswith(READ_ONLY_MARK) or READ_ONLY_MARK in words
        secret = last.removeprefix(READ_ONLY_MARK)
        if is_bound(secret):
            raise InvalidRequest(f"Token {number} ends with a bound, where the token should stand.", FORM)
        if not secret or not secret.isascii() or not secret.isprintable():
            raise InvalidRequest(
                f"Token {number} cannot be sent as a bearer token.",
                "Use visible ASCII characters without a space; `openssl rand -hex 32` makes a good one.",
            )
        try:
            bounds = bounds_of(word for word in words if word != READ_ONLY_MARK)
        except BadBound as error:
            raise InvalidRequest(f"Token {number} has a bound that cannot be read: {error}.", FORM) from None
        return cls(secret, read_only, bounds)
