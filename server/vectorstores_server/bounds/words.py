"""Bounds as an operator writes them, before a token or in an OAuth scope: `store:ID` and `meta:KEY=VALUE`."""

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from vectorstores_tools.contract.bounds import StoreBounds

STORE, META = "store:", "meta:"
LONGEST_KEY, LONGEST_VALUE = 64, 512
_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class BadBound(ValueError):
    """A word that is no bound, or contradicts another; the message does not quote it."""


def is_bound(word: str) -> bool:
    """Tell whether a word begins as a bound does."""
    return word.startswith((STORE, META))


def bounds_of(words: Iterable[str]) -> StoreBounds | None:
    """Return the bounds that words give together, None for no word. Raises BadBound."""
    stores, pairs = set[str](), dict[str, str]()
    for word in words:
        if word.startswith(STORE):
            stores.add(_store(word.removeprefix(STORE)))
        elif word.startswith(META):
            key, value = _pair(word.removeprefix(META))
            if pairs.setdefault(key, value) != value:
                raise BadBound("two values of one key of metadata contradict each other")
        else:
            raise BadBound("what stands before a token is ro:, store:ID or meta:KEY=VALUE")
    return StoreBounds(frozenset(stores), tuple(sorted(pairs.items()))) if stores or pairs else None


def _store(written: str) -> str:
    if not _ID.fullmatch(written):
        raise BadBound("store: is followed by the id of a store")
    return written


def _pair(written: str) -> tuple[str, str]:
    """Return a key and its value, in which %20 stands for a space and %2C for a comma."""
    key, equals, value = written.partition("=")
    key, value = _plain(key), _plain(value)
    if not equals or not 0 < len(key) <= LONGEST_KEY or not 0 < len(value) <= LONGEST_VALUE:
        raise BadBound("meta: is followed by KEY=VALUE, as a store's metadata have it")
    return key, value


def _plain(written: str) -> str:
    if _BROKEN_ESCAPE.search(written):
        raise BadBound("a % in meta: is followed by two hexadecimal digits")
    try:
        text = unquote_to_bytes(written).decode()
    except UnicodeDecodeError:
        raise BadBound("what % stands for in meta: is UTF-8") from None
    if "\0" in text:
        raise BadBound("U+0000 cannot stand in metadata")
    return text
