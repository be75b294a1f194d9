"""Files whose encoding a person has stated: they enter as UTF-8, which every engine reads without a guess."""

import codecs
import hashlib
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from anyio import to_thread

from vectorstores_server.intake.files import once
from vectorstores_tools.contract.characters import line
from vectorstores_tools.contract.errors import InvalidRequest
from vectorstores_tools.contract.intake import Source

_LARGEST = 100_000_000  # longer text is refused by every engine
_OF_THEIR_OWN = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    codecs.BOM_UTF8,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
)
"""The first bytes of files that are no plain text, or that declare their own encoding."""


@asynccontextmanager
async def in_utf_8(opened: AbstractAsyncContextManager[Source], encoding: str) -> AsyncGenerator[Source]:
    """Yield the source in UTF-8, if it is plain text in `encoding`; as it is, if it is UTF-8 already or no text."""
    async with opened as source:
        if source.size > _LARGEST:
            yield source
            return
        data = b"".join([piece async for piece in source.stream])
        text = await to_thread.run_sync(_decoded, data, encoding, source.filename)
        if text is not None:
            data = text.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        yield replace(source, sha256=sha256, size=len(data), stream=once(data))


def _decoded(data: bytes, encoding: str, filename: str) -> str | None:
    if data.startswith(_OF_THEIR_OWN) or (b"\0" in data and not encoding.startswith(("utf-16", "utf-32"))):
        return None
    if not data.isascii() and _is_utf_8(data):
        return None
    try:
        return data.decode(encoding)
    except UnicodeError:
        raise InvalidRequest(
            f"'{line(filename)}' is not in {encoding}.", "State another encoding, or none: then it is guessed."
        ) from None


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
