"""Tokens of the bundled model's WordPiece: what passages and chunks are measured in."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

LONGEST_WORD = 100
"""Characters of a word beyond which WordPiece gives one [UNK], however long the word is."""
CHARACTERS_A_TOKEN = 4
"""Characters that are counted as one token of such a word."""
BLOCK = 100_000
"""Characters tokenised at a time: one call on a long text takes 150 bytes a character and three times the time."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACE_TABLE = 0x3001


@cache
def wordpiece() -> "Tokenizer":
    """Return the model's tokenizer as it was trained, never padding or cutting; `[CLS]` in a text is plain text."""
    data = files("vectorstores_server.engines.local.embedding") / "data" / "tokenizer.json"
    return as_trained(data.read_text(encoding="utf-8"))


def as_trained(definition: str) -> "Tokenizer":
    """Return the tokenizer of a definition, without padding or cutting; special tokens in a text are plain text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(definition)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True
    return tokenizer


def encodable(text: str) -> str:
    """`text` of the same length without lone surrogates, which no tokenizer and no JSON in UTF-8 can carry."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


class TokenCounter:
    """Counts and places tokens. Made at no cost; the tokenizer is loaded at the first use and shared."""

    def offsets(self, text: str) -> "NDArray[np.int32]":
        """Return the places of the tokens: rows of (start, end), in code points, in order.

        Every character that is not white space lies in a token: what the tokenizer drops (accents, control
        characters) belongs to the token before it. Tokens of one character may share it (a Hangul syllable has three).
        """
        import numpy as np

        return np.concatenate([np.empty((0, 2), np.int32), *self.blocks(text)])

    def blocks(self, text: str) -> "Iterator[NDArray[np.int32]]":
        """Yield the offsets of one block of the text after the other: a long one is some seconds of work."""
        for start, end in _blocks(text):
            yield _tokenise(text[start:end]) + start

    def count(self, text: str) -> int:
        """Return the number of tokens."""
        return sum(len(_tokenise(text[start:end])) for start, end in _blocks(text))


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Ranges of at most BLOCK characters that end at white space, where there is any."""
    start = 0
    while start < len(text):
        end = min(start + BLOCK, len(text))
        if end < len(text):
            head = text[start:end].rsplit(None, 1)
            end = start + len(head[0]) if len(head) == 2 and head[0] else end
        yield start, end
        start = end


def _tokenise(text: str) -> "NDArray[np.int32]":
    import numpy as np

    text = encodable(text)
    visible = np.flatnonzero(~_is_space(text))
    if not len(visible):
        return np.empty((0, 2), np.int32)
    first, last = int(visible[0]), int(visible[-1])
    placed = wordpiece().encode(text, add_special_tokens=False).offsets
    spans = np.array(placed or [(first, last + 1)], np.int32)
    spans[0, 0] = first
    return _split_long(_without_gaps(spans, visible))


def _is_space(text: str) -> "NDArray[np.bool]":
    import numpy as np

    codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
    return _spaces()[np.minimum(codes, _SPACE_TABLE)]


@cache
def _spaces() -> "NDArray[np.bool]":
    """Return a flag for each code point up to U+3000, the last white space: whether it is one; one more for others."""
    import numpy as np

    return np.array([chr(code).isspace() for code in range(_SPACE_TABLE)] + [False])


def _without_gaps(spans: "NDArray[np.int32]", visible: "NDArray[np.intp]") -> "NDArray[np.int32]":
    """Stretch each token over the visible characters between it and the next."""
    import numpy as np

    nexts = np.append(spans[1:, 0], visible[-1] + 1)
    before_next = visible[np.maximum(np.searchsorted(visible, nexts) - 1, 0)] + 1
    spans[:, 1] = np.maximum.accumulate(np.maximum(spans[:, 1], np.minimum(before_next, nexts)))
    return spans


def _split_long(spans: "NDArray[np.int32]") -> "NDArray[np.int32]":
    """Replace each token above LONGEST_WORD by tokens of CHARACTERS_A_TOKEN."""
    import numpy as np

    length = spans[:, 1] - spans[:, 0]
    long = length > LONGEST_WORD
    if not long.any():
        return spans
    pieces = np.where(long, -(-length // CHARACTERS_A_TOKEN), 1)
    which = np.repeat(np.arange(len(spans)), pieces)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    split, inside = spans[which], long[which]
    split[:, 0] += nth * CHARACTERS_A_TOKEN
    split[inside, 1] = np.minimum(split[inside, 0] + CHARACTERS_A_TOKEN, split[inside, 1])
    return split
