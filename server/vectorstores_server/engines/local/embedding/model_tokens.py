"""Texts as ids of the model's tokens, between those with which it begins and ends what it reads."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vectorstores_server.engines.local.embedding import unigram
from vectorstores_server.engines.local.embedding.models import ModelCard
from vectorstores_server.engines.local.embedding.tokenizer import as_trained, encodable, wordpiece

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_CLS, _SEP = 101, 102

TokenIds = Callable[[str], list[int]]


def token_ids(card: ModelCard, tokenizer: Path, arrays: "Mapping[str, NDArray[Any]]") -> TokenIds:
    """Return a function from a text to the ids that the model reads, as many as its window holds."""
    if card.tokens == "unigram":
        from vectorstores_server.engines.local.embedding.prepared import pieces_of

        pieces = unigram.Unigram(pieces_of(arrays))
        return lambda text: _between(unigram.BEGIN, pieces.encode(encodable(text)), unigram.END, card.window)
    own = wordpiece() if card.tokens == "bundled" else _from_file(tokenizer)
    return lambda text: _between(_CLS, own.encode(encodable(text), add_special_tokens=False).ids, _SEP, card.window)


def _between(first: int, ids: list[int], last: int, window: int) -> list[int]:
    return [first, *ids[: window - 2], last]


@cache
def _from_file(path: Path) -> "Tokenizer":
    return as_trained(path.read_text(encoding="utf-8"))
